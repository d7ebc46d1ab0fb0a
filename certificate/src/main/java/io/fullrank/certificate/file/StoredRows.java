package io.fullrank.certificate.file;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.result.InsufficientMemoryException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A matrix in an open file, whose rows are read when they are asked for and widened to f64 without
 * loss. Nothing of it is held in memory, but for {@link TransposedTiles tiles} of one that the file
 * holds by columns.
 */
public final class StoredRows implements Rows, AutoCloseable {

  private final MatrixFile file;
  private final StoredMatrix stored;
  private final boolean appendOnes;
  private final Optional<TransposedTiles> tiles;

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
    this.tiles = stored.columnMajor() ? Optional.of(new TransposedTiles(stored)) : Optional.empty();
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
   * @throws InvalidMatrixFileException if the file cannot be read or has become shorter, or if an
   *     entry is an integer beyond ±2^53
   * @throws InsufficientMemoryException if the tiles of a matrix held by columns do not fit
   */
  @Override
  public void getRow(long row, long fromColumn, double[] into, int offset, int length) {
    Objects.checkIndex(row, rows());
    Objects.checkFromIndexSize(fromColumn, length, columns());
    Objects.checkFromIndexSize(offset, length, into.length);
    int inFile = (int) Math.min(length, Math.max(0, stored.columns() - fromColumn));
    if (inFile > 0) {
      ByteBuffer bytes =
          ByteBuffer.allocate(Math.multiplyExact(inFile, stored.type().bytes()))
              .order(stored.order());
      if (tiles.isPresent()) {
        tiles.get().get(row, fromColumn, bytes);
      } else {
        readRow(row, fromColumn, bytes);
      }
      stored.widen(bytes.flip(), 0, into, offset, inFile);
    }
    if (inFile < length) {
      into[offset + inFile] = 1;
    }
  }

  private void readRow(long row, long fromColumn, ByteBuffer into) {
    try {
      file.read(
          stored.start() + (row * stored.columns() + fromColumn) * stored.type().bytes(), into);
    } catch (IOException e) {
      throw file.unreadable(e);
    }
  }

  @Override
  public void close() {
    tiles.ifPresent(TransposedTiles::close);
    file.close();
  }
}
