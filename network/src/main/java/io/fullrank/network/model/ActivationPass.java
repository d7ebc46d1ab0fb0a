package io.fullrank.network.model;

import java.nio.FloatBuffer;

/**
 * Applies an activation to float32 numbers, with working memory for it. Not thread-safe.
 *
 * <p>Results below the normal float32 numbers become 0: subnormal ones would slow every product
 * they are in by an order of magnitude.
 */
final class ActivationPass {

  private static final int BLOCK = ActivationFunction.BLOCK;

  private final ActivationFunction function;
  private final double[] x = new double[BLOCK];
  private final double[] value = new double[BLOCK];
  private final double[] slope = new double[BLOCK];
  private final float[] values = new float[BLOCK];
  private final float[] slopes = new float[BLOCK];

  ActivationPass(ActivationFunction function) {
    this.function = function;
  }

  /**
   * Applies σ in place.
   *
   * @param z (modified) holds σ(z) afterwards
   * @param derivative (output) σ'(z), of the shape of z
   */
  void apply(FloatMatrix z, FloatMatrix derivative) {
    FloatBuffer zs = z.values();
    FloatBuffer derivatives = derivative.values();
    int length = z.rows() * z.columns();
    for (int first = 0; first < length; first += BLOCK) {
      int count = Math.min(BLOCK, length - first);
      zs.get(first, values, 0, count);
      apply(values, 0, count, slopes);
      zs.put(first, values, 0, count);
      derivatives.put(first, slopes, 0, count);
    }
  }

  /**
   * Applies σ in place to a part of an array.
   *
   * @param z (modified) numbers {@code first} to {@code first + count} − 1 hold σ(z) afterwards
   * @param derivative (output) σ'(z), at the same places
   */
  void apply(float[] z, int first, int count, float[] derivative) {
    for (int done = 0; done < count; done += BLOCK) {
      int part = Math.min(BLOCK, count - done);
      int offset = first + done;
      for (int i = 0; i < part; i++) {
        x[i] = z[offset + i];
      }
      function.evaluate(x, value, slope);
      for (int i = 0; i < BLOCK; i++) {
        value[i] *= Relu.positive(Math.abs(value[i]) - Float.MIN_NORMAL);
        slope[i] *= Relu.positive(Math.abs(slope[i]) - Float.MIN_NORMAL);
      }
      for (int i = 0; i < part; i++) {
        z[offset + i] = (float) value[i];
      }
      for (int i = 0; i < part; i++) {
        derivative[offset + i] = (float) slope[i];
      }
    }
  }
}
