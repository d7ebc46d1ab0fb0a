package io.fullrank.network.tensor;

import static org.bytedeco.openblas.global.openblas.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas.CblasTrans;
import static org.bytedeco.openblas.global.openblas.cblas_saxpy;
import static org.bytedeco.openblas.global.openblas.cblas_sgemm;

import java.nio.FloatBuffer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A dense float32 matrix in row-major order outside the Java heap, where BLAS reads it without a
 * copy.
 *
 * <p>The memory is ND4J's, products are sgemm of the OpenBLAS that ND4J runs on, called directly: a
 * mini-batch of a convolutional network needs thousands of small products, of some microseconds
 * each, and ND4J's way to the same routine takes as long again. Everything else is a plain loop
 * over {@link #values()}: for matrices of a mini-batch that is several times faster than one ND4J
 * operation per elementary function, each of which starts a parallel region.
 */
public final class FloatMatrix {

  /**
   * Products are cut at multiples of this, the number of columns that BLAS's kernels work on at a
   * time.
   */
  private static final int CUT = 16;

  /** Multiplications that take some tens of microseconds, long enough for a thread to be woken. */
  private static final long PART_PRODUCTS = 1_000_000;

  /** Numbers that take some ten microseconds to go over. */
  private static final int PART_NUMBERS = 1 << 15;

  private final int rows;
  private final int columns;

  /** Keeps the memory alive. */
  private final INDArray memory;

  private final FloatPointer pointer;
  private final FloatBuffer values;

  private FloatMatrix(
      int rows, int columns, INDArray memory, FloatPointer pointer, FloatBuffer values) {
    this.rows = rows;
    this.columns = columns;
    this.memory = memory;
    this.pointer = pointer;
    this.values = values;
  }

  /**
   * Returns a matrix of zeros.
   *
   * @throws IllegalArgumentException if a dimension is not positive or the matrix exceeds 2 GiB
   */
  public static FloatMatrix zeros(int rows, int columns) {
    INDArray memory = allocate((long) rows * columns);
    return new FloatMatrix(
        rows,
        columns,
        memory,
        (FloatPointer) memory.data().addressPointer(),
        memory.data().asNioFloat());
  }

  /**
   * Returns a matrix with the given elements.
   *
   * @param elements rows × columns elements in row-major order (copied)
   */
  public static FloatMatrix of(int rows, int columns, float[] elements) {
    if ((long) rows * columns != elements.length) {
      throw new IllegalArgumentException(
          "a %d×%d matrix has %d elements, got %d"
              .formatted(rows, columns, (long) rows * columns, elements.length));
    }
    FloatMatrix matrix = zeros(rows, columns);
    matrix.values.put(0, elements);
    return matrix;
  }

  /** Memory for a number of floats, as a vector of zeros. */
  private static INDArray allocate(long length) {
    if (length < 1 || length > Integer.MAX_VALUE / Float.BYTES) {
      throw new IllegalArgumentException(
          "cannot hold %d float32 numbers in one block of at most 2 GiB".formatted(length));
    }
    return Nd4j.zeros(DataType.FLOAT, length);
  }

  /** Returns the number of rows. */
  public int rows() {
    return rows;
  }

  /** Returns the number of columns. */
  public int columns() {
    return columns;
  }

  /**
   * Returns the elements in row-major order, rows × columns from index 0 on. They are the matrix's
   * own memory: what is put there changes the matrix. Valid as long as the matrix is reachable.
   */
  public FloatBuffer values() {
    return values;
  }

  /** Returns how many elements there are. */
  public int length() {
    return rows * columns;
  }

  /**
   * Returns a view of {@code count} rows from {@code first} on; the matrix itself if these are all.
   */
  public FloatMatrix rows(int first, int count) {
    return first == 0 && count == rows ? this : view(first * columns, count, columns);
  }

  /** Returns the same elements in the same order as a matrix with another number of rows. */
  public FloatMatrix withRows(int count) {
    return count == rows ? this : view(0, count, length() / count);
  }

  /** Returns a view of rows × columns elements from an offset on. */
  FloatMatrix view(int offset, int viewRows, int viewColumns) {
    return new FloatMatrix(
        viewRows,
        viewColumns,
        memory,
        pointer.getPointer(offset),
        values.slice(offset, viewRows * viewColumns));
  }

  /** Sets all elements to zero. */
  public void clear() {
    Parts.forEach(
        length(),
        PART_NUMBERS,
        (part, first, end) -> Pointer.memset(at(first), 0, (long) Float.BYTES * (end - first)));
  }

  /** Adds a matrix of the same shape. */
  public void add(FloatMatrix other) {
    if (other.rows != rows || other.columns != columns) {
      throw new IllegalArgumentException(
          "cannot add a %d×%d matrix to a %d×%d matrix"
              .formatted(other.rows, other.columns, rows, columns));
    }
    Parts.forEach(
        length(),
        PART_NUMBERS,
        (part, first, end) -> cblas_saxpy(end - first, 1, other.at(first), 1, at(first), 1));
  }

  /** Multiplies each element by that of a matrix of the same shape. */
  public void multiplyEach(FloatMatrix other) {
    FloatBuffer factors = other.values;
    Parts.forEach(
        length(),
        PART_NUMBERS,
        (part, first, end) -> {
          for (int i = first; i < end; i++) {
            values.put(i, values.get(i) * factors.get(i));
          }
        });
  }

  /**
   * Sets a product: this ← {@code a}·{@code b}.
   *
   * @param a rows × k
   * @param b k × columns
   */
  public void setProduct(FloatMatrix a, FloatMatrix b) {
    multiply(a, CblasNoTrans, b, CblasNoTrans, 0);
  }

  /**
   * Adds a product: this ← this + {@code a}·{@code b}.
   *
   * @param a rows × k
   * @param b k × columns
   */
  public void addProduct(FloatMatrix a, FloatMatrix b) {
    multiply(a, CblasNoTrans, b, CblasNoTrans, 1);
  }

  /**
   * Sets a product: this ← {@code a}ᵀ·{@code b}.
   *
   * @param a k × rows
   * @param b k × columns
   */
  public void setTransposedProduct(FloatMatrix a, FloatMatrix b) {
    multiply(a, CblasTrans, b, CblasNoTrans, 0);
  }

  /**
   * Adds a product: this ← this + {@code a}ᵀ·{@code b}.
   *
   * @param a k × rows
   * @param b k × columns
   */
  public void addTransposedProduct(FloatMatrix a, FloatMatrix b) {
    multiply(a, CblasTrans, b, CblasNoTrans, 1);
  }

  /**
   * Sets a product: this ← {@code a}·{@code b}ᵀ.
   *
   * @param a rows × k
   * @param b columns × k
   */
  public void setProductTransposed(FloatMatrix a, FloatMatrix b) {
    multiply(a, CblasNoTrans, b, CblasTrans, 0);
  }

  /**
   * Adds a product: this ← this + {@code a}·{@code b}ᵀ.
   *
   * @param a rows × k
   * @param b columns × k
   */
  public void addProductTransposed(FloatMatrix a, FloatMatrix b) {
    multiply(a, CblasNoTrans, b, CblasTrans, 1);
  }

  /**
   * This ← {@code keep}·this + the product, part by part along the longer side of this matrix where
   * it is long enough, by all processors.
   */
  private void multiply(FloatMatrix a, int transposeA, FloatMatrix b, int transposeB, float keep) {
    boolean turnedA = transposeA == CblasTrans;
    boolean turnedB = transposeB == CblasTrans;
    int inner = turnedA ? a.rows : a.columns;
    requireShapes(
        turnedA ? a.columns : a.rows,
        inner,
        turnedB ? b.columns : b.rows,
        turnedB ? b.rows : b.columns);
    boolean byColumns = columns >= rows;
    int side = byColumns ? columns : rows;
    long unit = (long) CUT * inner * (byColumns ? rows : columns);
    Parts.forEach(
        (side + CUT - 1) / CUT,
        (int) Math.min(side, PART_PRODUCTS / unit + 1),
        (part, firstUnit, endUnit) -> {
          int first = firstUnit * CUT;
          int count = Math.min(endUnit * CUT, side) - first;
          cblas_sgemm(
              CblasRowMajor,
              transposeA,
              transposeB,
              byColumns ? rows : count,
              byColumns ? count : columns,
              inner,
              1,
              a.at(byColumns ? 0 : turnedA ? first : first * a.columns),
              a.columns,
              b.at(byColumns ? turnedB ? first * b.columns : first : 0),
              b.columns,
              keep,
              at(byColumns ? first : first * columns),
              columns);
        });
  }

  private FloatPointer at(int offset) {
    return offset == 0 ? pointer : pointer.getPointer(offset);
  }

  private void requireShapes(int leftRows, int leftColumns, int rightRows, int rightColumns) {
    if (leftRows != rows || leftColumns != rightRows || rightColumns != columns) {
      throw new IllegalArgumentException(
          "cannot write the product of %d×%d and %d×%d to a %d×%d matrix"
              .formatted(leftRows, leftColumns, rightRows, rightColumns, rows, columns));
    }
  }

  @Override
  public String toString() {
    return "%d×%d float32 matrix".formatted(rows, columns);
  }
}
