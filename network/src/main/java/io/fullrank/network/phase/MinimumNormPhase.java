package io.fullrank.network.phase;

import io.fullrank.network.guarantee.MinimumNormSolution;
import io.fullrank.network.loss.DivergenceException;
import io.fullrank.network.state.TrainingState;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.PhaseTwoSolver;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * Phase 2 for the squared loss in closed form: the first step computes the output layer of minimum
 * norm that interpolates the labels, see {@link MinimumNormSolution}; the other steps leave it.
 */
final class MinimumNormPhase extends FullBatchPhase {

  static final Solver SOLVER =
      new Solver(
          PhaseTwoSolver.PHASE_TWO_SOLVER_MINIMUM_NORM,
          "minimum-norm",
          "the first: the output layer of least norm that interpolates the labels, in closed form;"
              + " the others: nothing",
          "the measured optimality gap; `loss: squared` only",
          true,
          (state, features, switchStep, totalSteps) -> new MinimumNormPhase(state, features));

  private final PhaseTwoFeatures features;

  MinimumNormPhase(TrainingState state, PhaseTwoFeatures features) {
    super(state, features);
    this.features = features;
  }

  @Override
  public Guarantee begin(Optional<Verdict> verdict, Duration timeout) {
    WitnessVerdict judged = WitnessVerdict.of(verdict, timeout, features);
    Guarantee.Builder guarantee =
        Guarantee.newBuilder().setSolver(solver()).setLossInfimum(lossInfimum());
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
                + "it from the infimum is measured at the end."
                + features.scope())
        .build();
  }

  @Override
  public String solver() {
    return SOLVER.key();
  }

  /** No step size: the solution is in closed form. */
  @Override
  public double learningRate(long step) {
    return 0;
  }

  @Override
  public void step(long step) throws DivergenceException {
    if (!hasStepped()) {
      seen(step, MinimumNormSolution.solve(features.train(), outputLayer()));
    }
  }

  @Override
  void remember(Map<String, double[]> numbers) {
    // There is nothing to remember besides V and its gradient.
  }

  @Override
  void recall(PhaseMemory memory) {
    // There is nothing to remember besides V and its gradient.
  }
}
