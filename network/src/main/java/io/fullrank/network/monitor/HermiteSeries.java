package io.fullrank.network.monitor;

import static io.fullrank.certificate.arithmetic.Upward.UNIT_ROUNDOFF;

import io.fullrank.network.activation.ActivationFunction;

/**
 * The function z ↦ g(√v z) by its first Hermite coefficients a_k = E[g(√v z)h_k(z)], z ~ N(0, 1),
 * and its second moment, each with a proven bound on its error. For jointly Gaussian (x, y) with
 * variances v, v' and correlation ρ, E[g(x)g(y)] = Σ a_k a'_k ρ^k.
 *
 * <p>h_k are the orthonormal Hermite polynomials. The integrals are computed by the trapezoidal
 * rule with step h on [−14, 14], in float64. Errors:
 *
 * <ul>
 *   <li>of the rule on the whole line: 2ζ(m)(h/2π)^m ∫|f^(m)| for any m ≥ 2, by Poisson's
 *       summation. With f = g(√v z)h_kφ, as (h_kφ)^(i) = ±√((k+i)!/k!)·h_{k+i}φ and ∫h²φ = 1,
 *       ∫|f^(m)| ≤ Σ_j C(m, j) v^{j/2} G_j √((k+m−j)!/k!), where G_j bounds |g^(j)| and G_0 =
 *       √E[g²]; likewise with g² in place of gh_k
 *   <li>of cutting: |h_k(z)| ≤ 1.0865e^{z²/4} (Cramér), so what lies beyond 14 is below 10⁻¹⁹(G_0 +
 *       G_1√v + 1)²
 *   <li>of g's values: 10⁻⁹(|g| + 1), as {@link ActivationFunction} states
 *   <li>of h_k: bounded along the recurrence h_{k+1} = (zh_k − √k h_{k−1})/√(k+1)
 *   <li>of φ and of the sums: γ for as many operations as there are nodes and a few more
 * </ul>
 */
final class HermiteSeries {

  /** Coefficients of a series. */
  static final int TERMS = 32;

  /** Nodes lie in [−LIMIT, LIMIT]. */
  private static final int LIMIT = 14;

  /** m. */
  private static final int ORDER = 10;

  /** The step is halved until the rule's error is below this, relative to G_0. */
  private static final double RULE_TOLERANCE = 1e-13;

  private static final int MOST_HALVINGS = 14;

  private static final double FUNCTION_ERROR = 1e-9;

  /** More than the rounding of the bounds themselves. */
  private static final double SLACK = 1 + 1e-6;

  /** a_0, a_1, … */
  final double[] coefficients;

  /** At least the error of each coefficient. */
  final double error;

  /** E[g(√v z)²]. */
  final double secondMoment;

  /** At least its error. */
  final double secondMomentError;

  /** At least Σ a_k² over the coefficients that are not here. */
  final double tail;

  HermiteSeries(Smoothness g, double variance) {
    double root = Math.sqrt(variance);
    double magnitude = g.rootMeanSquare(variance);
    int halvings = 3;
    while (halvings < MOST_HALVINGS
        && ruleError(g, variance, halvings) > RULE_TOLERANCE * magnitude) {
      halvings++;
    }
    double step = Math.scalb(1.0, -halvings);
    int nodes = 2 * LIMIT << halvings;
    double[] sums = new double[TERMS];
    double[] recurrence = new double[TERMS];
    double squares = 0;
    double[] x = new double[ActivationFunction.BLOCK];
    double[] value = new double[ActivationFunction.BLOCK];
    double[] h = new double[TERMS];
    double[] e = new double[TERMS];
    for (int first = 0; first <= nodes; first += x.length) {
      for (int i = 0; i < x.length; i++) {
        x[i] = root * node(first + i, step);
      }
      g.evaluate(x, value);
      for (int i = 0; i < x.length && first + i <= nodes; i++) {
        double z = node(first + i, step);
        double weight = step * StrictMath.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
        hermite(z, h, e);
        double most = weight * (g.atZero() + g.derivative(1) * root * Math.abs(z));
        for (int k = 0; k < TERMS; k++) {
          sums[k] += weight * value[i] * h[k];
          recurrence[k] += most * e[k];
        }
        squares += weight * value[i] * value[i];
      }
    }
    double cut =
        1e-19 * (magnitude + g.derivative(1) * root + 1) * (magnitude + g.derivative(1) * root + 1);
    double arithmetic = 4 * (nodes + 400.0) * UNIT_ROUNDOFF;
    double worst = 0;
    for (double r : recurrence) {
      worst = Math.max(worst, r);
    }
    this.coefficients = sums;
    this.error =
        SLACK
            * (ruleError(g, variance, halvings)
                + cut
                + 2 * FUNCTION_ERROR * (magnitude + 1)
                + 2 * worst
                + arithmetic * magnitude);
    this.secondMoment = squares;
    this.secondMomentError =
        SLACK
            * (squareRuleError(g, variance, step)
                + cut
                + 4 * FUNCTION_ERROR * (magnitude + 1) * (magnitude + 1)
                + arithmetic * magnitude * magnitude);
    double rest = squares + secondMomentError;
    for (double a : sums) {
      double least = Math.max(0, Math.abs(a) - error);
      rest -= least * least;
    }
    this.tail = Math.max(0, rest) + arithmetic * magnitude * magnitude;
  }

