package io.fullrank.network.phase;

import io.fullrank.network.state.TrainingState;
import io.fullrank.proto.v1.PhaseTwoSolver;

/**
 * The descriptor of a solver of phase 2. It becomes available with a line in {@link Solvers}.
 *
 * @param value what stands for it in a specification
 * @param key what stands for it in experiment files
 * @param step what a step does, for documentation in Markdown
 * @param guaranteed what is guaranteed if the features are certified, for the same
 * @param closedForm whether it solves once, which takes the squared loss and hidden layers that
 *     stay as they are
 */
public record Solver(
    PhaseTwoSolver value,
    String key,
    String step,
    String guaranteed,
    boolean closedForm,
    Maker phase) {

  /** Makes the phase, in which the solver trains the output layer. */
  @FunctionalInterface
  interface Maker {
    /**
     * Makes the phase.
     *
     * @param features closed with the phase
     * @param switchStep τ
     * @param totalSteps T
     */
    PhaseTwo make(TrainingState state, PhaseTwoFeatures features, long switchStep, long totalSteps);
  }
}
