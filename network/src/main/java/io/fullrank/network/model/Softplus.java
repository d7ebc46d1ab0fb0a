package io.fullrank.network.model;

import java.nio.FloatBuffer;

/**
 * The activation σ(z) = ln(1 + e^{ςz})/ς of sharpness ς and its derivative 1/(1 + e^{−ςz}) (KS21,
 * §4.1: ς = 100). It is real-analytic and within ln(2)/ς of ReLU.
 *
 * <p>With t = e^{−|ςz|}: σ(z) = max(z, 0) + ln(1 + t)/ς, and the derivative is 1/(1 + t) for z ≥ 0
 * and t/(1 + t) for z &lt; 0, so that nothing overflows. In float64, e^y is the Taylor polynomial
 * of degree 9 at y/512, squared nine times (off by a factor 1 + 10⁻¹⁰ at most for −128 ≤ y ≤ 0),
 * and ln(1 + t) = 2 artanh(w) for w = t/(2 + t) is the first nine terms of its series (1 +
 * 2·10⁻¹⁰): both far below the rounding of the float32 result. Plain arithmetic only, for two
 * reasons: the bits are the same on every machine and Java runtime, and the compiler turns these
 * loops into vector instructions, several times faster than {@link StrictMath}.
 *
 * @param sharpness ς, positive and finite
 */
record Softplus(double sharpness) {

  /** Numbers that are worked on at a time, in the first-level cache. */
  private static final int BLOCK = 256;

  /** e⁻⁴⁰⁰ is 0 in float32, and still is after a division by any reasonable ς. */
  private static final double UNDERFLOW = 400;

  Softplus {
    if (!(sharpness > 0) || Double.isInfinite(sharpness)) {
      throw new IllegalArgumentException(
          "softplus: sharpness must be positive and finite, got " + sharpness);
    }
  }

  /**
   * Applies σ in place. Results below the normal float32 numbers become 0: subnormal ones would
   * slow every product they are in by an order of magnitude.
   *
   * @param z (modified) holds σ(z) afterwards
   * @param derivative (output) σ'(z), of the shape of z
   */
  void apply(FloatMatrix z, FloatMatrix derivative) {
    FloatBuffer values = z.values();
    FloatBuffer slopes = derivative.values();
    double[] x = new double[BLOCK];
    double[] t = new double[BLOCK];
    double[] value = new double[BLOCK];
    double[] slope = new double[BLOCK];
    int length = z.rows() * z.columns();
    for (int first = 0; first < length; first += BLOCK) {
      int count = Math.min(BLOCK, length - first);
      for (int i = 0; i < count; i++) {
        x[i] = values.get(first + i);
      }
      exponential(x, t);
      logarithm(x, t, value);
      for (int i = 0; i < BLOCK; i++) {
        slope[i] = Math.max(positive(x[i]), t[i]) / (1 + t[i]);
        slope[i] *= positive(slope[i] - Float.MIN_NORMAL);
        value[i] *= positive(value[i] - Float.MIN_NORMAL);
      }
      for (int i = 0; i < count; i++) {
        values.put(first + i, (float) value[i]);
        slopes.put(first + i, (float) slope[i]);
      }
    }
  }

  /** t = e^{−|ςx|}. */
  private void exponential(double[] x, double[] t) {
    for (int i = 0; i < BLOCK; i++) {
      t[i] = Math.min(Math.abs(sharpness * x[i]), UNDERFLOW) * (-1.0 / 512);
    }
    for (int i = 0; i < BLOCK; i++) {
      double y = t[i];
      double high =
          1 / 120.0 + y * (1 / 720.0 + y * (1 / 5040.0 + y * (1 / 40320.0 + y * (1 / 362880.0))));
      t[i] = 1 + y * (1 + y * (1 / 2.0 + y * (1 / 6.0 + y * (1 / 24.0 + y * high))));
    }
    for (int i = 0; i < BLOCK; i++) {
      double e2 = t[i] * t[i];
      double e4 = e2 * e2;
      double e8 = e4 * e4;
      double e16 = e8 * e8;
      double e32 = e16 * e16;
      double e64 = e32 * e32;
      double e128 = e64 * e64;
      double e256 = e128 * e128;
      t[i] = e256 * e256;
    }
  }

  /** value = max(x, 0) + ln(1 + t)/ς. */
  private void logarithm(double[] x, double[] t, double[] value) {
    double factor = 2 / sharpness;
    for (int i = 0; i < BLOCK; i++) {
      double w = t[i] / (2 + t[i]);
      double q = w * w;
      double high = 1 / 11.0 + q * (1 / 13.0 + q * (1 / 15.0 + q * (1 / 17.0)));
      double series = 1 + q * (1 / 3.0 + q * (1 / 5.0 + q * (1 / 7.0 + q * (1 / 9.0 + q * high))));
      value[i] = Math.max(x[i], 0) + factor * w * series;
    }
  }

  /** 1 for x &gt; 0 and 0 for x ≤ 0, without a branch that the processor would have to guess. */
  private static double positive(double x) {
    return Math.min(Math.max(x * 1e300, 0), 1);
  }
}
