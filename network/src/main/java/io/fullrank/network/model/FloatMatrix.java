package io.fullrank.network.model;

import java.nio.FloatBuffer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * A dense float32 matrix in row-major order outside the Java heap, where BLAS reads it without a
 * copy.
 *
 * <p>Products run on ND4J's sgemm. Everything else is a plain loop over {@link #values()}: for
 * matrices of a mini-batch that is several times faster than one ND4J operation per elementary
 * function, each of which starts a parallel region.
 */
public final class FloatMatrix {

  private final int rows;
  private final int columns;
  private final INDArray array;

  /** The same memory seen as the transpose: column-major, which is what ND4J's gemm writes to. */
  private final INDArray transposed;

  private final FloatBuffer values;

  /** A view of memory that {@code array} keeps alive; {@code values} are its elements. */
  private FloatMatrix(INDArray array, FloatBuffer values) {
    this.rows = Math.toIntExact(array.size(0));
    this.columns = Math.toIntExact(array.size(1));
    this.array = array;
    this.transposed = array.transpose();
    this.values = values;
  }

  /**
   * Returns a matrix of zeros.
   *
   * @throws IllegalArgumentException if a dimension is not positive or the matrix exceeds 2 GiB
   */
  public static FloatMatrix zeros(int rows, int columns) {
    INDArray array = allocate((long) rows * columns).reshape('c', rows, columns);
    return new FloatMatrix(array, array.data().asNioFloat());
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

  /** Memory for so many floats, as a vector of zeros. */
  static INDArray allocate(long length) {
    if (length < 1 || length > Integer.MAX_VALUE / Float.BYTES) {
      throw new IllegalArgumentException(
          "cannot hold %d float32 numbers in one block of at most 2 GiB".formatted(length));
    }
    return Nd4j.zeros(DataType.FLOAT, length);
  }

  /** A matrix that shares rows × columns elements of a vector, from offset on. */
  static FloatMatrix view(INDArray vector, FloatBuffer values, int offset, int rows, int columns) {
    int length = rows * columns;
    INDArray part =
        vector.get(NDArrayIndex.interval(offset, offset + length)).reshape('c', rows, columns);
    return new FloatMatrix(part, values.slice(offset, length));
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

  /**
   * Returns a view of {@code count} rows from {@code first} on; the matrix itself if these are all.
   */
  public FloatMatrix rows(int first, int count) {
    if (first == 0 && count == rows) {
      return this;
    }
    INDArray part =
        array
            .get(NDArrayIndex.interval(first, first + count), NDArrayIndex.all())
            .reshape('c', count, columns);
    return new FloatMatrix(part, values.slice(first * columns, count * columns));
  }

  /**
   * Adds a product: this ← this + {@code a}·{@code b}.
   *
   * @param a rows × k
   * @param b k × columns
   */
  public void addProduct(FloatMatrix a, FloatMatrix b) {
    requireShapes(a.rows, a.columns, b.rows, b.columns);
    Nd4j.gemm(b.transposed, a.transposed, transposed, false, false, 1, 1);
  }

  /**
   * Sets a product: this ← {@code a}ᵀ·{@code b}.
   *
   * @param a k × rows
   * @param b k × columns
   */
  public void setTransposedProduct(FloatMatrix a, FloatMatrix b) {
    requireShapes(a.columns, a.rows, b.rows, b.columns);
    Nd4j.gemm(b.transposed, a.transposed, transposed, false, true, 1, 0);
  }

  /**
   * Sets a product: this ← {@code a}·{@code b}ᵀ.
   *
   * @param a rows × k
   * @param b columns × k
   */
  public void setProductTransposed(FloatMatrix a, FloatMatrix b) {
    requireShapes(a.rows, a.columns, b.columns, b.rows);
    Nd4j.gemm(b.transposed, a.transposed, transposed, true, false, 1, 0);
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
