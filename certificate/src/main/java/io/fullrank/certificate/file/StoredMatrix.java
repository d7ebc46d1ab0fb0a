package io.fullrank.certificate.file;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.result.InsufficientMemoryException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * A dense matrix that fills a range of a file, which is mapped into memory window by window.
 *
 * @param file the file that it lies in
 * @param start the position of its first byte; the range lies within the file
 * @param rows at least 1
 * @param columns at least 1, such that rows × columns × the bytes of an entry is a {@code long}
 * @param type of the entries
 * @param order of each entry's bytes
 * @param columnMajor whether the first index varies fastest, as in Fortran
 */
record StoredMatrix(
    MatrixFile file,
    long start,
    long rows,
    long columns,
    ElementType type,
    ByteOrder order,
    boolean columnMajor) {

  /** A multiple of every type's bytes, so that no entry lies in two windows. */
  private static final int WINDOW_BYTES = 64 << 20;

  private static final int RUN = 1 << 14;

  /** Rows and columns of a tile that is transposed: half a megabyte of f64. */
  private static final int TILE_ROWS = 1 << 10;

  private static final int TILE_COLUMNS = 64;

  /** Of entries whose bytes are reversed for their digest; a multiple of every type's bytes. */
  private static final int DIGEST_BUFFER_BYTES = 1 << 20;

  /**
   * Reads the matrix.
   *
   * @param appendOnes whether to append the column of ones that carries the bias
   * @return the matrix, widened to f64 without loss, to be closed by the caller
   * @throws InvalidMatrixFileException if the file cannot be mapped, has become shorter since it
   *     was opened, or holds an integer beyond ±2^53
   * @throws InsufficientMemoryException if the matrix does not fit
   */
  Matrix read(boolean appendOnes) {
    Matrix matrix = Matrix.allocate(rows, appendOnes ? columns + 1 : columns);
    try {
      ByteBuffer[] windows = map();
      if (columnMajor) {
        inStrips(columns, (from, to) -> transpose(windows, matrix, from, to));
      } else {
        inStrips(rows, (from, to) -> copy(windows, matrix, from, to));
      }
      if (appendOnes) {
        matrix.fillColumn(columns, 1);
      }
      return matrix;
    } catch (InternalError fault) {
      matrix.close();
      throw lost(fault);
    } catch (IOException e) {
      matrix.close();
      throw file.unreadable(e);
    } catch (RuntimeException | Error e) {
      matrix.close();
      throw e;
    }
  }

  /**
   * Returns the SHA-256 of the entries, in their own type, row by row and little-endian, in
   * whatever order the file has them.
   *
   * @throws InvalidMatrixFileException if the file cannot be mapped, or has become shorter since it
   *     was opened
   */
  byte[] sha256() {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      if (columnMajor) {
        digestByRows(digest);
      } else if (order == ByteOrder.BIG_ENDIAN) {
        digestReversed(map(), digest);
      } else {
        for (ByteBuffer window : map()) {
          digest.update(window);
        }
      }
      return digest.digest();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    } catch (InternalError fault) {
      throw lost(fault);
    } catch (IOException e) {
      throw file.unreadable(e);
    }
  }

  /** By columns, in tiles that are put into rows first; the file is read once. */
  private void digestByRows(MessageDigest digest) {
    int width = type.bytes();
    ByteBuffer row = ByteBuffer.allocate(Math.toIntExact(columns * width));
    try (TransposedTiles tiles = new TransposedTiles(this)) {
      for (long i = 0; i < rows; i++) {
        tiles.get(i, 0, row.clear());
        if (order == ByteOrder.BIG_ENDIAN) {
          reverseEach(row.array(), width);
        }
        digest.update(row.array());
      }
    }
  }

  private static void reverseEach(byte[] entries, int width) {
    for (int at = 0; at < entries.length; at += width) {
      for (int b = 0; b < width / 2; b++) {
        byte swapped = entries[at + b];
        entries[at + b] = entries[at + width - 1 - b];
        entries[at + width - 1 - b] = swapped;
      }
    }
  }

  private void digestReversed(ByteBuffer[] windows, MessageDigest digest) {
    byte[] buffer = new byte[DIGEST_BUFFER_BYTES];
    for (ByteBuffer window : windows) {
      while (window.hasRemaining()) {
        int length = Math.min(buffer.length, window.remaining());
        window.get(buffer, 0, length);
        reverseEach(buffer, type.bytes());
        digest.update(buffer, 0, length);
      }
    }
  }

  private InvalidMatrixFileException lost(InternalError fault) {
    // The virtual machine throws this when a mapped page cannot be read.
    return file.invalid("became shorter, or its disk failed, while it was read", fault);
  }

  private void copy(ByteBuffer[] windows, Matrix matrix, long fromRow, long toRow) {
    double[] run = new double[(int) Math.min(columns, RUN)];
    for (long i = fromRow; i < toRow; i++) {
      for (long j = 0; j < columns; j += run.length) {
        int length = (int) Math.min(run.length, columns - j);
        widen(windows, i * columns + j, run, 0, length);
        matrix.setRow(i, j, run, 0, length);
      }
    }
  }

  private void transpose(ByteBuffer[] windows, Matrix matrix, long fromColumn, long toColumn) {
    int tileRows = (int) Math.min(rows, TILE_ROWS);
    int tileColumns = (int) Math.min(toColumn - fromColumn, TILE_COLUMNS);
    double[] tile = new double[tileRows * tileColumns];
    double[] row = new double[tileColumns];
    for (long j = fromColumn; j < toColumn; j += tileColumns) {
      int width = (int) Math.min(tileColumns, toColumn - j);
      for (long i = 0; i < rows; i += tileRows) {
        int height = (int) Math.min(tileRows, rows - i);
        for (int b = 0; b < width; b++) {
          widen(windows, (j + b) * rows + i, tile, b * tileRows, height);
        }
        for (int a = 0; a < height; a++) {
          for (int b = 0; b < width; b++) {
            row[b] = tile[b * tileRows + a];
          }
          matrix.setRow(i + a, j, row, 0, width);
        }
      }
    }
  }

  /** Cuts 0, …, length − 1 into strips, one for each processor, and reads them at the same time. */
  private static void inStrips(long length, Strip strip) {
    int strips = (int) Math.min(length, Runtime.getRuntime().availableProcessors());
    long rest = length % strips;
    long each = length / strips;
    // Returns or throws when all strips have ended: the matrix may be freed then.
    RowTiles.forEach(
        strips,
        strips,
        1,
        (part, s, to) ->
            strip.read(s * each + Math.min(s, rest), (s + 1) * each + Math.min(s + 1, rest)));
  }

  private interface Strip {
    void read(long from, long to);
  }

  private ByteBuffer[] map() throws IOException {
    long bytes = rows * columns * type.bytes();
    // A matrix that fits into memory has few windows.
    ByteBuffer[] windows = new ByteBuffer[Math.toIntExact((bytes - 1) / WINDOW_BYTES + 1)];
    for (int w = 0; w < windows.length; w++) {
      long from = (long) w * WINDOW_BYTES;
      long length = Math.min(WINDOW_BYTES, bytes - from);
      windows[w] =
          file.channel().map(FileChannel.MapMode.READ_ONLY, start + from, length).order(order);
    }
    return windows;
  }

  /** Widens {@code count} entries, from the given one on, in the order in which they are stored. */
  private void widen(ByteBuffer[] windows, long from, double[] into, int offset, int count) {
    int perWindow = WINDOW_BYTES / type.bytes();
    int done = 0;
    while (done < count) {
      long next = from + done;
      int index = (int) (next % perWindow);
      int length = (int) Math.min(count - done, perWindow - index);
      widen(windows[(int) (next / perWindow)], index, into, offset + done, length);
      done += length;
    }
  }

  /**
   * Widens entries as they are stored.
   *
   * @param from (input) entries from its position 0 on, in the matrix's byte order
   * @param index of the first one in {@code from}
   * @throws InvalidMatrixFileException if one is an integer that f64 may not hold
   */
  void widen(ByteBuffer from, int index, double[] into, int offset, int count) {
    try {
      type.widen(from, index, into, offset, count);
    } catch (ElementType.InexactIntegerException inexact) {
      throw file.invalid(inexact.getMessage(), inexact);
    }
  }
}
