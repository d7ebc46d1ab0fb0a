package io.fullrank.network.guarantee;

import io.fullrank.certificate.cholesky.GramCholesky;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.loss.DivergenceException;
import java.util.Optional;

/**
 * The output layer of minimum norm that interpolates the one-hot labels Y, V = Φᵀ(ΦΦᵀ)⁻¹Y (theory
 * §3, §7), by the Cholesky factorisation of ΦΦᵀ in float64 with iterative refinement. It proves
 * nothing: what loss it has is for {@link OutputProblem#lossUpperBound} to say.
 */
public final class MinimumNormSolution {

  /** ‖ΦV − Y‖_F/‖Y‖_F of what still counts as an interpolant. */
  private static final double MAX_RESIDUAL = 1e-6;

  /** Refinement ends when a round does not lower the residual by this factor. */
  private static final double WORTHWHILE = 0.5;

  private static final int MAX_ROUNDS = 20;

  private MinimumNormSolution() {}

  /**
   * Solves a problem with squared loss.
   *
   * @param v (output) c × K; undefined if there is no solution
   * @return loss and gradient at the solution
   * @throws DivergenceException if the factorisation breaks down, or refinement does not reach the
   *     labels
   */
  public static OutputProblem.Descent solve(OutputProblem problem, Matrix v)
      throws DivergenceException {
    Optional<GramCholesky> factor = problem.factorise();
    if (factor.isEmpty()) {
      throw failed("the Cholesky factorisation of ΦΦᵀ broke down");
    }
    // It starts from V = 0, since what phase 1 left outside Φ's row space would stay there.
    for (int k = 0; k < v.columns(); k++) {
      v.fillColumn(k, 0);
    }
    Matrix residuals = problem.outputs(v);
    double labelNorm = residualNorm(problem, problem.lossAndResiduals(residuals));
    double norm = labelNorm;
    try (GramCholesky cholesky = factor.get()) {
      double last = Double.POSITIVE_INFINITY;
      for (int round = 0; round < MAX_ROUNDS && norm < WORTHWHILE * last; round++) {
        last = norm;
        try (Matrix before = problem.toMatrix(problem.toArray(v))) {
          subtractCorrection(problem, v, cholesky, residuals);
          Matrix refined = problem.outputs(v);
          double refinedNorm = residualNorm(problem, problem.lossAndResiduals(refined));
          if (refinedNorm < norm) {
            residuals.close();
            residuals = refined;
            norm = refinedNorm;
          } else {
            refined.close();
            copy(before, v);
          }
        }
      }
      if (norm > MAX_RESIDUAL * labelNorm) {
        throw failed(
            "refinement leaves a residual ‖ΦV − Y‖/‖Y‖ of %.1e, more than %.0e"
                .formatted(norm / labelNorm, MAX_RESIDUAL));
      }
      double loss = norm * norm / 2 / problem.rows();
      return new OutputProblem.Descent(loss, problem.transposedProduct(residuals));
    } finally {
      residuals.close();
    }
  }

  /** ‖ΦV − Y‖_F for a mean squared loss of ½‖ΦV − Y‖_F²/n. */
  private static double residualNorm(OutputProblem problem, double loss) {
    return Math.sqrt(2 * loss * problem.rows());
  }

  /** V ← V − Φᵀ(ΦΦᵀ)⁻¹R. */
  private static void subtractCorrection(
      OutputProblem problem, Matrix v, GramCholesky cholesky, Matrix residuals) {
    try (Matrix solution = cholesky.solve(residuals);
        Matrix correction = problem.transposedProduct(solution)) {
      double[] values = new double[Math.toIntExact(v.columns())];
      double[] change = new double[values.length];
      for (long i = 0; i < v.rows(); i++) {
        v.getRow(i, 0, values, 0, values.length);
        correction.getRow(i, 0, change, 0, change.length);
        for (int k = 0; k < values.length; k++) {
          values[k] -= change[k];
        }
        v.setRow(i, 0, values, 0, values.length);
      }
    }
  }

  private static void copy(Matrix from, Matrix to) {
    double[] row = new double[Math.toIntExact(from.columns())];
    for (long i = 0; i < from.rows(); i++) {
      from.getRow(i, 0, row, 0, row.length);
      to.setRow(i, 0, row, 0, row.length);
    }
  }

  private static DivergenceException failed(String what) {
    return new DivergenceException(
        "the labels have no minimum-norm interpolant: %s; the features are rank-deficient or too ill-conditioned, use solver nesterov"
            .formatted(what));
  }
}
