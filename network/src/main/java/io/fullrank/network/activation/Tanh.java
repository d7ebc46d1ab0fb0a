package io.fullrank.network.activation;

import io.fullrank.network.enclosure.ElementaryFunctions;
import io.fullrank.network.enclosure.Enclosure;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.proto.v1.Activation;
import java.util.List;

/**
 * tanh. With e = e^{−2|z|} − 1, computed without cancellation, tanh |z| = −e/(2 + e), and with t =
 * e^{−2|z|} the derivative is 4t/(1 + t)².
 */
record Tanh() implements ActivationFunction {

  static final ActivationChoice CHOICE =
      ActivationChoice.of(
          "tanh",
          Activation.TANH_FIELD_NUMBER,
          "(e^z − e^{−z})/(e^z + e^{−z})",
          List.of(),
          values -> new Tanh());

  @Override
  public void evaluate(double[] x, double[] value, double[] slope) {
    for (int i = 0; i < BLOCK; i++) {
      value[i] = -Math.min(2 * Math.abs(x[i]), Exponential.UNDERFLOW);
      slope[i] = value[i];
    }
    Exponential.expm1(value);
    Exponential.exp(slope);
    for (int i = 0; i < BLOCK; i++) {
      double sign = 2 * Relu.positive(x[i]) - 1;
      double t = slope[i];
      value[i] = -sign * value[i] / (2 + value[i]);
      slope[i] = 4 * t / ((1 + t) * (1 + t));
    }
  }

  @Override
  public Enclosure value(Enclosure z, Precision precision) {
    Enclosure t = ElementaryFunctions.exp(z.times(z.high() > 0 ? -2 : 2), precision);
    Enclosure ofMagnitude = Enclosure.ONE.minus(t).dividedBy(t.plus(1));
    return z.high() > 0 ? ofMagnitude : ofMagnitude.negated();
  }

  /** σ'(z) = 4t/(1 + t)² is at most 1, and below 4t. */
  @Override
  public double steepest(Enclosure z) {
    return Math.min(1, 4 * ElementaryFunctions.expUpper(-2 * z.leastMagnitude()));
  }

  @Override
  public boolean analytic() {
    return true;
  }
}
