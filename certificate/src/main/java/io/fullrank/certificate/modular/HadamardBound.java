package io.fullrank.certificate.modular;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.matrix.Matrix;
import java.util.Arrays;
import java.util.List;

/**
 * Bounds the number of primes above a power of two modulo which independent rows can be dependent.
 *
 * <p>Let rows of f64 numbers be linearly independent, and scale rows and columns by powers of two
 * so that all entries are integers, which changes neither their rank nor their rank modulo an odd
 * prime. Some minor whose order is the number of rows is not zero, and by Hadamard's inequality it
 * is at most the product of the Euclidean norms of the integer rows. If that product is below 2^B,
 * at most B/k primes above 2^k divide the minor; modulo every other prime the rows are independent.
 *
 * <p>Columns are scaled by their largest entries, or not at all, whichever gives the smaller B.
 * Then each row is scaled by the smallest power of two that makes its entries integers.
 */
final class HadamardBound {

  /** More than the error of {@link Math#log} and of the operations on its result, below 2^12. */
  private static final double LOG_MARGIN = 0x1p-30;

  private static final int LEAST_EXPONENT = -1074;

  private HadamardBound() {}

  /**
   * Returns B.
   *
   * @param matrix (input) Φ, finite
   * @param rows (input) which of its rows
   */
  static double bitsOfTheMinor(Matrix matrix, List<Integer> rows) {
    int columns = Math.toIntExact(matrix.columns());
    double[] row = new double[columns];
    int[] unscaled = new int[columns];
    int[] largest = new int[columns];
    Arrays.fill(largest, LEAST_EXPONENT);
    for (int i : rows) {
      matrix.getRow(i, 0, row, 0, columns);
      for (int j = 0; j < columns; j++) {
        if (row[j] != 0) {
          largest[j] = Math.max(largest[j], exponentOfFirstBit(row[j]));
        }
      }
    }
    double bitsUnscaled = 0;
    double bitsScaled = 0;
    for (int i : rows) {
      matrix.getRow(i, 0, row, 0, columns);
      bitsUnscaled = Upward.add(bitsUnscaled, logOfNorm(row, unscaled));
      bitsScaled = Upward.add(bitsScaled, logOfNorm(row, largest));
    }
    return Math.min(bitsUnscaled, bitsScaled);
  }

  /**
   * Returns an upper bound on the binary logarithm of the norm of the integer row that results from
   * dividing each column j by 2^e_j.
   */
  private static double logOfNorm(double[] row, int[] columnExponents) {
    int first = Integer.MIN_VALUE;
    int last = Integer.MAX_VALUE;
    for (int j = 0; j < row.length; j++) {
      if (row[j] != 0) {
        first = Math.max(first, exponentOfFirstBit(row[j]) - columnExponents[j]);
        last = Math.min(last, exponentOfLastBit(row[j]) - columnExponents[j]);
      }
    }
    if (first == Integer.MIN_VALUE) {
      return 0;
    }
    double squares = 0;
    for (int j = 0; j < row.length; j++) {
      if (row[j] != 0) {
        // Below 2, and at least 1 for the largest entries; small results are rounded up.
        double scaled =
            Math.nextUp(
                Math.scalb(
                    significand(row[j]), exponentOfFirstBit(row[j]) - columnExponents[j] - first));
        squares = Upward.add(squares, Upward.multiply(scaled, scaled));
      }
    }
    return Upward.add(first - last, 0.5 * Math.log(squares) / Math.log(2) + LOG_MARGIN);
  }

  /** Returns |x|·2^-e, between 1 and 2, where e is the exponent of the first bit. */
  private static double significand(double x) {
    double normal = Math.abs(x) < Double.MIN_NORMAL ? Math.abs(x) * 0x1p54 : Math.abs(x);
    return Math.scalb(normal, -Math.getExponent(normal));
  }

  /** Returns the largest e for which |x| is at least 2^e. */
  private static int exponentOfFirstBit(double x) {
    return Math.abs(x) < Double.MIN_NORMAL
        ? Math.getExponent(x * 0x1p54) - 54
        : Math.getExponent(x);
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