  private static double node(int index, double step) {
    return index * step - LIMIT;
  }

  /** h_0(z), h_1(z), … and bounds on their errors. */
  private static void hermite(double z, double[] h, double[] e) {
    double size = Math.abs(z);
    h[0] = 1;
    e[0] = 0;
    h[1] = z;
    e[1] = 0;
    for (int k = 1; k + 1 < TERMS; k++) {
      double root = Math.sqrt(k);
      double next = Math.sqrt(k + 1.0);
      h[k + 1] = (z * h[k] - root * h[k - 1]) / next;
      double rounding = 8 * UNIT_ROUNDOFF * (size * Math.abs(h[k]) + root * Math.abs(h[k - 1]));
      e[k + 1] = (size * e[k] + root * e[k - 1] + rounding) / next;
    }
  }

  /** A bound on the rule's error in all coefficients: that in the last one. */
  private static double ruleError(Smoothness g, double variance, int halvings) {
    double sum = 0;
    for (int j = 0; j <= ORDER; j++) {
      double size = j == 0 ? g.rootMeanSquare(variance) : g.derivative(j);
      sum +=
          binomial(ORDER, j)
              * Math.pow(variance, j / 2.0)
              * size
              * rootOfQuotient(TERMS - 1, ORDER - j);
    }
    return ruleFactor(Math.scalb(1.0, -halvings)) * sum;
  }

  private static double squareRuleError(Smoothness g, double variance, double step) {
    double sum = 0;
    for (int j = 0; j <= ORDER; j++) {
      double size = 0;
      for (int i = 0; i <= j; i++) {
        size += binomial(j, i) * productSize(g, variance, i, j - i);
      }
      sum += binomial(ORDER, j) * Math.pow(variance, j / 2.0) * size * rootOfQuotient(0, ORDER - j);
    }
    return ruleFactor(step) * sum;
  }

  /** A bound on ∫|g^(i)g^(j)h|φ for an orthonormal h. */
  private static double productSize(Smoothness g, double variance, int i, int j) {
    if (i == 0 && j == 0) {
      return g.rootMeanFourthPower(variance);
    }
    if (i == 0 || j == 0) {
      return g.rootMeanSquare(variance) * g.derivative(i + j);
    }
    return g.derivative(i) * g.derivative(j);
  }

  /** 2ζ(m)(h/2π)^m, with ζ(10) < 1.001. */
  private static double ruleFactor(double step) {
    return 2.002 * Math.pow(step / (2 * Math.PI), ORDER);
  }

  /** √((k + i)!/k!). */
  private static double rootOfQuotient(int k, int i) {
    double product = 1;
    for (int l = 1; l <= i; l++) {
      product *= k + l;
    }
    return Math.sqrt(product);
  }

  private static double binomial(int n, int k) {
    double value = 1;
    for (int i = 1; i <= k; i++) {
      value = value * (n - k + i) / i;
    }
    return value;
  }

  /**
   * E[g(x)g(y)] for correlation ρ.
   *
   * @param other of the same function
   */
  double expectation(HermiteSeries other, double correlation) {
    double sum = 0;
    for (int k = TERMS - 1; k >= 0; k--) {
      sum = sum * correlation + coefficients[k] * other.coefficients[k];
    }
    return sum;
  }

  /** At least the error of {@link #expectation}, for exact variances and correlation. */
  double expectationError(HermiteSeries other, double correlation) {
    double sizes = Math.sqrt(secondMoment) + Math.sqrt(other.secondMoment);
    double largest = Math.max(error, other.error);
    double ofCoefficients = Math.sqrt(TERMS) * largest * sizes + TERMS * largest * largest;
    double ofTail =
        Math.pow(Math.min(1, Math.abs(correlation)), TERMS) * Math.sqrt(tail * other.tail);
    return SLACK * (ofCoefficients + ofTail + 4 * TERMS * UNIT_ROUNDOFF * sizes * sizes);
  }
}
