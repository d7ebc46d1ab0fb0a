package io.fullrank.certificate;

import java.util.Arrays;

/**
 * A nonsingular part, of the largest possible order, of a small matrix over GF(p), and its inverse.
 *
 * @param rank the order r of that part, which is the rank of the matrix
 * @param rowSwaps for i = 0, …, r−1 in this order, the row that changes places with row i
 * @param columnSwaps the same for columns; afterwards the part lies in the upper left corner
 * @param inverse r rows, whose first r entries are the inverse of the part
 */
record PivotBlock(int rank, int[] rowSwaps, int[] columnSwaps, double[][] inverse) {

  /**
   * Finds it by Gauss-Jordan elimination in place: the column of a pivot, which would become a
   * column of the identity, holds what the steps make of that column of the identity.
   *
   * @param entries (modified) residues, h × w, h at most {@link PrimeField#MAX_PRODUCTS} − 1
   */
  static PivotBlock of(double[][] entries, PrimeField field) {
    int height = entries.length;
    int width = entries[0].length;
    int[] rowSwaps = new int[Math.min(height, width)];
    int[] columnSwaps = new int[rowSwaps.length];
    int rank = 0;
    for (int i = 0; i < height && rank < width; i++) {
      double[] row = entries[i];
      field.reduce(row, width);
      int pivot = rank;
      while (pivot < width && row[pivot] == 0) {
        pivot++;
      }
      if (pivot == width) {
        continue;
      }
      rowSwaps[rank] = i;
      columnSwaps[rank] = pivot;
      entries[i] = entries[rank];
      entries[rank] = row;
      if (pivot != rank) {
        for (double[] other : entries) {
          double entry = other[rank];
          other[rank] = other[pivot];
          other[pivot] = entry;
        }
      }
      eliminate(entries, rank, field);
      rank++;
    }
    for (int i = 0; i < rank; i++) {
      field.reduce(entries[i], rank);
    }
    return new PivotBlock(
        rank,
        Arrays.copyOf(rowSwaps, rank),
        Arrays.copyOf(columnSwaps, rank),
        Arrays.copyOf(entries, rank));
  }

  /** Makes the diagonal entry 1 and the others of its column 0. */
  private static void eliminate(double[][] entries, int place, PrimeField field) {
    double[] row = entries[place];
    double inverse = field.invert(row[place]);
    row[place] = 1;
    field.scale(row, row.length, inverse);
    for (int k = 0; k < entries.length; k++) {
      double factor = field.reduce(entries[k][place]);
      if (k != place && factor != 0) {
        entries[k][place] = 0;
        PrimeField.subtractMultiple(entries[k], factor, row, row.length);
      }
    }
  }
}
