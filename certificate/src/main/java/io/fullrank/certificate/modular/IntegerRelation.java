package io.fullrank.certificate.modular;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificationCancelledException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A linear relation between rows of a matrix with integer coefficients, claimed or verified. If Σ
 * c_i·φ_i = 0 exactly and not all c_i are 0, the rows are dependent, without any doubt.
 *
 * <p><b>Verification.</b> Every finite f64 number is an integer times 2^-1074, below 2^2098 in
 * absolute value. So the sums of a column are integers of at most 2191 bits for |c_i| ≤ 2^62 and
 * 2^31 rows. They are summed up as such, in limbs of 32 bits with the carries kept for the end, and
 * no rounding is involved.
 *
 * @param rows the numbers of the rows
 * @param coefficients one for each row, of absolute value at most {@link #MAX_COEFFICIENT}
 */
record IntegerRelation(List<Integer> rows, List<Long> coefficients) {

  static final long MAX_COEFFICIENT = 1L << 62;

  /** 32·70 = 2240 bits, and two limbs that a product may reach beyond its first. */
  private static final int LIMBS = 72;

  private static final int LIMB_BITS = 32;
  private static final long LIMB = (1L << LIMB_BITS) - 1;

  /** Columns whose sums are in a processor's cache together. */
  private static final int TILE_COLUMNS = 128;

  /** Lower bits of a coefficient and of a significand: their product is below 2^58. */
  private static final int LOWER_OF_COEFFICIENT = 31;

  private static final int LOWER_OF_SIGNIFICAND = 27;

  private static final int FRACTION_BITS = 52;
  private static final long FRACTION = (1L << FRACTION_BITS) - 1;
  private static final int EXPONENT = 0x7ff;

  /**
   * Copies the lists.
   *
   * @throws IllegalArgumentException if a row is named twice, as its coefficients could cancel out,
   *     or has no coefficient
   */
  IntegerRelation {
    rows = List.copyOf(rows);
    coefficients = List.copyOf(coefficients);
    if (rows.size() != coefficients.size() || Set.copyOf(rows).size() != rows.size()) {
      throw new IllegalArgumentException(
          "a relation needs one coefficient for each of its rows: rows %s, coefficients %s"
              .formatted(rows, coefficients));
    }
  }

  /** Returns the largest absolute value of a coefficient. */
  long largestCoefficient() {
    return coefficients.stream().mapToLong(Math::abs).max().orElse(0);
  }

  /**
   * Verifies the relation, in all columns.
   *
   * @param matrix (input) Φ, finite
   * @param threads the largest number of threads to use
   * @param cancellation is asked between rows
   * @return whether the relation is true and says something
   * @throws CertificationCancelledException if cancelled
   */
  boolean holds(Matrix matrix, int threads, Cancellation cancellation) {
    AtomicBoolean violated = new AtomicBoolean(largestCoefficient() == 0);
    RowTiles.forEach(
        threads,
        Math.toIntExact(matrix.columns()),
        TILE_COLUMNS,
        (part, from, to) -> {
          if (!violated.get() && !isZero(matrix, from, to - from, cancellation)) {
            violated.set(true);
          }
        });
    return !violated.get();
  }

  private boolean isZero(Matrix matrix, int fromColumn, int count, Cancellation cancellation) {
    long[] sums = new long[count * LIMBS];
    double[] row = new double[count];
    for (int i = 0; i < rows.size(); i++) {
      cancellation.check();
      matrix.getRow(rows.get(i), fromColumn, row, 0, count);
      long coefficient = coefficients.get(i);
      for (int j = 0; j < count; j++) {
        if (row[j] != 0) {
          add(sums, j * LIMBS, row[j], coefficient);
        }
      }
    }
    for (int j = 0; j < count; j++) {
      long carry = 0;
      for (int limb = j * LIMBS; limb < (j + 1) * LIMBS; limb++) {
        carry += sums[limb];
        if ((carry & LIMB) != 0) {
          return false;
        }
        carry >>= LIMB_BITS;
      }
      if (carry != 0) {
        return false;
      }
    }
    return true;
  }

  /** Adds a product to the sum whose limbs begin at {@code first}. */
  private static void add(long[] sums, int first, double x, long coefficient) {
    long bits = Double.doubleToRawLongBits(x);
    int biased = (int) (bits >>> FRACTION_BITS) & EXPONENT;
    long significand = biased == 0 ? bits & FRACTION : bits & FRACTION | FRACTION + 1;
    int place = Math.max(biased, 1) - 1;
    long magnitude = Math.abs(coefficient);
    int sign = bits < 0 == coefficient < 0 ? 1 : -1;
    long lower = sign * (magnitude & (1L << LOWER_OF_COEFFICIENT) - 1);
    long upper = sign * (magnitude >>> LOWER_OF_COEFFICIENT);
    long low = significand & (1L << LOWER_OF_SIGNIFICAND) - 1;
    long high = significand >>> LOWER_OF_SIGNIFICAND;
    add(sums, first, place, lower * low);
    add(sums, first, place + LOWER_OF_SIGNIFICAND, lower * high);
    if (upper != 0) {
      add(sums, first, place + LOWER_OF_COEFFICIENT, upper * low);
      add(sums, first, place + LOWER_OF_COEFFICIENT + LOWER_OF_SIGNIFICAND, upper * high);
    }
  }

  /** Adds {@code value}·2^{@code place}, |{@code value}| ≤ 2^58; a limb grows by less than 2^33. */
  private static void add(long[] sums, int first, int place, long value) {
    int limb = first + place / LIMB_BITS;
    int shift = place % LIMB_BITS;
    long lower = (value & LIMB) << shift;
    long upper = value >> LIMB_BITS << shift;
    sums[limb] += lower & LIMB;
    sums[limb + 1] += (lower >>> LIMB_BITS) + (upper & LIMB);
    sums[limb + 2] += upper >> LIMB_BITS;
  }
}
