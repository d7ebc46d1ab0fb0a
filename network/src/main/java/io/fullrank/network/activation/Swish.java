package io.fullrank.network.activation;

import io.fullrank.network.enclosure.ElementaryFunctions;
import io.fullrank.network.enclosure.Enclosure;
import io.fullrank.network.enclosure.Precision;
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

  private static final double STEEPEST = 1.1;

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
  public Enclosure value(Enclosure z, Precision precision) {
    return z.times(SIGMOID.value(z, precision));
  }

  /**
   * |σ'| is at most 1.0999, at z = ±2.3994, where σ″ = s'(z)(2 − z tanh(z/2)) is 0. For z ≤ 0,
   * |σ'(z)| = s(z)|1 + z(1 − s(z))| ≤ e^z(1 − z), which rises with z.
   */
  @Override
  public double steepest(Enclosure z) {
    double most = z.upper();
    return most >= 0
        ? STEEPEST
        : Math.min(
            STEEPEST, Math.nextUp(Math.nextUp(1 - most) * ElementaryFunctions.expUpper(most)));
  }

  @Override
  public boolean analytic() {
    return true;
  }
}
