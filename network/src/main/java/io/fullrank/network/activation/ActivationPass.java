package io.fullrank.network.activation;

import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.Parts;
import java.nio.FloatBuffer;
import java.util.List;

/**
 * Applies an activation to float32 numbers, with working memory for it. Not thread-safe, but uses
 * all processors.
 *
 * <p>Results below the normal float32 numbers become 0: subnormal ones would slow every product
 * they are in by an order of magnitude.
 */
public final class ActivationPass {

  /** Numbers that take some tens of microseconds. */
  public static final int PART_NUMBERS = 1 << 14;

  private static final int BLOCK = ActivationFunction.BLOCK;

  private final List<Block> blocks;

  public ActivationPass(ActivationFunction function) {
    blocks = Parts.memory(() -> new Block(function));
  }

  /**
   * Sets y ← c·σ(x).
   *
   * @param x (input) any matrix
   * @param c a factor
   * @param y (output) of the shape of x, or x itself
   * @param derivative (output) σ'(x), of the shape of x
   */
  public void apply(FloatMatrix x, float c, FloatMatrix y, FloatMatrix derivative) {
    Parts.forEach(
        x.length(),
        PART_NUMBERS,
        (part, first, end) -> {
          Block block = blocks.get(part);
          for (int at = first; at < end; at += BLOCK) {
            block.apply(x.values(), c, y.values(), derivative.values(), at, end);
          }
        });
  }

  /** One thread's part of the work. */
  public static final class Block {
    private final ActivationFunction function;
    private final double[] x = new double[BLOCK];
    private final double[] value = new double[BLOCK];
    private final double[] slope = new double[BLOCK];
    private final float[] values = new float[BLOCK];
    private final float[] slopes = new float[BLOCK];

    public Block(ActivationFunction function) {
      this.function = function;
    }

    private void apply(
        FloatBuffer from, float c, FloatBuffer to, FloatBuffer derivatives, int at, int end) {
      int count = Math.min(BLOCK, end - at);
      from.get(at, values, 0, count);
      apply(values, 0, count, slopes);
      for (int i = 0; i < count; i++) {
        values[i] *= c;
      }
      to.put(at, values, 0, count);
      derivatives.put(at, slopes, 0, count);
    }

    /**
     * Applies σ in place to a part of an array.
     *
     * @param z (modified) numbers {@code first} to {@code first + count} − 1 hold σ(z) afterwards
     * @param derivative (output) σ'(z), at the same places
     */
    public void apply(float[] z, int first, int count, float[] derivative) {
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
}
