package io.fullrank.network.activation;

import io.fullrank.network.enclosure.ElementaryFunctions;
import io.fullrank.network.enclosure.Enclosure;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.proto.v1.Activation;
import java.util.List;

/**
 * The logistic function 1/(1 + e^{−z}). With t = e^{−|z|} it is 1/(1 + t) for z &gt; 0 and t/(1 +
 * t) else; the derivative is t/(1 + t)².
 */
record Sigmoid() implements ActivationFunction {

  static final ActivationChoice CHOICE =
      ActivationChoice.of(
          "sigmoid",
          Activation.SIGMOID_FIELD_NUMBER,
          "1/(1 + e^{−z})",
          List.of(),
          values -> new Sigmoid());

  @Override
  public void evaluate(double[] x, double[] value, double[] slope) {
    for (int i = 0; i < BLOCK; i++) {
      slope[i] = -Math.min(Math.abs(x[i]), Exponential.UNDERFLOW);
    }
    Exponential.exp(slope);
    for (int i = 0; i < BLOCK; i++) {
      double t = slope[i];
      double p = 1 / (1 + t);
      value[i] = Math.max(Relu.positive(x[i]), t) * p;
      slope[i] = t * p * p;
    }
  }

  @Override
  public Enclosure value(Enclosure z, Precision precision) {
    Enclosure t = ElementaryFunctions.exp(z.high() > 0 ? z.negated() : z, precision);
    return (z.high() > 0 ? Enclosure.ONE : t).dividedBy(t.plus(1));
  }

  /** σ'(z) = t/(1 + t)² is at most ¼, and below t. */
  @Override
  public double steepest(Enclosure z) {
    return Math.min(0.25, ElementaryFunctions.expUpper(-z.leastMagnitude()));
  }

  @Override
  public boolean analytic() {
    return true;
  }
}
