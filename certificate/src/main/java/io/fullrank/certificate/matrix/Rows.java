package io.fullrank.certificate.matrix;

/**
 * The rows of a matrix of f64 numbers, which may lie in memory or in a file. Rows and columns are
 * counted from 0. Several threads may read at the same time.
 */
public interface Rows {

  /** Returns the number of rows, n. */
  long rows();

  /** Returns the number of columns, c. */
  long columns();

  /**
   * Copies part of a row into an array.
   *
   * @param row the row
   * @param fromColumn the column of the first value
   * @param into (output) receives the values
   * @param offset the index of the first value in {@code into}
   * @param length the number of values
   */
  void getRow(long row, long fromColumn, double[] into, int offset, int length);

  /**
   * Returns how many consecutive rows, from a multiple of this number on, cost as much as one of
   * them if they are read one after the other. Threads that share the work take whole groups.
   */
  default int rowsTogether() {
    return 1;
  }
}
