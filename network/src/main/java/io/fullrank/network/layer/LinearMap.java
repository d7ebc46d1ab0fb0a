package io.fullrank.network.layer;

import io.fullrank.network.tensor.Volume;

/**
 * The linear part of a layer: z = aW, plus b if there is a bias, where a is what the layer reads,
 * or, of a convolution, each of its patches. Its parameters are W and b.
 *
 * @param layer its name, which its parameters "weight" and "bias" begin with
 * @param input what it reads
 * @param output what it makes: z
 * @param kernel pixels of a patch's side, odd; around a picture lie (kernel − 1)/2 pixels of zeros
 * @param stride from patch to patch, in both directions
 * @param bias whether there is b
 */
public record LinearMap(
    String layer, Volume input, Volume output, int kernel, int stride, boolean bias) {

  /**
   * The map x ↦ xW + b on vectors.
   *
   * @param inputs length of x
   * @param outputs length of what it makes
   */
  public static LinearMap onVectors(String layer, int inputs, int outputs) {
    return new LinearMap(layer, Volume.vector(inputs), Volume.vector(outputs), 1, 1, true);
  }

  /** Returns whether it makes one vector of one vector. */
  public boolean isOnVectors() {
    return input.pixels() == 1 && output.pixels() == 1 && kernel == 1;
  }

  /** Returns the number of its parameters. */
  public long parameters() {
    long patch = (long) kernel * kernel * input.channels();
    return (patch + (bias ? 1 : 0)) * output.channels();
  }
}
