package io.fullrank.certificate.arithmetic;

/**
 * Arithmetic on nonnegative numbers whose results are never below the exact ones: each result is
 * the double after the one nearest to the exact result.
 *
 * <p><b>Underflow.</b> This needs gradual underflow: the double after a result that was flushed to
 * zero is 2^-1074, and the exact result may be up to 2^-1022. Java has no other arithmetic, unless
 * native code returns with the processor's flags for flushing to zero set, which the calling
 * conventions of x86-64 and AArch64 forbid. The known-answer test of OpenBLAS looks at it once,
 * after calls. Threads of a native library may flush to zero: the bounds on their results allow for
 * that.
 */
public final class Upward {

  /** The unit roundoff u of f64, 2^-53. */
  public static final double UNIT_ROUNDOFF = 0x1p-53;

  private Upward() {}

  /** Returns at least a + b. */
  public static double add(double a, double b) {
    return Math.nextUp(a + b);
  }

  /** Returns at least ab. */
  public static double multiply(double a, double b) {
    return Math.nextUp(a * b);
  }

  /** Returns at least a/b. */
  public static double divide(double a, double b) {
    return Math.nextUp(a / b);
  }

  /** Returns at least √a. */
  public static double squareRoot(double a) {
    return Math.nextUp(Math.sqrt(a));
  }

  /** Returns at least the sum of the values. */
  public static double sum(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum = add(sum, value);
    }
    return sum;
  }

  /**
   * Returns at least the sum of the squares of numbers x_j, and exactly 0 if all are 0.
   *
   * <p>u = 2^-53. Where each given number is x_j with a relative error of at most u, its square
   * brings in another rounding, and a sum of c terms in any order passes each through at most c − 1
   * additions. So the computed sum is at least (1 − γ_{c+3}) times the exact one, minus cη for
   * squares that underflow, η = 2^-1022.
   *
   * @param values (input) the numbers, such as differences of two f64, rounded
   */
  public static double sumOfSquares(double[] values) {
    // In four lanes, because in a single one each addition would wait for the one before.
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int j = 0;
    for (; j + 4 <= values.length; j += 4) {
      s0 += values[j] * values[j];
      s1 += values[j + 1] * values[j + 1];
      s2 += values[j + 2] * values[j + 2];
      s3 += values[j + 3] * values[j + 3];
    }
    for (; j < values.length; j++) {
      s0 += values[j] * values[j];
    }
    double sum = (s0 + s1) + (s2 + s3);
    // A sum of 0 may be the result of underflow.
    if (sum == 0 && !anyNonzero(values)) {
      return 0;
    }
    int c = values.length;
    return divide(add(sum, c * Double.MIN_NORMAL), Math.nextDown(1 - gamma(c + 3L)));
  }

  private static boolean anyNonzero(double[] values) {
    for (double value : values) {
      if (value != 0) {
        return true;
      }
    }
    return false;
  }

  /**
   * Returns γ_k = ku/(1−ku) (Higham, <i>Accuracy and Stability of Numerical Algorithms</i>, §3.1).
   *
   * @param k below 2^51, so that ku and 1−ku are exact and ku &lt; 1/4
   */
  public static double gamma(long k) {
    double ku = k * UNIT_ROUNDOFF;
    return divide(ku, 1 - ku);
  }

  /** Returns γ_k/(1−γ_k): times a computed sum of squares, it bounds γ_k times the exact sum. */
  public static double gammaOverOneMinusGamma(long k) {
    double gamma = gamma(k);
    return divide(gamma, Math.nextDown(1 - gamma));
  }
}
