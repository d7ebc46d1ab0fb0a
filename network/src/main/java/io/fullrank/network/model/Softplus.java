package io.fullrank.network.model;

import java.nio.FloatBuffer;

/**
 * The activation σ(z) = ln(1 + e^{ςz})/ς of sharpness ς and its derivative 1/(1 + e^{−ςz}) (KS21,
 * §4.1: ς = 100). It is real-analytic and within ln(2)/ς of ReLU.
 *
 * <p>With t = e^{−|ςz|}: σ(z) = max(z, 0) + ln(1 + t)/ς, and the derivative is 1/(1 + t) for z ≥ 0
 * and t/(1 + t) for z &lt; 0, so that nothing overflows. Where |ςz| ≥ 18, t &lt; 2⁻²⁵ is below
 * float32 resolution beside 1. Below ςz = −87, e^{ςz} is no longer a normal float32 number, and 0
 * stands for it. {@link StrictMath} gives the same bits on every machine and runtime.
 *
 * @param sharpness ς, positive and finite
 */
record Softplus(double sharpness) {

  private static final double SATURATION = 18;
  private static final double UNDERFLOW = -87;

  Softplus {
    if (!(sharpness > 0) || Double.isInfinite(sharpness)) {
      throw new IllegalArgumentException(
          "softplus: sharpness must be positive and finite, got " + sharpness);
    }
  }

  /**
   * Applies σ in place.
   *
   * @param z (modified) holds σ(z) afterwards
   * @param derivative (output) σ'(z), of the shape of z
   */
  void apply(FloatMatrix z, FloatMatrix derivative) {
    FloatBuffer values = z.values();
    FloatBuffer slopes = derivative.values();
    int length = z.rows() * z.columns();
    for (int i = 0; i < length; i++) {
      float x = values.get(i);
      double scaled = sharpness * x;
      if (scaled >= SATURATION) {
        slopes.put(i, 1);
      } else if (scaled < UNDERFLOW) {
        values.put(i, 0);
        slopes.put(i, 0);
      } else {
        double t = StrictMath.exp(-Math.abs(scaled));
        double log = scaled < -SATURATION ? t : StrictMath.log1p(t);
        double slope = 1 / (1 + t);
        values.put(i, (float) (Math.max(x, 0) + log / sharpness));
        slopes.put(i, (float) (scaled < 0 ? t * slope : slope));
      }
    }
  }
}
