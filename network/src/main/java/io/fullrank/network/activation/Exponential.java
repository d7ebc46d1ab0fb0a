package io.fullrank.network.activation;

/**
 * Exponentials of blocks of numbers y ≤ 0 by plain arithmetic; see {@link ActivationFunction}.
 *
 * <p>The Taylor polynomial of degree 9 at y/512, then nine squarings: off by a factor 1 + 10⁻¹⁰ at
 * most for −128 ≤ y ≤ 0.
 */
final class Exponential {

  /** e⁻⁴⁰⁰ is 0 in float32, and still is after a division by any reasonable number. */
  static final double UNDERFLOW = 400;

  private Exponential() {}

  /**
   * e^y of a block.
   *
   * @param y (modified) {@link ActivationFunction#BLOCK} numbers of −{@link #UNDERFLOW} to 0; holds
   *     e^y afterwards
   */
  static void exp(double[] y) {
    for (int i = 0; i < ActivationFunction.BLOCK; i++) {
      double z = y[i] * (1.0 / 512);
      y[i] = 1 + z * series(z);
    }
    for (int i = 0; i < ActivationFunction.BLOCK; i++) {
      double e2 = y[i] * y[i];
      double e4 = e2 * e2;
      double e8 = e4 * e4;
      double e16 = e8 * e8;
      double e32 = e16 * e16;
      double e64 = e32 * e32;
      double e128 = e64 * e64;
      double e256 = e128 * e128;
      y[i] = e256 * e256;
    }
  }

  /**
   * e^y − 1 of a block, of the same relative accuracy near 0 too: (1 + e)² − 1 = e(2 + e).
   *
   * @param y (modified) as for {@link #exp}; holds e^y − 1 afterwards
   */
  static void expm1(double[] y) {
    for (int i = 0; i < ActivationFunction.BLOCK; i++) {
      double z = y[i] * (1.0 / 512);
      y[i] = z * series(z);
    }
    for (int i = 0; i < ActivationFunction.BLOCK; i++) {
      double e2 = y[i] * (2 + y[i]);
      double e4 = e2 * (2 + e2);
      double e8 = e4 * (2 + e4);
      double e16 = e8 * (2 + e8);
      double e32 = e16 * (2 + e16);
      double e64 = e32 * (2 + e32);
      double e128 = e64 * (2 + e64);
      double e256 = e128 * (2 + e128);
      y[i] = e256 * (2 + e256);
    }
  }

  /** (e^z − 1)/z. */
  private static double series(double z) {
    double high =
        1 / 120.0 + z * (1 / 720.0 + z * (1 / 5040.0 + z * (1 / 40320.0 + z * (1 / 362880.0))));
    return 1 + z * (1 / 2.0 + z * (1 / 6.0 + z * (1 / 24.0 + z * high)));
  }
}
