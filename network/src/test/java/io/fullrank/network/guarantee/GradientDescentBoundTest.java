package io.fullrank.network.guarantee;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.OracleFile;
import io.fullrank.network.training.SmallProblem;
import io.fullrank.proto.v1.Loss;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GradientDescentBoundTest {

  private final SmallProblem small = new SmallProblem();
  private final OracleFile oracle = small.oracle();
  private final double sigma = small.sigma();

  /** Expected values by gradient_descent_bound.py, which minimises over all comparison points. */
  @ParameterizedTest
  @CsvSource({
    "LOSS_CROSS_ENTROPY, cross-entropy, 1",
    "LOSS_CROSS_ENTROPY, cross-entropy, 10",
    "LOSS_CROSS_ENTROPY, cross-entropy, 100",
    "LOSS_CROSS_ENTROPY, cross-entropy, 1000",
    "LOSS_SQUARED, squared, 1",
    "LOSS_SQUARED, squared, 10",
    "LOSS_SQUARED, squared, 100",
    "LOSS_SQUARED, squared, 1000"
  })
  void isTheBestThatTheTheoremGives(Loss loss, String name, int iterations) {
    OracleFile expected = oracle.get(name).get("after").get(iterations);
    try (OutputProblem problem = small.problem(loss)) {
      double bound = bound(problem, iterations).loss().orElseThrow();
      double best = expected.get("bound").number();
      assertThat(bound).isBetween(best * (1 - 1e-12), best * 1.01);
      assertThat(bound).isGreaterThan(expected.get("loss").number());
    }
  }

  @ParameterizedTest
  @CsvSource({"LOSS_CROSS_ENTROPY, cross-entropy", "LOSS_SQUARED, squared"})
  void enoughIterationsToHalveTheLossAreEnough(Loss loss, String name) {
    try (OutputProblem problem = small.problem(loss)) {
      GradientDescentBound bound = bound(problem, 100);
      double half = oracle.get(name).get("start-loss").number() / 2;
      assertThat(bound.startLoss()).isCloseTo(2 * half, within(1e-14));
      long iterations = bound.iterationsToHalve().orElseThrow();
      assertThat(iterations).isBetween(1L, 400L);
      try (Matrix v = small.start()) {
        descend(problem, v, iterations);
        assertThat(problem.evaluate(v).loss()).isLessThanOrEqualTo(half);
      }
    }
  }

  /**
   * The gradient of the squared loss is a rational function of the floats, so that the error is
   * known exactly.
   */
  @Test
  void roundingOfAStepIsWithinDelta() {
    int iterations = 50;
    try (OutputProblem problem = small.problem(Loss.LOSS_SQUARED);
        Matrix v = small.start()) {
      double delta = bound(problem, iterations).stepError(iterations).orElseThrow();
      assertThat(delta).isLessThan(1e-11);
      double largest = 0;
      for (int t = 0; t < iterations; t++) {
        double[] before = problem.toArray(v);
        descend(problem, v, 1);
        largest =
            Math.max(
                largest, small.stepError(problem.smoothness(sigma), before, problem.toArray(v)));
      }
      assertThat(largest).isPositive().isLessThanOrEqualTo(delta);
    }
  }

  private GradientDescentBound bound(OutputProblem problem, long iterations) {
    try (Matrix v = small.start()) {
      return new GradientDescentBound(problem, v, sigma, iterations);
    }
  }

  private void descend(OutputProblem problem, Matrix v, long iterations) {
    for (long t = 0; t < iterations; t++) {
      problem.descend(v, problem.smoothness(sigma)).gradientSum().close();
    }
  }
}
