package io.fullrank.client;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.fullrank.proto.v1.DataType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The features of the last hidden layer as computed, copied: n × m_H, training rows in a fixed
 * order, without the column of ones.
 */
public final class Features {

  /** The largest piece that the protocol has. */
  private static final int PIECE_BYTES = 1 << 20;

  private final long rows;
  private final long columns;
  private final DataType type;
  private final List<ByteString> pieces;
  private final Optional<String> fault;
  private ByteString sha256;

  private Features(long rows, long columns, DataType type, Writer entries) {
    this.rows = rows;
    this.columns = columns;
    this.type = type;
    this.pieces = entries.pieces();
    this.fault =
        entries.firstNotFinite < 0
            ? Optional.empty()
            : Optional.of(
                "the entry in row %d, column %d is not finite"
                    .formatted(entries.firstNotFinite / columns, entries.firstNotFinite % columns));
  }

  /**
   * Copies a float32 matrix.
   *
   * @param matrix n rows of m_H entries each
   * @throws IllegalArgumentException if it is empty, or its rows differ in length
   */
  public static Features of(float[][] matrix) {
    requireShape(matrix.length, matrix.length == 0 ? 0 : matrix[0].length);
    Writer entries = new Writer();
    for (int i = 0; i < matrix.length; i++) {
      if (matrix[i].length != matrix[0].length) {
        throw new IllegalArgumentException(
            "features: row %d has %d entries, row 0 has %d"
                .formatted(i, matrix[i].length, matrix[0].length));
      }
      entries.put(matrix[i]);
    }
    return new Features(matrix.length, matrix[0].length, DataType.DATA_TYPE_FLOAT32, entries);
  }

  /**
   * Copies a float32 matrix.
   *
   * @param rowMajor its entries, one row after the other
   * @param rows n
   * @param columns m_H
   * @throws IllegalArgumentException if it is empty, or has another number of entries
   */
  public static Features of(float[] rowMajor, int rows, int columns) {
    requireShape(rows, columns, rowMajor.length);
    Writer entries = new Writer();
    entries.put(rowMajor);
    return new Features(rows, columns, DataType.DATA_TYPE_FLOAT32, entries);
  }

  /**
   * Copies a float64 matrix.
   *
   * @param rowMajor its entries, one row after the other
   * @param rows n
   * @param columns m_H
   * @throws IllegalArgumentException if it is empty, or has another number of entries
   */
  public static Features of(double[] rowMajor, int rows, int columns) {
    requireShape(rows, columns, rowMajor.length);
    Writer entries = new Writer();
    entries.put(rowMajor);
    return new Features(rows, columns, DataType.DATA_TYPE_FLOAT64, entries);
  }

  /** Returns n. */
  public long rows() {
    return rows;
  }

  /** Returns m_H. */
  public long columns() {
    return columns;
  }

  /** Returns the type of the entries. */
  public DataType type() {
    return type;
  }

  /** Returns the size of the entries in bytes. */
  public long bytes() {
    return pieces.stream().mapToLong(ByteString::size).sum();
  }

  /**
   * Returns the SHA-256 of the entries, row-major and little-endian, as {@code fullrank check} and
   * verdicts have it.
   */
  public synchronized ByteString sha256() {
    if (sha256 == null) {
      try {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        pieces.forEach(piece -> digest.update(piece.asReadOnlyByteBuffer()));
        sha256 = ByteString.copyFrom(digest.digest());
      } catch (NoSuchAlgorithmException impossible) {
        throw new IllegalStateException("every Java has SHA-256", impossible);
      }
    }
    return sha256;
  }

  /** Returns the entries, row-major and little-endian, cut anywhere. */
  List<ByteString> pieces() {
    return pieces;
  }

  /** Returns why no certificate can be about them, if so. */
  Optional<String> fault() {
    return fault;
  }

  private static void requireShape(long rows, long columns) {
    if (rows < 1 || columns < 1) {
      throw new IllegalArgumentException(
          "features: a matrix of %d×%d has no entries".formatted(rows, columns));
    }
  }

  private static void requireShape(long rows, long columns, long entries) {
    requireShape(rows, columns);
    if (rows * columns != entries) {
      throw new IllegalArgumentException(
          "features: %d×%d asks for %d entries, there are %d"
              .formatted(rows, columns, rows * columns, entries));
    }
  }

  /** Cuts entries into pieces while they come. */
  private static final class Writer {

    private final List<ByteString> full = new ArrayList<>();
    private ByteBuffer piece = allocate();
    private long count;
    private long firstNotFinite = -1;

    void put(float[] values) {
      for (int from = 0; from < values.length; ) {
        int length = Math.min(values.length - from, piece.remaining() / Float.BYTES);
        piece.asFloatBuffer().put(values, from, length);
        advance(length * Float.BYTES);
        from += length;
      }
      for (int i = 0; i < values.length && firstNotFinite < 0; i++) {
        if (!Float.isFinite(values[i])) {
          firstNotFinite = count + i;
        }
      }
      count += values.length;
    }

    void put(double[] values) {
      for (int from = 0; from < values.length; ) {
        int length = Math.min(values.length - from, piece.remaining() / Double.BYTES);
        piece.asDoubleBuffer().put(values, from, length);
        advance(length * Double.BYTES);
        from += length;
      }
      for (int i = 0; i < values.length && firstNotFinite < 0; i++) {
        if (!Double.isFinite(values[i])) {
          firstNotFinite = count + i;
        }
      }
      count += values.length;
    }

    List<ByteString> pieces() {
      if (piece.position() > 0) {
        // Cut to what there is, as small matrices may wait in numbers.
        full.add(ByteString.copyFrom(piece.flip()));
      }
      return List.copyOf(full);
    }

    private void advance(int bytes) {
      piece.position(piece.position() + bytes);
      if (!piece.hasRemaining()) {
        // The buffer is written to no more, so that it need not be copied.
        full.add(UnsafeByteOperations.unsafeWrap(piece.flip()));
        piece = allocate();
      }
    }

    private static ByteBuffer allocate() {
      return ByteBuffer.allocate(PIECE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    }
  }
}
