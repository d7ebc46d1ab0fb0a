package io.fullrank.network.tensor;

import java.nio.FloatBuffer;

/**
 * The map x ↦ xW + b of one layer, on the memory of the network's parameters: it follows them as
 * they change.
 *
 * @param weight W, in × out
 * @param bias b, out
 */
public record AffineLayer(FloatMatrix weight, FloatBuffer bias) {

  /** Numbers that take some ten microseconds to go over. */
  private static final int PART_NUMBERS = 1 << 15;

  /**
   * Forward pass.
   *
   * @param x (input) rows × in
   * @param z (output) rows × out
   */
  public void forward(FloatMatrix x, FloatMatrix z) {
    Parts.forEach(
        z.rows(),
        PART_NUMBERS / z.columns() + 1,
        (part, first, end) -> {
          for (int row = first; row < end; row++) {
            z.values().put(row * z.columns(), bias, 0, z.columns());
          }
        });
    z.addProduct(x, weight);
  }

  /**
   * Gradients of a loss in W and b; this layer holds them.
   *
   * @param x (input) what the forward pass read, rows × in
   * @param dz (input) gradient of the loss in z, rows × out
   */
  public void setGradients(FloatMatrix x, FloatMatrix dz) {
    weight.setTransposedProduct(x, dz);
    FloatBuffer values = dz.values();
    int columns = dz.columns();
    Parts.forEach(
        columns,
        PART_NUMBERS / dz.rows() + 1,
        (part, first, end) -> {
          for (int j = first; j < end; j++) {
            bias.put(j, 0);
          }
          for (int row = 0; row < dz.rows(); row++) {
            for (int j = first; j < end; j++) {
              bias.put(j, bias.get(j) + values.get(row * columns + j));
            }
          }
        });
  }

  /**
   * Gradient of a loss in x.
   *
   * @param dz (input) gradient of the loss in z, rows × out
   * @param dx (output) rows × in
   */
  public void inputGradient(FloatMatrix dz, FloatMatrix dx) {
    dx.setProductTransposed(dz, weight);
  }
}
