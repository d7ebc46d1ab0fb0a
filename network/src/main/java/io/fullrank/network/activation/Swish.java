package io.fullrank.network.activation;

import io.fullrank.proto.v1.Activation;
import java.util.List;

/**
 * z·s(z) with the logistic function s, also called SiLU (Ramachandran, Zoph, Le, <i>Searching for
 * Activation Functions</i>, 2017, with β = 1); the derivative is s(z) + z·s'(z).
 */
record Swish() implements ActivationFunction {

  static final ActivationChoice CHOICE =
      ActivationChoice.of(
          "swish",
          Activation.SWISH_FIELD_NUMBER,
          "z/(1 + e^{−z}), also called SiLU",
          List.of(),
          values -> new Swish());

  private static final Sigmoid SIGMOID = new Sigmoid();

  @Override
  public void evaluate(double[] x, double[] value, double[] slope) {
    SIGMOID.evaluate(x, value, slope);
    for (int i = 0; i < BLOCK; i++) {
      slope[i] = value[i] + x[i] * slope[i];
      value[i] = x[i] * value[i];
    }
  }

  @Override
  public boolean analytic() {
    return true;
  }
}
