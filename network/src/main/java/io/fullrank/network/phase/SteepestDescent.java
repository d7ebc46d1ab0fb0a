package io.fullrank.network.phase;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.guarantee.FirstOrderBound;
import io.fullrank.network.guarantee.GradientDescentBound;
import io.fullrank.network.guarantee.OutputProblem;
import io.fullrank.proto.v1.PhaseTwoSolver;
import java.util.Map;

/** Gradient descent, V ← V − ∇L(V)/s. */
final class SteepestDescent implements DescentMethod {

  static final Solver SOLVER =
      new Solver(
          PhaseTwoSolver.PHASE_TWO_SOLVER_GRADIENT_DESCENT,
          "gradient-descent",
          "full-batch gradient descent with step 1/s, in float64",
          "a bound on the loss at the last step, L(V̄) + s‖V_τ − V̄‖²/(2k) plus rounding, stated at"
              + " the switch",
          false,
          (state, features, switchStep, totalSteps) ->
              new GradientDescentPhase(
                  state, features, new SteepestDescent(), switchStep, totalSteps));

  @Override
  public String solver() {
    return SOLVER.key();
  }

  @Override
  public String description() {
    return "Gradient descent";
  }

  @Override
  public FirstOrderBound bound(
      OutputProblem problem, Matrix start, double sigmaMax, long iterations) {
    return new GradientDescentBound(problem, start, sigmaMax, iterations);
  }

  @Override
  public OutputProblem.Descent step(OutputProblem problem, Matrix v, double smoothness) {
    return problem.descend(v, smoothness);
  }

  @Override
  public void remember(OutputProblem problem, Map<String, double[]> numbers) {
    // Nothing is remembered between steps.
  }

  @Override
  public void recall(OutputProblem problem, Matrix v, PhaseMemory memory) {
    // Nothing is remembered between steps.
  }

  @Override
  public void close() {
    // Nothing is remembered between steps.
  }
}
