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

  /** Returns a value: a residue, after {@link #reduce}. */
  public float get(int index) {
    return values[index];
  }

  /** Replaces the values by residues of the same classes, and returns them. */
  public float[] reduce() {
    field.reduce(values, values.length);
    products = 0;
    return values;
  }
}
