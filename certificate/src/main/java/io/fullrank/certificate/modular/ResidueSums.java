package io.fullrank.certificate.modular;

import io.fullrank.certificate.arithmetic.SmallPrimeField;

/** A vector of sums of products of residues that is reduced before the sums become inexact. */
public final class ResidueSums {
  final float[] values;
  private final SmallPrimeField field;
  private int products;

  /**
   * Starts from residues.
   *
   * @param residues (modified) the sums
   */
  public ResidueSums(SmallPrimeField field, float[] residues) {
    this.field = field;
    this.values = residues;
  }

  /** Subtracts a multiple of residues in {@code length} places, from {@code at} on. */
  public void subtractMultiple(float factor, float[] row, int at, int length) {
    if (products == SmallPrimeField.MAX_PRODUCTS) {
      reduce();
    }
    for (int j = 0; j < length; j++) {
      values[at + j] -= factor * row[j];
    }
    products++;
  }

  /**
   * Subtracts multiples of vectors of residues.
   *
   * @param factors (input) one residue for each of them
   * @param rows (input) at least as many numbers each as there are values
   */
  public void subtractMultiples(float[] factors, float[][] rows) {
    int i = 0;
    for (; i + 4 <= rows.length; i += 4) {
      if (products > SmallPrimeField.MAX_PRODUCTS - 4) {
        reduce();
      }
      subtractMultiples(
          factors[i],
          rows[i],
          factors[i + 1],
          rows[i + 1],
          factors[i + 2],
          rows[i + 2],
          factors[i + 3],
          rows[i + 3]);
    }
    for (; i < rows.length; i++) {
      subtractMultiple(factors[i], rows[i], 0, values.length);
    }
  }

  /** Four at a time, so that a sum is loaded and stored once for them. */
  private void subtractMultiples(
      float a, float[] x, float b, float[] y, float c, float[] z, float d, float[] w) {
    for (int j = 0; j < values.length; j++) {
      values[j] -= (a * x[j] + b * y[j]) + (c * z[j] + d * w[j]);
    }
    products += 4;
  }

  /** Replaces the values by residues of the same classes, and returns them. */
  public float[] reduce() {
    field.reduce(values, values.length);
    products = 0;
    return values;
  }
}
