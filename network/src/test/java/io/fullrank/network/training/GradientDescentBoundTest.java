package io.fullrank.network.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.certificate.FeatureMatrix;
import io.fullrank.certificate.OpenBlas;
import io.fullrank.network.OracleFile;
import io.fullrank.network.model.LossFunction;
import io.fullrank.proto.v1.Loss;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GradientDescentBoundTest {

  private static final int ROWS = 12;
  private static final int COLUMNS = 16;
  private static final int CLASSES = 3;

  private final OracleFile oracle =
      OracleFile.beside(GradientDescentBoundTest.class, "gradient-descent.yaml");
  private final double sigma = oracle.get("sigma").number() * (1 + 1e-14);

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
    try (OutputProblem problem = problem(loss)) {
      double bound = bound(problem, iterations).loss().orElseThrow();
      double best = expected.get("bound").number();
      assertThat(bound).isBetween(best * (1 - 1e-12), best * 1.01);
      assertThat(bound).isGreaterThan(expected.get("loss").number());
    }
  }

  @ParameterizedTest
  @CsvSource({"LOSS_CROSS_ENTROPY, cross-entropy", "LOSS_SQUARED, squared"})
  void enoughIterationsToHalveTheLossAreEnough(Loss loss, String name) {
    try (OutputProblem problem = problem(loss)) {
      GradientDescentBound bound = bound(problem, 100);
      double half = oracle.get(name).get("start-loss").number() / 2;
      assertThat(bound.startLoss()).isCloseTo(2 * half, within(1e-14));
      long iterations = bound.iterationsToHalve().orElseThrow();
      assertThat(iterations).isBetween(1L, 400L);
      try (FeatureMatrix v = start()) {
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
    try (OutputProblem problem = problem(Loss.LOSS_SQUARED);
        FeatureMatrix v = start()) {
      double delta = bound(problem, iterations).stepError(iterations).orElseThrow();
      assertThat(delta).isLessThan(1e-11);
      double largest = 0;
      for (int t = 0; t < iterations; t++) {
        double[] before = problem.toArray(v);
        descend(problem, v, 1);
        largest = Math.max(largest, stepError(problem, before, problem.toArray(v)));
      }
      assertThat(largest).isPositive().isLessThanOrEqualTo(delta);
    }
  }

  /** ‖s(V − V⁺) − ∇L(V)‖_F for the squared loss, exactly. */
  private double stepError(OutputProblem problem, double[] before, double[] after) {
    double[] phi = oracle.get("features").doubles();
    int[] labels = oracle.get("labels").ints();
    BigDecimal s = new BigDecimal(problem.smoothness(sigma));
    BigDecimal squares = BigDecimal.ZERO;
    for (int k = 0; k < CLASSES; k++) {
      BigDecimal[] gradient = new BigDecimal[COLUMNS];
      Arrays.fill(gradient, BigDecimal.ZERO);
      for (int i = 0; i < ROWS; i++) {
        BigDecimal residual = labels[i] == k ? BigDecimal.ONE.negate() : BigDecimal.ZERO;
        for (int j = 0; j < COLUMNS; j++) {
          residual =
              residual.add(
                  new BigDecimal(phi[i * COLUMNS + j])
                      .multiply(new BigDecimal(before[j * CLASSES + k])));
        }
        for (int j = 0; j < COLUMNS; j++) {
          gradient[j] = gradient[j].add(residual.multiply(new BigDecimal(phi[i * COLUMNS + j])));
        }
      }
      for (int j = 0; j < COLUMNS; j++) {
        int index = j * CLASSES + k;
        BigDecimal step = new BigDecimal(before[index]).subtract(new BigDecimal(after[index]));
        BigDecimal error =
            step.multiply(s)
                .subtract(gradient[j].divide(BigDecimal.valueOf(ROWS), new MathContext(60)));
        squares = squares.add(error.multiply(error));
      }
    }
    return Math.sqrt(squares.doubleValue());
  }

  private OutputProblem problem(Loss loss) {
    FeatureMatrix features = FeatureMatrix.allocate(ROWS, COLUMNS);
    double[] values = oracle.get("features").doubles();
    for (int i = 0; i < ROWS; i++) {
      features.setRow(i, 0, values, i * COLUMNS, COLUMNS);
    }
    int[] labels = oracle.get("labels").ints();
    return new OutputProblem(features, labels, CLASSES, LossFunction.of(loss), new OpenBlas(1));
  }

  private FeatureMatrix start() {
    FeatureMatrix v = FeatureMatrix.allocate(COLUMNS, CLASSES);
    double[] values = oracle.get("start").doubles();
    for (int i = 0; i < COLUMNS; i++) {
      v.setRow(i, 0, values, i * CLASSES, CLASSES);
    }
    return v;
  }

  private GradientDescentBound bound(OutputProblem problem, long iterations) {
    try (FeatureMatrix v = start()) {
      return new GradientDescentBound(problem, v, sigma, iterations);
    }
  }

  private void descend(OutputProblem problem, FeatureMatrix v, long iterations) {
    for (long t = 0; t < iterations; t++) {
      problem.descend(v, problem.smoothness(sigma)).gradientSum().close();
    }
  }
}
