package io.fullrank.network.training;

import io.fullrank.certificate.FeatureMatrix;

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
      OutputProblem problem, FeatureMatrix start, double sigmaMax, long iterations) {
    return new GradientDescentBound(problem, start, sigmaMax, iterations);
  }

  @Override
  public OutputProblem.Descent step(OutputProblem problem, FeatureMatrix v, double smoothness) {
    return problem.descend(v, smoothness);
  }

  @Override
  public void close() {
    // Nothing is remembered between steps.
  }
}
