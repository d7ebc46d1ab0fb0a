package io.fullrank.network.activation;

import io.fullrank.network.enclosure.ElementaryFunctions;
import io.fullrank.network.enclosure.Enclosure;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.proto.v1.Activation;
import java.util.List;

/**
 * z·P(z) with the standard normal distribution function P (Hendrycks, Gimpel, <i>Gaussian Error
 * Linear Units</i>, 2016), not its approximation by tanh. The derivative is P(z) + z·p(z) with the
 * density p.
 *
 * <p>For z ≤ 0, P(z) = ½e^{−z²/2}·erfcx(w) with w = |z|/√2, and erfcx(w)(1 + 2w) is a polynomial of
 * degree 14 in (w − 3)/(w + 3), fitted at Chebyshev points by activations.py to a relative error of
 * 10⁻¹⁰. For z &gt; 0, P(z) = 1 − P(−z).
 */
record Gelu() implements ActivationFunction {

  static final ActivationChoice CHOICE =
      ActivationChoice.of(
          "gelu",
          Activation.GELU_FIELD_NUMBER,
          "z·P(z) with the standard normal distribution function P, exactly (not the "
              + "approximation by tanh)",
          List.of(),
          values -> new Gelu());

  private static final double STEEPEST = 1.13;
  private static final double SQRT_HALF = Math.sqrt(0.5);
  private static final double DENSITY_AT_ZERO = 1 / Math.sqrt(2 * Math.PI);

  /** Beyond it e^{−z²/2} is 0, and z² must not overflow. */
  private static final double FAR = 28;

  @Override
  public void evaluate(double[] x, double[] value, double[] slope) {
    for (int i = 0; i < BLOCK; i++) {
      double z = Math.min(Math.abs(x[i]), FAR);
      slope[i] = -0.5 * z * z;
    }
    Exponential.exp(slope);
    for (int i = 0; i < BLOCK; i++) {
      double w = Math.min(Math.abs(x[i]), FAR) * SQRT_HALF;
      double lower = 0.5 * slope[i] * polynomial((w - 3) / (w + 3)) / (1 + 2 * w);
      double right = Relu.positive(x[i]);
      value[i] = right + (1 - 2 * right) * lower;
    }
    for (int i = 0; i < BLOCK; i++) {
      slope[i] = value[i] + x[i] * slope[i] * DENSITY_AT_ZERO;
      value[i] = x[i] * value[i];
    }
  }

  private static double polynomial(double s) {
    double high =
        0.0018885053280140774
            + s
                * (-0.0007713736800609804
                    + s
                        * (-0.00010470632684029072
                            + s
                                * (0.00011324624336868762
                                    + s
                                        * (4.28047612519973e-06
                                            + s
                                                * (-1.1057231205061917e-05
                                                    + s * (-1.1960761788827293e-07))))));
    return 1.2530080582680243
        + s
            * (-0.13562110449402298
                + s
                    * (-0.04756229412650631
                        + s
                            * (0.1296450969690741
                                + s
                                    * (-0.11927366842696767
                                        + s
                                            * (0.0683087067711131
                                                + s
                                                    * (-0.02377047203775986
                                                        + s
                                                            * (0.0025260688699747214
                                                                + s * (high))))))));
  }

  @Override
  public Enclosure value(Enclosure z, Precision precision) {
    return z.times(ElementaryFunctions.normalDistribution(z));
  }

  /** |σ'| is at most 1.1290, at z = ±√2, where σ″ = (2 − z²)p(z) is 0. */
  @Override
  public double steepest(Enclosure z) {
    return STEEPEST;
  }

  @Override
  public boolean analytic() {
    return true;
  }
}
