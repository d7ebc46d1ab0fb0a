package io.fullrank.network.activation;

import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Range;
import io.fullrank.network.enclosure.ElementaryFunctions;
import io.fullrank.network.enclosure.Enclosure;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.proto.v1.Activation;
import java.util.List;

/**
 * The activation σ(z) = ln(1 + e^{ςz})/ς of sharpness ς and its derivative 1/(1 + e^{−ςz}) (KS21,
 * §4.1: ς = 100). It is real-analytic and within ln(2)/ς of ReLU.
 *
 * <p>With t = e^{−|ςz|}: σ(z) = max(z, 0) + ln(1 + t)/ς, and the derivative is 1/(1 + t) for z ≥ 0
 * and t/(1 + t) for z &lt; 0, so that nothing overflows. ln(1 + t) = 2 artanh(w) for w = t/(2 + t)
 * is the first nine terms of its series, off by a factor 1 + 2·10⁻¹⁰ at most.
 *
 * @param sharpness ς, positive and finite
 */
public record Softplus(double sharpness) implements ActivationFunction {

  static final ActivationChoice CHOICE =
      ActivationChoice.of(
          "softplus",
          Activation.SOFTPLUS_FIELD_NUMBER,
          "ln(1 + e^{ςz})/ς; with ς = 100 within 0.007 of ReLU",
          List.of(Parameter.number("sharpness", Range.POSITIVE, "ς").byDefault(100.0)),
          values -> new Softplus(values.number("sharpness")));

  public Softplus {
    if (!(sharpness > 0) || Double.isInfinite(sharpness)) {
      throw new IllegalArgumentException(
          "softplus: sharpness must be positive and finite, got " + sharpness);
    }
  }

  @Override
  public void evaluate(double[] x, double[] value, double[] slope) {
    double[] t = slope;
    for (int i = 0; i < BLOCK; i++) {
      t[i] = -Math.min(Math.abs(sharpness * x[i]), Exponential.UNDERFLOW);
    }
    Exponential.exp(t);
    double factor = 2 / sharpness;
    for (int i = 0; i < BLOCK; i++) {
      double w = t[i] / (2 + t[i]);
      double q = w * w;
      double high = 1 / 11.0 + q * (1 / 13.0 + q * (1 / 15.0 + q * (1 / 17.0)));
      double series = 1 + q * (1 / 3.0 + q * (1 / 5.0 + q * (1 / 7.0 + q * (1 / 9.0 + q * high))));
      value[i] = Math.max(x[i], 0) + factor * w * series;
    }
    for (int i = 0; i < BLOCK; i++) {
      slope[i] = Math.max(Relu.positive(x[i]), t[i]) / (1 + t[i]);
    }
  }

  @Override
  public Enclosure value(Enclosure z, Precision precision) {
    Enclosure far = z.times(z.high() > 0 ? -sharpness : sharpness);
    return ElementaryFunctions.log1p(ElementaryFunctions.exp(far, precision), precision)
        .dividedBy(Enclosure.of(sharpness))
        .plus(z.positivePart());
  }

  /** σ'(z) = 1/(1 + e^{−ςz}) rises with z, and is below e^{ςz}. */
  @Override
  public double steepest(Enclosure z) {
    double most = z.upper();
    return most >= 0 ? 1 : Math.min(1, ElementaryFunctions.expUpper(Math.nextUp(sharpness * most)));
  }

  @Override
  public boolean analytic() {
    return true;
  }
}
