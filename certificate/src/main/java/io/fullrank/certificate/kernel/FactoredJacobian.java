package io.fullrank.certificate.kernel;

import java.util.List;

/**
 * The Jacobian J of a network's outputs in the parameters of some layers, by factors: J = [J_1 …
 * J_L], nK × ΣP_l, for n examples with K outputs each. Row i·K + k is that of output k of example
 * i, both counted from 0.
 *
 * <p>The numbers in the factors are taken as exact, and so is their product: what is certified is
 * <i>the Jacobian as computed</i>, the exact matrix that follows from these numbers.
 *
 * @param examples n, at least 1
 * @param outputs K, at least 1
 * @param layers J_1 … J_L, at least one
 */
public record FactoredJacobian(int examples, int outputs, List<LayerJacobian> layers) {

  /**
   * Checks that the layers fit together.
   *
   * @throws IllegalArgumentException if there are no layers, examples or outputs, more than 2^31 −
   *     1 rows, or factors of other shapes
   */
  public FactoredJacobian {
    if (examples < 1 || outputs < 1) {
      throw new IllegalArgumentException(
          "a Jacobian needs at least one example and one output, not " + examples + ", " + outputs);
    }
    if ((long) examples * outputs > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          examples + " examples with " + outputs + " outputs are more than 2^31 - 1 rows");
    }
    if (layers.isEmpty()) {
      throw new IllegalArgumentException("a Jacobian needs at least one layer");
    }
    layers = List.copyOf(layers);
    for (LayerJacobian layer : layers) {
      layer.requireShape(examples, outputs);
    }
  }

  /** Returns the number of rows, nK. */
  public int rows() {
    return examples * outputs;
  }

  /** Returns the number of columns, ΣP_l. */
  public long columns() {
    return layers.stream().mapToLong(LayerJacobian::columns).sum();
  }
}
