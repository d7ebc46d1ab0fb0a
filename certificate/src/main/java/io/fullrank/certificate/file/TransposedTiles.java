package io.fullrank.certificate.file;

import io.fullrank.certificate.matrix.NativeBytes;
import io.fullrank.certificate.result.InsufficientMemoryException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Rows of a matrix that a file holds by columns, some tiles of consecutive rows at a time. A tile
 * is read column by column, in pieces as long as it is high. Safe for use by several threads.
 */
final class TransposedTiles implements AutoCloseable {

  private static final long DEFAULT_BYTES = 1L << 29;

  /** Columns that are read before their entries are put into rows. */
  private static final int STRIP_COLUMNS = 64;

  private final StoredMatrix matrix;
  private final int rowBytes;
  private final int tileRows;
  private final int most;

  /** By number, the one that was used last at the end. */
  private final Map<Long, NativeBytes> tiles = new LinkedHashMap<>(16, 0.75f, true);

  /**
   * Prepares tiles of half a gigabyte together: one for each processor, since as many threads may
   * read in different places, and one more.
   *
   * @param matrix held by columns
   */
  TransposedTiles(StoredMatrix matrix) {
    this(matrix, DEFAULT_BYTES, Runtime.getRuntime().availableProcessors() + 1);
  }

  /**
   * Prepares tiles, none of which is read yet.
   *
   * @param matrix held by columns
   * @param bytes of all tiles that are held at a time, unless a row takes more
   * @param most the largest number of tiles that are held at a time
   */
  TransposedTiles(StoredMatrix matrix, long bytes, int most) {
    this.matrix = matrix;
    this.rowBytes = Math.toIntExact(matrix.columns() * matrix.type().bytes());
    this.most = most;
    this.tileRows = (int) Math.min(matrix.rows(), Math.max(1, bytes / most / rowBytes));
  }

  /**
   * Copies a part of a row, as the file has it.
   *
   * @param into (output) filled from its position to its limit
   * @throws InvalidMatrixFileException if the file cannot be read or has become shorter
   * @throws InsufficientMemoryException if the tiles do not fit
   */
  synchronized void get(long row, long fromColumn, ByteBuffer into) {
    NativeBytes tile = tile(row / tileRows);
    int length = into.remaining();
    long from = row % tileRows * rowBytes + fromColumn * matrix.type().bytes();
    tile.bytes(from).get(into.array(), into.arrayOffset() + into.position(), length);
    into.position(into.position() + length);
  }

  private NativeBytes tile(long number) {
    NativeBytes found = tiles.get(number);
    if (found == null) {
      if (tiles.size() == most) {
        tiles.remove(tiles.keySet().iterator().next()).close();
      }
      found = NativeBytes.allocate((long) tileRows * rowBytes, "rows of a matrix in Fortran order");
      tiles.put(number, found);
      try {
        read(number * tileRows, found);
      } catch (IOException e) {
        tiles.remove(number).close();
        throw matrix.file().unreadable(e);
      } catch (RuntimeException | Error e) {
        tiles.remove(number).close();
        throw e;
      }
    }
    return found;
  }

  private void read(long top, NativeBytes into) throws IOException {
    int height = (int) Math.min(tileRows, matrix.rows() - top);
    int width = matrix.type().bytes();
    ByteBuffer columns = ByteBuffer.allocate(Math.multiplyExact(STRIP_COLUMNS, height * width));
    byte[] row = new byte[STRIP_COLUMNS * width];
    for (long left = 0; left < matrix.columns(); left += STRIP_COLUMNS) {
      int count = (int) Math.min(STRIP_COLUMNS, matrix.columns() - left);
      for (int j = 0; j < count; j++) {
        columns.limit((j + 1) * height * width).position(j * height * width);
        matrix.file().read(matrix.start() + ((left + j) * matrix.rows() + top) * width, columns);
      }
      for (int i = 0; i < height; i++) {
        for (int j = 0; j < count; j++) {
          for (int b = 0; b < width; b++) {
            row[j * width + b] = columns.get((j * height + i) * width + b);
          }
        }
        into.bytes((long) i * rowBytes + left * width).put(row, 0, count * width);
      }
    }
  }

  @Override
  public synchronized void close() {
    tiles.values().forEach(NativeBytes::close);
    tiles.clear();
  }
}
