package io.fullrank.certificate;

import java.util.List;

/**
 * How many primes above 2^21 can make dependent rows of independent ones.
 *
 * <p>Let rows of f64 numbers be linearly independent. Each is 2^t times a vector of integers, t as
 * large as possible. Some minor of these integers, of the order of the number of rows, is not zero,
 * and by Hadamard's inequality it is at most the product of the Euclidean norms of the integer
 * rows. If that product is below 2^B, at most B/21 primes above 2^21 divide the minor; modulo every
 * other prime the rows are independent, as 2^t is invertible.
 */
final class HadamardBound {

  private static final int BITS_OF_A_PRIME = 21;

  /** More than the error of {@link Math#log} and two operations on values below 2^11. */
  private static final double LOG_MARGIN = 0x1p-30;

  private static final int LEAST_EXPONENT = -1074;

  private HadamardBound() {}

  /**
   * Returns at most how many primes above 2^21 divide the minor.
   *
   * @param matrix (input) Φ, finite
   * @param rows (input) which of its rows
   */
  static long primesDividingTheMinor(FeatureMatrix matrix, List<Integer> rows) {
    int columns = Math.toIntExact(matrix.columns());
    double[] row = new double[columns];
    double bits = 0;
    for (int i : rows) {
      matrix.getRow(i, 0, row, 0, columns);
      bits = Upward.add(bits, logOfNorm(row));
    }
    return (long) (bits / BITS_OF_A_PRIME);
  }

  /** Returns an upper bound on the binary logarithm of the norm of the integer row. */
  private static double logOfNorm(double[] row) {
    double max = 0;
    int lastBit = Integer.MAX_VALUE;
    for (double x : row) {
      if (x != 0) {
        max = Math.max(max, Math.abs(x));
        lastBit = Math.min(lastBit, exponentOfLastBit(x));
      }
    }
    if (max == 0) {
      return 0;
    }
    int exponent = Math.getExponent(max);
    double squares = 0;
    for (double x : row) {
      double scaled = Math.nextUp(Math.scalb(Math.abs(x), -exponent));
      squares = Upward.add(squares, Upward.multiply(scaled, scaled));
    }
    return Upward.add(
        exponent - lastBit, Math.max(0, 0.5 * Math.log(squares) / Math.log(2)) + LOG_MARGIN);
  }

  /** Returns the largest t for which x is an integer times 2^t. */
  private static int exponentOfLastBit(double x) {
    long bits = Double.doubleToRawLongBits(x);
    int biased = (int) (bits >>> 52) & 0x7FF;
    long fraction = bits & ((1L << 52) - 1);
    long significand = biased == 0 ? fraction : fraction | (1L << 52);
    return LEAST_EXPONENT + Math.max(biased, 1) - 1 + Long.numberOfTrailingZeros(significand);
  }
}
