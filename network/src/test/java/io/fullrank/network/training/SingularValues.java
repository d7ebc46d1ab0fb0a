package io.fullrank.network.training;

import io.fullrank.certificate.matrix.Matrix;

/**
 * Singular values by Jacobi's one-sided rotations, which make the rows orthogonal: slow, simple,
 * and accurate to a few units of roundoff of the largest.
 */
final class SingularValues {

  private SingularValues() {}

  /** σ_n of an n × c matrix, n ≤ c. */
  static double smallest(Matrix matrix) {
    double[][] rows = new double[(int) matrix.rows()][(int) matrix.columns()];
    for (int i = 0; i < rows.length; i++) {
      matrix.getRow(i, 0, rows[i], 0, rows[i].length);
    }
    boolean rotated = true;
    while (rotated) {
      rotated = false;
      for (int i = 1; i < rows.length; i++) {
        for (int j = 0; j < i; j++) {
          rotated |= makeOrthogonal(rows[i], rows[j]);
        }
      }
    }
    double smallest = Double.POSITIVE_INFINITY;
    for (double[] row : rows) {
      smallest = Math.min(smallest, Math.sqrt(product(row, row)));
    }
    return smallest;
  }

  private static boolean makeOrthogonal(double[] a, double[] b) {
    double ab = product(a, b);
    double aa = product(a, a);
    double bb = product(b, b);
    if (Math.abs(ab) <= 1e-14 * Math.sqrt(aa * bb)) {
      return false;
    }
    double angle = Math.atan2(2 * ab, aa - bb) / 2;
    double cos = Math.cos(angle);
    double sin = Math.sin(angle);
    for (int k = 0; k < a.length; k++) {
      double ak = a[k];
      a[k] = cos * ak + sin * b[k];
      b[k] = cos * b[k] - sin * ak;
    }
    return true;
  }

  private static double product(double[] a, double[] b) {
    double sum = 0;
    for (int k = 0; k < a.length; k++) {
      sum += a[k] * b[k];
    }
    return sum;
  }
}
