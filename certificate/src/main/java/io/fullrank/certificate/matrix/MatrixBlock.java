package io.fullrank.certificate.matrix;

import java.util.Objects;
import org.bytedeco.javacpp.DoublePointer;

/**
 * A rectangle of a row-major matrix in native memory.
 *
 * @param data its first entry
 * @param rows the number of its rows
 * @param columns the number of its columns
 * @param stride entries from the start of one row to that of the next, at least {@code columns}
 */
public record MatrixBlock(DoublePointer data, int rows, int columns, long stride) {

  /**
   * Returns a block of a matrix.
   *
   * @param row its first row
   * @param column its first column
   * @throws IndexOutOfBoundsException if it reaches beyond the matrix
   */
  public static MatrixBlock of(Matrix matrix, long row, long column, int rows, int columns) {
    Objects.checkFromIndexSize(row, rows, matrix.rows());
    Objects.checkFromIndexSize(column, columns, matrix.columns());
    long stride = matrix.columns();
    return new MatrixBlock(matrix.data().getPointer(row * stride + column), rows, columns, stride);
  }

  /** Returns a block of this block, which has to lie within it. */
  public MatrixBlock block(int row, int column, int rows, int columns) {
    return new MatrixBlock(at(row, column), rows, columns, stride);
  }

  /** Returns where an entry lies. */
  public DoublePointer at(int row, int column) {
    return data.getPointer(row * stride + column);
  }

  @Override
  public String toString() {
    return rows + " x " + columns;
  }
}
