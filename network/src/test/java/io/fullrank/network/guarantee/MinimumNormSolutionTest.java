package io.fullrank.network.guarantee;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.loss.DivergenceException;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.training.SmallProblem;
import io.fullrank.proto.v1.Loss;
import org.junit.jupiter.api.Test;

class MinimumNormSolutionTest {

  private final SmallProblem small = new SmallProblem();

  /** Expected values by gradient_descent_bound.py, from the singular value decomposition. */
  @Test
  void isThePseudoinverseTimesTheLabels() throws DivergenceException {
    try (OutputProblem problem = small.problem(Loss.LOSS_SQUARED);
        Matrix v = small.start()) {
      OutputProblem.Descent solved = MinimumNormSolution.solve(problem, v);
      assertThat(problem.toArray(v))
          .containsExactly(small.oracle().get("minimum-norm").doubles(), within(1e-12));
      assertThat(solved.loss()).isLessThan(1e-28);
      assertThat(OutputProblem.frobeniusNorm(solved.gradientSum())).isLessThan(1e-12);
      assertThat(problem.lossUpperBound(v)).isBetween(solved.loss(), 1e-26);
      solved.gradientSum().close();
    }
  }

  /** σ_min is 2e-6 of σ_max: one solution by the Gram matrix alone is good to four digits only. */
  @Test
  void refinesWhereTheGramMatrixIsIllConditioned() throws DivergenceException {
    double close = Math.scalb(1, -18);
    Matrix features = Matrix.of(new double[][] {{1, 1, 0}, {1, 1 + close, 0}});
    try (OutputProblem problem = problem(features, 0, 1);
        Matrix v = Matrix.allocate(3, 2)) {
      OutputProblem.Descent solved = MinimumNormSolution.solve(problem, v);
      // The difference of the rows says that v₁ of class 1 is 1/close; row 1 then that v₀ is minus
      // that.
      double slope = 1 / close;
      assertThat(problem.toArray(v))
          .containsExactly(new double[] {1 + slope, -slope, -slope, slope, 0, 0}, within(1e-4));
      assertThat(Math.sqrt(solved.loss())).isLessThan(1e-9);
      solved.gradientSum().close();
    }
  }

  @Test
  void saysThatEqualRowsWithDifferentLabelsHaveNone() {
    Matrix features = Matrix.of(new double[][] {{1, 2, 3}, {1, 2, 3}});
    try (OutputProblem problem = problem(features, 0, 1);
        Matrix v = Matrix.allocate(3, 2)) {
      assertThatThrownBy(() -> MinimumNormSolution.solve(problem, v))
          .isInstanceOf(DivergenceException.class)
          .hasMessageStartingWith("the labels have no minimum-norm interpolant: ")
          .hasMessageEndingWith("use solver nesterov");
    }
  }

  private static OutputProblem problem(Matrix features, int... labels) {
    return new OutputProblem(
        features, labels, 2, LossFunction.of(Loss.LOSS_SQUARED), new OpenBlas(1));
  }
}
