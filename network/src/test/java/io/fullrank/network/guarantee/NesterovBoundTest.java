package io.fullrank.network.guarantee;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.OracleFile;
import io.fullrank.network.guarantee.FirstOrderBound.Comparison;
import io.fullrank.network.guarantee.NesterovBound.Errors;
import io.fullrank.network.loss.DivergenceException;
import io.fullrank.network.phase.NesterovDescent;
import io.fullrank.network.training.SmallProblem;
import io.fullrank.proto.v1.Loss;
import java.math.BigDecimal;
import java.math.MathContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NesterovBoundTest {

  private static final MathContext DIGITS = new MathContext(60);

  private final SmallProblem small = new SmallProblem();
  private final double sigma = small.sigma();

  /** Expected values by gradient_descent_bound.py, which minimises over all comparison points. */
  @ParameterizedTest
  @CsvSource({
    "LOSS_CROSS_ENTROPY, cross-entropy, 1",
    "LOSS_CROSS_ENTROPY, cross-entropy, 10",
    "LOSS_CROSS_ENTROPY, cross-entropy, 100",
    "LOSS_SQUARED, squared, 1",
    "LOSS_SQUARED, squared, 10",
    "LOSS_SQUARED, squared, 100"
  })
  void isTheBestThatTheTheoremGivesAndIsKept(Loss loss, String name, int iterations) {
    OracleFile expected = small.oracle().get(name).get("accelerated").get(iterations);
    try (OutputProblem problem = small.problem(loss);
        Matrix v = small.start();
        NesterovDescent descent = new NesterovDescent()) {
      double bound = descent.bound(problem, v, sigma, iterations).loss().orElseThrow();
      double best = expected.get("bound").number();
      assertThat(bound).isBetween(best * (1 - 1e-12), best * 1.01);
      descend(descent, problem, v, iterations);
      double reached = problem.evaluate(v).loss();
      assertThat(reached).isCloseTo(expected.get("loss").number(), withinPercentage(1e-8));
      assertThat(problem.lossUpperBound(v)).isLessThan(bound);
    }
  }

  @ParameterizedTest
  @CsvSource({"LOSS_CROSS_ENTROPY", "LOSS_SQUARED"})
  void promisesMoreThanGradientDescent(Loss loss) {
    try (OutputProblem problem = small.problem(loss);
        Matrix v = small.start()) {
      double accelerated = new NesterovBound(problem, v, sigma, 1000).loss().orElseThrow();
      double plain = new GradientDescentBound(problem, v, sigma, 1000).loss().orElseThrow();
      assertThat(accelerated).isLessThan(plain / 2);
    }
  }

  @ParameterizedTest
  @CsvSource({"LOSS_CROSS_ENTROPY", "LOSS_SQUARED"})
  void enoughIterationsToHalveTheLossAreEnough(Loss loss) {
    try (OutputProblem problem = small.problem(loss);
        Matrix v = small.start();
        NesterovDescent descent = new NesterovDescent()) {
      FirstOrderBound bound = descent.bound(problem, v, sigma, 100);
      long iterations = bound.iterationsToHalve().orElseThrow();
      assertThat(iterations).isBetween(1L, 60L);
      descend(descent, problem, v, iterations);
      assertThat(problem.evaluate(v).loss()).isLessThanOrEqualTo(bound.startLoss() / 2);
    }
  }

  /**
   * From an interpolant, whose loss is about 1e-30, what rounding to float32 does is all that is
   * left.
   */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void holdsForTheWeightsAsPublished(boolean accelerated) throws DivergenceException {
    try (OutputProblem problem = small.problem(Loss.LOSS_SQUARED);
        Matrix v = small.start();
        NesterovDescent descent = new NesterovDescent()) {
      MinimumNormSolution.solve(problem, v).gradientSum().close();
      FirstOrderBound bound =
          accelerated
              ? new NesterovBound(problem, v, sigma, 3)
              : new GradientDescentBound(problem, v, sigma, 3);
      for (int t = 0; t < 3; t++) {
        if (accelerated) {
          descend(descent, problem, v, 1);
        } else {
          problem.descend(v, problem.smoothness(sigma)).gradientSum().close();
        }
      }
      double[] published = problem.toArray(v);
      for (int j = 0; j < published.length; j++) {
        published[j] = (float) published[j];
      }
      try (Matrix rounded = problem.toMatrix(published)) {
        double loss = problem.lossUpperBound(rounded);
        assertThat(loss).isGreaterThan(1e6 * problem.lossUpperBound(v));
        assertThat(bound.loss().orElseThrow()).isBetween(loss, 1000 * loss);
      }
    }
  }

  /**
   * The gradient of the squared loss is a rational function of the floats, and the exact weights of
   * the method are square roots: so the errors are known to sixty digits.
   */
  @Test
  void roundingOfEveryIterationIsWithinTheBounds() {
    int iterations = 60;
    try (OutputProblem problem = small.problem(Loss.LOSS_SQUARED);
        Matrix v = small.start();
        NesterovDescent descent = new NesterovDescent()) {
      double smoothness = problem.smoothness(sigma);
      double[] start = problem.toArray(v);
      // V̄ = V_τ: any point is valid.
      Comparison point =
          new Comparison(problem.lossUpperBound(v), OutputProblem.frobeniusNorm(v), 0);
      Errors errors =
          new NesterovBound(problem, v, sigma, iterations).errors(iterations, point).orElseThrow();
      assertThat(errors.step()).isLessThan(1e-10);
      assertThat(errors.extrapolation()).isLessThan(1e-8);

      BigDecimal a = BigDecimal.ONE;
      double largestStep = 0;
      double largestExtrapolation = 0;
      double farthest = 0;
      double[] y = start;
      double[] before = start;
      for (int t = 0; t < iterations; t++) {
        descent.step(problem, v, smoothness).gradientSum().close();
        double[] after = problem.toArray(v);
        double[] next = problem.toArray(descent.lookAhead().orElseThrow());
        BigDecimal nextA =
            BigDecimal.ONE
                .add(BigDecimal.ONE.add(new BigDecimal(4).multiply(a.pow(2))).sqrt(DIGITS))
                .divide(new BigDecimal(2), DIGITS);
        BigDecimal momentum = a.subtract(BigDecimal.ONE).divide(nextA, DIGITS);
        largestStep = Math.max(largestStep, small.stepError(smoothness, y, after));
        largestExtrapolation =
            Math.max(
                largestExtrapolation,
                nextA.doubleValue() * extrapolationError(before, after, next, momentum));
        farthest = Math.max(farthest, distance(start, after));
        a = nextA;
        before = after;
        y = next;
      }
      assertThat(largestStep).isPositive().isLessThanOrEqualTo(errors.step());
      assertThat(largestExtrapolation).isPositive().isLessThanOrEqualTo(errors.extrapolation());
      assertThat(farthest).isPositive().isLessThanOrEqualTo(errors.radius());
    }
  }

  /** ‖Y⁺ − V⁺ − β(V⁺ − V)‖_F. */
  private static double extrapolationError(
      double[] before, double[] after, double[] next, BigDecimal momentum) {
    BigDecimal squares = BigDecimal.ZERO;
    for (int j = 0; j < after.length; j++) {
      BigDecimal exact =
          new BigDecimal(after[j])
              .add(momentum.multiply(new BigDecimal(after[j]).subtract(new BigDecimal(before[j]))));
      BigDecimal error = new BigDecimal(next[j]).subtract(exact);
      squares = squares.add(error.multiply(error));
    }
    return Math.sqrt(squares.doubleValue());
  }

  private static double distance(double[] a, double[] b) {
    double squares = 0;
    for (int j = 0; j < a.length; j++) {
      squares += (a[j] - b[j]) * (a[j] - b[j]);
    }
    return Math.sqrt(squares);
  }

  private void descend(NesterovDescent descent, OutputProblem problem, Matrix v, long iterations) {
    for (long t = 0; t < iterations; t++) {
      descent.step(problem, v, problem.smoothness(sigma)).gradientSum().close();
    }
  }
}
