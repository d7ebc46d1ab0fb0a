package io.fullrank.certificate.matrix;

import io.fullrank.certificate.result.InsufficientMemoryException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Objects;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.indexer.DoubleIndexer;

/**
 * A row-major n × c matrix of f64 in native memory, with 64-bit indices.
 *
 * <p>Its entries are exact: f16, bf16 and f32 values widen to f64 without loss, and a certificate
 * is about exactly these numbers. Rows and columns are counted from 0. Several threads may write
 * different entries. Whoever makes a matrix has to close it, as nothing else frees the memory.
 */
public final class Matrix implements Rows, AutoCloseable {

  private static final int DIGEST_BUFFER_DOUBLES = 1 << 13;

  private final long rows;
  private final long columns;
  private final NativeDoubles entries;

  private Matrix(long rows, long columns) {
    if (rows < 1 || columns < 1) {
      throw new IllegalArgumentException(
          "a matrix needs at least one row and one column, not " + rows + " x " + columns);
    }
    this.rows = rows;
    this.columns = columns;
    this.entries = NativeDoubles.allocate(rows, columns, "a matrix");
  }

  /**
   * Allocates a matrix of zeros.
   *
   * @param rows at least 1
   * @param columns at least 1
   * @throws IllegalArgumentException if there are no rows or no columns
   * @throws InsufficientMemoryException if the matrix does not fit
   */
  public static Matrix allocate(long rows, long columns) {
    return new Matrix(rows, columns);
  }

  /**
   * Copies the given rows.
   *
   * @param rows at least one row, all of the same positive length
   * @throws IllegalArgumentException if the rows differ in length or there is no entry
   */
  public static Matrix of(double[][] rows) {
    int columns = rows.length == 0 ? 0 : rows[0].length;
    for (int i = 0; i < rows.length; i++) {
      if (rows[i].length != columns) {
        throw new IllegalArgumentException(
            "row " + i + " has " + rows[i].length + " entries, row 0 has " + columns);
      }
    }
    Matrix matrix = allocate(rows.length, columns);
    for (int i = 0; i < rows.length; i++) {
      matrix.setRow(i, 0, rows[i], 0, columns);
    }
    return matrix;
  }

  @Override
  public long rows() {
    return rows;
  }

  @Override
  public long columns() {
    return columns;
  }

  /** Returns one entry. */
  public double get(long row, long column) {
    return entries.indexer().get(index(row, column, 1));
  }

  /** Sets one entry. */
  public void set(long row, long column, double value) {
    entries.indexer().put(index(row, column, 1), value);
  }

  /**
   * Sets part of a row from f32 values, widened without loss.
   *
   * @param fromColumn the column of the first value
   * @param values where the values lie
   * @param offset the index of the first value
   * @param length the number of values
   */
  public void setRow(long row, long fromColumn, float[] values, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, values.length);
    long start = index(row, fromColumn, length);
    DoubleIndexer indexer = entries.indexer();
    for (int i = 0; i < length; i++) {
      indexer.put(start + i, values[offset + i]);
    }
  }

  /**
   * Sets part of a row.
   *
   * @param fromColumn the column of the first value
   * @param values where the values lie
   * @param offset the index of the first value
   * @param length the number of values
   */
  public void setRow(long row, long fromColumn, double[] values, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, values.length);
    entries.pointer().getPointer(index(row, fromColumn, length)).put(values, offset, length);
  }

  @Override
  public void getRow(long row, long fromColumn, double[] into, int offset, int length) {
    Objects.checkFromIndexSize(offset, length, into.length);
    entries.pointer().getPointer(index(row, fromColumn, length)).get(into, offset, length);
  }

  /**
   * Copies part of a row, multiplied by 2^-exponent; only what underflows is rounded.
   *
   * @param into (output) receives {@code length} values, from its beginning
   */
  public void getScaledRow(long row, long fromColumn, int exponent, double[] into, int length) {
    getRow(row, fromColumn, into, 0, length);
    // Two factors, because 2^-e alone may not be a double.
    int half = exponent / 2;
    double first = Math.scalb(1.0, -half);
    double second = Math.scalb(1.0, -(exponent - half));
    for (int j = 0; j < length; j++) {
      into[j] = into[j] * first * second;
    }
  }

  /** Sets every entry of a column, as for the column of ones that carries the bias. */
  public void fillColumn(long column, double value) {
    index(0, column, 1);
    DoubleIndexer indexer = entries.indexer();
    for (long i = 0; i < rows; i++) {
      indexer.put(i * columns + column, value);
    }
  }

  /**
   * Returns the SHA-256 of the matrix: rows and columns as 8-byte little-endian integers, then the
   * entries in row-major order as little-endian f64.
   */
  public byte[] sha256() {
    MessageDigest digest = sha256Digest();
    double[] values = new double[DIGEST_BUFFER_DOUBLES];
    ByteBuffer bytes =
        ByteBuffer.allocate(DIGEST_BUFFER_DOUBLES * Double.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    digest.update(bytes.putLong(rows).putLong(columns).flip());
    long count = rows * columns;
    for (long start = 0; start < count; start += values.length) {
      int length = (int) Math.min(values.length, count - start);
      entries.pointer().getPointer(start).get(values, 0, length);
      bytes.clear().limit(length * Double.BYTES);
      bytes.asDoubleBuffer().put(values, 0, length);
      digest.update(bytes);
    }
    return digest.digest();
  }

  /** Returns the SHA-256 that a matrix of these rows has, without holding it. */
  public static byte[] sha256(Rows matrix) {
    MessageDigest digest = sha256Digest();
    double[] row = new double[Math.toIntExact(matrix.columns())];
    ByteBuffer bytes =
        ByteBuffer.allocate(Math.max(2, row.length) * Double.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    digest.update(bytes.putLong(matrix.rows()).putLong(matrix.columns()).flip());
    for (long i = 0; i < matrix.rows(); i++) {
      matrix.getRow(i, 0, row, 0, row.length);
      bytes.clear().limit(row.length * Double.BYTES);
      bytes.asDoubleBuffer().put(row);
      digest.update(bytes);
    }
    return digest.digest();
  }

  private static MessageDigest sha256Digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** Returns the memory itself, row-major; valid until {@link #close()}. */
  public DoublePointer data() {
    return entries.pointer();
  }

  /** Frees the memory; using the matrix afterwards is an {@link IllegalStateException}. */
  @Override
  public void close() {
    entries.close();
  }

  private long index(long row, long column, int length) {
    Objects.checkIndex(row, rows);
    Objects.checkFromIndexSize(column, length, columns);
    return row * columns + column;
  }

  @Override
  public String toString() {
    return "Matrix[" + rows + " x " + columns + "]";
  }
}
