package io.fullrank.network.activation;

import io.fullrank.network.enclosure.Enclosure;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.proto.v1.Activation;
import java.util.List;

/** max(z, 0) with derivative 0 at 0. Not analytic. */
record Relu() implements ActivationFunction {

  static final ActivationChoice CHOICE =
      ActivationChoice.of(
          "relu",
          Activation.RELU_FIELD_NUMBER,
          "max(z, 0). Not real-analytic: a certificate is about the weights it was made "
              + "for alone, and the run says so in a warning",
          List.of(),
          values -> new Relu());

  @Override
  public void evaluate(double[] x, double[] value, double[] slope) {
    for (int i = 0; i < BLOCK; i++) {
      value[i] = Math.max(x[i], 0);
      slope[i] = positive(x[i]);
    }
  }

  /** 1 for x &gt; 0 and 0 for x ≤ 0, without a branch that the processor would have to guess. */
  static double positive(double x) {
    return Math.min(Math.max(x * 1e300, 0), 1);
  }

  @Override
  public Enclosure value(Enclosure z, Precision precision) {
    return z.positivePart();
  }

  @Override
  public double steepest(Enclosure z) {
    return z.upper() <= 0 ? 0 : 1;
  }

  @Override
  public boolean analytic() {
    return false;
  }
}
