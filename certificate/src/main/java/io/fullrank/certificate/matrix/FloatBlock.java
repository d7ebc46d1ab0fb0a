package io.fullrank.certificate.matrix;

import org.bytedeco.javacpp.FloatPointer;

/**
 * A rectangle of f32 numbers in memory, row-major.
 *
 * @param data where the first entry lies
 * @param rows the number of rows
 * @param columns the number of columns
 * @param stride the number of entries from one row to the next
 */
public record FloatBlock(FloatPointer data, int rows, int columns, int stride) {

  /** Returns a block of this block, which has to lie within it. */
  public FloatBlock block(int row, int column, int rows, int columns) {
    return new FloatBlock(at(row, column), rows, columns, stride);
  }

  /** Returns where an entry lies. */
  public FloatPointer at(int row, int column) {
    return data.getPointer((long) row * stride + column);
  }

  /** Copies the first entries of a row into an array. */
  public void getRow(int row, int fromColumn, float[] into, int length) {
    at(row, fromColumn).get(into, 0, length);
  }

  /** Sets entries of a row. */
  public void setRow(int row, int fromColumn, float[] values, int length) {
    at(row, fromColumn).put(values, 0, length);
  }

  /** Copies consecutive rows into an array. */
  public void getRows(int fromRow, int count, float[] into) {
    if (stride == columns) {
      at(fromRow, 0).get(into, 0, count * columns);
    } else {
      for (int i = 0; i < count; i++) {
        at(fromRow + i, 0).get(into, i * columns, columns);
      }
    }
  }

  /** Sets consecutive rows. */
  public void setRows(int fromRow, int count, float[] values) {
    if (stride == columns) {
      at(fromRow, 0).put(values, 0, count * columns);
    } else {
      for (int i = 0; i < count; i++) {
        at(fromRow + i, 0).put(values, i * columns, columns);
      }
    }
  }

  @Override
  public String toString() {
    return rows + " x " + columns;
  }
}
