package io.fullrank.network.phase;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.guarantee.FirstOrderBound;
import io.fullrank.network.guarantee.GradientDescentBound;
import io.fullrank.network.guarantee.OutputProblem;
import java.util.Map;

/** Gradient descent, V ← V − ∇L(V)/s. */
final class SteepestDescent implements DescentMethod {

  @Override
  public String solver() {
    return "gradient-descent";
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
