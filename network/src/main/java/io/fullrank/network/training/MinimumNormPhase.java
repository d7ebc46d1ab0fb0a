package io.fullrank.network.training;

import io.fullrank.certificate.FeatureMatrix;
import io.fullrank.certificate.GramCholesky;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.util.Optional;

/**
 * Phase 2 for the squared loss in closed form: the first step computes the output layer of minimum
 * norm that interpolates the one-hot labels Y, V = Φᵀ(ΦΦᵀ)⁻¹Y (theory §3, §7), by the Cholesky
 * factorisation of ΦΦᵀ in float64 with iterative refinement; the other steps leave it.
 */
final class MinimumNormPhase extends FullBatchPhase {

  /** ‖ΦV − Y‖_F/‖Y‖_F of what still counts as an interpolant. */
  private static final double MAX_RESIDUAL = 1e-6;

  /** Refinement ends when a further round does not lower the residual by this factor. */
  private static final double WORTHWHILE = 0.5;

  private static final int MAX_ROUNDS = 20;

  private final FrozenFeatures features;
  private boolean solved;

  MinimumNormPhase(TrainingState state, FrozenFeatures features) {
    super(state, features);
    this.features = features;
  }

  @Override
  public Guarantee begin(Optional<Verdict> verdict, Duration timeout) {
    WitnessVerdict judged = WitnessVerdict.of(verdict, timeout, features);
    Guarantee.Builder guarantee =
        Guarantee.newBuilder().setSolver("minimum-norm").setLossInfimum(lossInfimum());
    if (judged.certificate().isEmpty()) {
      return guarantee
          .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_NONE)
          .setReason(judged.reason())
          .build();
    }
    return guarantee
        .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT)
        .setText(
            "The features as computed have full rank, so some output layer interpolates the labels and attains the infimum of "
                + "the loss over all layers. Phase 2 computes the one of minimum norm in closed form; how far rounding keeps "
                + "it from the infimum is measured at the end.")
        .build();
  }

  /** No step size: the solution is in closed form. */
  @Override
  public double learningRate(long step) {
    return 0;
  }

  @Override
  public void step(long step) throws DivergenceException {
    if (!solved) {
      seen(step, solve(step));
      solved = true;
    }
  }

  /** Sets V to the solution; returns loss and gradient there. */
  private OutputProblem.Descent solve(long step) throws DivergenceException {
    OutputProblem problem = features.train();
    Optional<GramCholesky> factor = problem.factorise();
    if (factor.isEmpty()) {
      throw failed(step, "the Cholesky factorisation of ΦΦᵀ broke down");
    }
    // From V = 0: whatever phase 1 left outside Φ's row space would stay there.
    FeatureMatrix v = outputLayer();
    for (int k = 0; k < v.columns(); k++) {
      v.fillColumn(k, 0);
    }
    FeatureMatrix residuals = problem.outputs(v);
    double labelNorm = residualNorm(problem.lossAndResiduals(residuals));
    double norm = labelNorm;
    try (GramCholesky cholesky = factor.get()) {
      double last = Double.POSITIVE_INFINITY;
      for (int round = 0; round < MAX_ROUNDS && norm < WORTHWHILE * last; round++) {
        last = norm;
        try (FeatureMatrix before = problem.toMatrix(problem.toArray(v))) {
          subtractCorrection(v, cholesky, residuals);
          FeatureMatrix refined = problem.outputs(v);
          double refinedNorm = residualNorm(problem.lossAndResiduals(refined));
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
            step,
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
  private double residualNorm(double loss) {
    return Math.sqrt(2 * loss * features.train().rows());
  }

  /** V ← V − Φᵀ(ΦΦᵀ)⁻¹R. */
  private void subtractCorrection(FeatureMatrix v, GramCholesky cholesky, FeatureMatrix residuals) {
    try (FeatureMatrix solution = cholesky.solve(residuals);
        FeatureMatrix correction = features.train().transposedProduct(solution)) {
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

  private static void copy(FeatureMatrix from, FeatureMatrix to) {
    double[] row = new double[Math.toIntExact(from.columns())];
    for (long i = 0; i < from.rows(); i++) {
      from.getRow(i, 0, row, 0, row.length);
      to.setRow(i, 0, row, 0, row.length);
    }
  }

  private static DivergenceException failed(long step, String what) {
    return new DivergenceException(
        "no minimum-norm solution at step %d: %s; the features are rank-deficient or too ill-conditioned for it, use solver nesterov"
            .formatted(step, what));
  }
}
