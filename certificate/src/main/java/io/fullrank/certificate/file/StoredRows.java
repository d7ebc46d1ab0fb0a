package io.fullrank.certificate.file;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.result.InsufficientMemoryException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * A matrix in an open file, whose rows are read when they are asked for and widened to f64 without
 * loss. Nothing of it is held in memory.
 */
public final class StoredRows implements Rows, AutoCloseable {

  private final MatrixFile file;
  private final StoredMatrix stored;
  private final boolean appendOnes;

  /**
   * Reads a part of a file.
   *
   * @param file the file, closed with this
   * @param stored where the matrix lies in it
   * @param appendOnes whether the column of ones that carries the bias follows the stored columns
   */
  StoredRows(MatrixFile file, StoredMatrix stored, boolean appendOnes) {
    this.file = file;
    this.stored = stored;
    this.appendOnes = appendOnes;
  }

  @Override
  public long rows() {
    return stored.rows();
  }

  @Override
  public long columns() {
    return stored.columns() + (appendOnes ? 1 : 0);
  }

  /**
   * Returns the same matrix with or without the column of ones, from the same open file, which this
   * closes.
   */
  public StoredRows withOnes(boolean ones) {
    return new StoredRows(file, stored, ones);
  }

  /** Returns the number of columns that the file holds. */
  public long storedColumns() {
    return stored.columns();
  }

  /** Returns the type of the stored entries, as safetensors files call it. */
  public String type() {
    return stored.type().name();
  }

  /**
   * Gives the rows to a reader who wants them one by one: from the file, or, where that holds the
   * matrix by columns, from memory.
   *
   * @param reader uses the rows until it returns
   * @throws InvalidMatrixFileException if the file cannot be read
   * @throws InsufficientMemoryException if the matrix is held by columns and does not fit
   */
  public void read(Consumer<Rows> reader) {
    if (stored.columnMajor()) {
      try (Matrix matrix = load()) {
        reader.accept(matrix);
      }
    } else {
      reader.accept(this);
    }
  }

  /**
   * Reads the whole matrix.
   *
   * @return the matrix, to be closed by the caller
   * @throws InvalidMatrixFileException if the file cannot be read
   * @throws InsufficientMemoryException if the matrix does not fit
   */
  public Matrix load() {
    return stored.read(appendOnes);
  }

  /**
   * Returns the SHA-256 of the stored entries, in their own type, row by row and little-endian.
   *
   * @throws InvalidMatrixFileException if the file cannot be read
   */
  public byte[] sha256() {
    return stored.sha256();
  }

  /**
   * Reads part of a row.
   *
   * @throws InvalidMatrixFileException if the file cannot be read, has become shorter, or holds the
   *     matrix by columns
   */
  @Override
  public void getRow(long row, long fromColumn, double[] into, int offset, int length) {
    Objects.checkIndex(row, rows());
    Objects.checkFromIndexSize(fromColumn, length, columns());
    Objects.checkFromIndexSize(offset, length, into.length);
    if (stored.columnMajor()) {
      throw file.invalid(
          "holds its matrix by columns (Fortran order), so that it can only be read as a whole, for"
              + " which there is too little memory; save it by rows (C order)");
    }
    int inFile = (int) Math.min(length, Math.max(0, stored.columns() - fromColumn));
    if (inFile > 0) {
      ByteBuffer bytes =
          ByteBuffer.allocate(Math.multiplyExact(inFile, stored.type().bytes()))
              .order(stored.order());
      long position =
          stored.start() + (row * stored.columns() + fromColumn) * stored.type().bytes();
      try {
        while (bytes.hasRemaining()) {
          if (file.channel().read(bytes, position + bytes.position()) < 0) {
            throw file.invalid("became shorter while it was read");
          }
        }
      } catch (IOException e) {
        throw file.unreadable(e);
      }
      stored.type().widen(bytes.flip(), 0, into, offset, inFile);
    }
    if (inFile < length) {
      into[offset + inFile] = 1;
    }
  }

  @Override
  public void close() {
    file.close();
  }
}
