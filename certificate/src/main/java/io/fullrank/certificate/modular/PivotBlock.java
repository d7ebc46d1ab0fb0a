package io.fullrank.certificate.modular;

import io.fullrank.certificate.arithmetic.PrimeField;
import java.util.Arrays;

/** A nonsingular submatrix, of the largest possible order, of a small matrix over GF(p). */
final class PivotBlock {

  private final int[] rowSwaps;
  private final int[] columnSwaps;
  private final double[][] inverse;

  private PivotBlock(int[] rowSwaps, int[] columnSwaps, double[][] inverse) {
    this.rowSwaps = rowSwaps;
    this.columnSwaps = columnSwaps;
    this.inverse = inverse;
  }

  /** Returns the order of the submatrix, r, which is the rank of the matrix. */
  int rank() {
    return inverse.length;
  }

  /**
   * Returns the row that is swapped with row i, for i = 0, …, r−1 in this order. When the columns
   * have been swapped too, the submatrix is in the upper left corner.
   */
  int rowSwap(int i) {
    return rowSwaps[i];
  }

  /** Returns the column that is swapped with column i. */
  int columnSwap(int i) {
    return columnSwaps[i];
  }

  /** Returns a row of the inverse of the submatrix: r residues, followed by undefined entries. */
  double[] inverseRow(int i) {
    return inverse[i];
  }

  /**
   * Finds the submatrix by Gauss-Jordan elimination in place: the column of a pivot, which would
   * become a column of the identity, holds the corresponding column of the inverse instead.
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
      if (rank % (field.maxProducts() - 1) == 0) {
        for (double[] each : entries) {
          field.reduce(each, width);
        }
      }
    }
    for (int i = 0; i < rank; i++) {
      field.reduce(entries[i], rank);
    }
    return new PivotBlock(rowSwaps, columnSwaps, Arrays.copyOf(entries, rank));
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
