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
