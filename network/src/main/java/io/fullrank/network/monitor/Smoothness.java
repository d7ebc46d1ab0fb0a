package io.fullrank.network.monitor;

import io.fullrank.network.activation.ActivationFunction;
import io.fullrank.proto.v1.Activation;
import java.util.Optional;
import java.util.function.IntToDoubleFunction;

/**
 * A function g on the real line with proven bounds on its derivatives: an activation σ, or its
 * derivative.
 *
 * <p>The bounds follow from Cauchy's estimate on circles of radius π/2, on which s(z) = 1/(1 +
 * e^{−z}) has |1 + e^{−z}| ≥ 1, and so |s| ≤ 1 and, away from 0, |s| or |1 − s| at most e^{−|Re
 * z|}: |s^(j)| ≤ j!(2/π)^j, times e^{π/2−|x|} for j ≥ 1. The first three are polynomials in s,
 * bounded by 1/4, 1/(6√3) and 1/8.
 *
 * @param function σ
 * @param order 0 for g = σ, 1 for g = σ'
 * @param atZero |g(0)|, rounded up
 * @param supremum a bound on |g|; may be infinite
 * @param largest a bound on |g^(j)| for each j ≥ 1
 */
record Smoothness(
    ActivationFunction function,
    int order,
    double atZero,
    double supremum,
    IntToDoubleFunction largest) {

  /** More than any rounding of the bounds themselves, of a few operations each. */
  private static final double SLACK = 1 + 1e-9;

  /** σ and its bounds; empty of an activation for which none are known here. */
  static Optional<Smoothness> of(Activation activation) {
    ActivationFunction function = ActivationFunction.of(activation);
    return switch (activation.getFunctionCase()) {
      // tanh x = 2s(2x) − 1
      case TANH -> Optional.of(new Smoothness(function, 0, 0, 1, j -> 2 * scaled(j, 2)));
      case SIGMOID -> Optional.of(new Smoothness(function, 0, 0.5, 1, j -> scaled(j, 1)));
      // The derivative is s(ςx).
      case SOFTPLUS -> {
        double sharpness = activation.getSoftplus().getSharpness();
        yield Optional.of(
            new Smoothness(
                function,
                0,
                SLACK * StrictMath.log(2) / sharpness,
                Double.POSITIVE_INFINITY,
                j -> j == 1 ? 1 : scaled(j - 1, sharpness)));
      }
      // xs(x), whose j-th derivative is xs^(j) + js^(j−1), and |x|e^{−|x|} ≤ 1/e.
      case SWISH ->
          Optional.of(
              new Smoothness(
                  function,
                  0,
                  0,
                  Double.POSITIVE_INFINITY,
                  j -> StrictMath.exp(Math.PI / 2 - 1) * cauchy(j, 1) + j * scaled(j - 1, 1)));
      case GELU, RELU, FUNCTION_NOT_SET -> Optional.empty();
    };
  }

  /** A bound on the j-th derivative of s(ςx). */
  private static double scaled(int j, double sharpness) {
    return switch (j) {
      case 1 -> SLACK * sharpness / 4;
      case 2 -> SLACK * sharpness * sharpness / (6 * Math.sqrt(3));
      case 3 -> SLACK * sharpness * sharpness * sharpness / 8;
      default -> cauchy(j, sharpness);
    };
  }

  /** j!(2ς/π)^j. */
  private static double cauchy(int j, double sharpness) {
    double bound = SLACK;
    for (int i = 1; i <= j; i++) {
      bound *= i * sharpness * 2 / Math.PI;
    }
    return bound;
  }

  /** A bound on |g^(j)|, j ≥ 1. */
  double derivative(int j) {
    return largest.applyAsDouble(j);
  }

  /** A bound on √E[g(√v z)²] and on E|g(√v z)|, for z ~ N(0, 1). */
  double rootMeanSquare(double variance) {
    return Math.min(supremum, SLACK * (atZero + derivative(1) * Math.sqrt(variance)));
  }

  /** A bound on √E[g(√v z)⁴]: Minkowski's inequality, with E[z⁴] = 3. */
  double rootMeanFourthPower(double variance) {
    double grown = SLACK * (atZero + derivative(1) * Math.sqrt(variance) * Math.pow(3, 0.25));
    double root = Math.min(supremum, grown);
    return root * root;
  }

  /** σ' with its bounds, of σ. */
  Smoothness differentiated() {
    return new Smoothness(function, 1, derivative(1), derivative(1), j -> derivative(j + 1));
  }

  /** Evaluates g at {@link ActivationFunction#BLOCK} numbers. */
  void evaluate(double[] x, double[] value) {
    double[] other = new double[x.length];
    if (order == 0) {
      function.evaluate(x, value, other);
    } else {
      function.evaluate(x, other, value);
    }
  }
}
