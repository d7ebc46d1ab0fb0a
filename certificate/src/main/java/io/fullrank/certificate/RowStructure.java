package io.fullrank.certificate;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What one pass over the rows shows: whether the shape, a zero row or two identical rows rule full
 * row rank out, and how large each row is.
 *
 * @param refutation why the rank is below n, if the structure shows it
 * @param rankLowerBound 1, or 0 if every entry is 0
 * @param rowExponents for each row the e with 2^(e−1) ≤ max|φ_ij| &lt; 2^e, and 0 for a zero row
 */
record RowStructure(Optional<String> refutation, long rankLowerBound, int[] rowExponents) {

  private static final long GOLDEN_RATIO = 0x9E3779B97F4A7C15L;

  /**
   * Reads the whole matrix once.
   *
   * @throws NonFiniteEntryException if an entry is NaN or infinite
   */
  static RowStructure of(FeatureMatrix matrix) {
    if (Math.max(matrix.rows(), matrix.columns()) > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          matrix + " has more rows or columns than can be certified, " + Integer.MAX_VALUE);
    }
    int n = (int) matrix.rows();
    int c = (int) matrix.columns();
    int[] exponents = new int[n];
    int zeroRow = -1;
    boolean nonzero = false;
    Map<Long, List<Integer>> rowsByHash = new HashMap<>(2 * n);
    double[] row = new double[c];
    double[] earlierRow = new double[c];
    Optional<String> identical = Optional.empty();
    for (int i = 0; i < n; i++) {
      matrix.getRow(i, 0, row, 0, c);
      double max = maxAbsolute(row, i);
      if (max == 0) {
        zeroRow = zeroRow < 0 ? i : zeroRow;
        continue;
      }
      nonzero = true;
      exponents[i] = exponentAbove(max);
      List<Integer> candidates = rowsByHash.computeIfAbsent(hash(row), h -> new ArrayList<>(1));
      if (identical.isEmpty()) {
        for (int earlier : candidates) {
          matrix.getRow(earlier, 0, earlierRow, 0, c);
          if (sameNumbers(earlierRow, row)) {
            identical = Optional.of("rows " + earlier + " and " + i + " are identical");
            break;
          }
        }
      }
      candidates.add(i);
    }
    Optional<String> refutation = identical;
    if (zeroRow >= 0) {
      refutation = Optional.of("row " + zeroRow + " is zero");
    }
    if (c < n) {
      refutation =
          Optional.of("a matrix of " + c + " columns cannot have rank " + n + ", one per row");
    }
    return new RowStructure(refutation, nonzero ? 1 : 0, exponents);
  }

  /** Returns the refutation that the structure shows, where it shows one. */
  Optional<Certificate> certificate(FeatureMatrix matrix, String backend, Stopwatch time) {
    return refutation.map(
        reason ->
            new Certificate(
                Outcome.REFUTED,
                CertificateMethod.STRUCTURE,
                matrix.rows(),
                matrix.columns(),
                OptionalDouble.empty(),
                OptionalDouble.empty(),
                OptionalDouble.empty(),
                rankLowerBound,
                OptionalDouble.of(0),
                Optional.empty(),
                reason,
                backend,
                time.stages(),
                time.elapsed()));
  }

  private static double maxAbsolute(double[] row, int rowIndex) {
    double max = 0;
    for (double value : row) {
      max = Math.max(max, Math.abs(value));
    }
    if (!Double.isFinite(max)) {
      for (int j = 0; j < row.length; j++) {
        if (!Double.isFinite(row[j])) {
          throw new NonFiniteEntryException(rowIndex, j, row[j]);
        }
      }
    }
    return max;
  }

  /** Returns the e with 2^(e−1) ≤ x &lt; 2^e, for x &gt; 0. */
  private static int exponentAbove(double x) {
    return x < Double.MIN_NORMAL ? Math.getExponent(x * 0x1p54) - 54 + 1 : Math.getExponent(x) + 1;
  }

  /** A hash that does not tell −0.0 from 0.0, as they are the same number. */
  private static long hash(double[] row) {
    long hash = 0;
    for (double value : row) {
      hash = Long.rotateLeft(hash ^ Double.doubleToRawLongBits(value + 0.0), 23) * GOLDEN_RATIO;
    }
    return hash;
  }

  private static boolean sameNumbers(double[] a, double[] b) {
    for (int j = 0; j < a.length; j++) {
      if (a[j] != b[j]) {
        return false;
      }
    }
    return true;
  }
}
