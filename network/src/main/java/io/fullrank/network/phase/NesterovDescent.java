package io.fullrank.network.phase;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.guarantee.FirstOrderBound;
import io.fullrank.network.guarantee.NesterovBound;
import io.fullrank.network.guarantee.OutputProblem;
import io.fullrank.proto.v1.PhaseTwoSolver;
import java.util.Map;
import java.util.Optional;

/**
 * Nesterov's accelerated gradient method (Nesterov 1983; the constants of Beck, Teboulle, <i>A Fast
 * Iterative Shrinkage-Thresholding Algorithm</i>, 2009, §4): from Y = V = V_τ and a = 1,
 *
 * <p>V⁺ = Y − ∇L(Y)/s, a⁺ = (1 + √(1 + 4a²))/2, Y⁺ = V⁺ + (a − 1)/a⁺·(V⁺ − V).
 *
 * <p>{@link NesterovBound} bounds the rounding errors of exactly these operations.
 */
public final class NesterovDescent implements DescentMethod {

  static final Solver SOLVER =
      new Solver(
          PhaseTwoSolver.PHASE_TWO_SOLVER_NESTEROV,
          "nesterov",
          "Nesterov's accelerated gradient method with step 1/s, in float64",
          "the same with 2s‖V_τ − V̄‖²/(k + 1)²",
          false,
          (state, features, switchStep, totalSteps) ->
              new GradientDescentPhase(
                  state, features, new NesterovDescent(), switchStep, totalSteps));

  private static final String SEQUENCE = "momentum-sequence";
  private static final String LOOK_AHEAD = "look-ahead";

  private double a = 1;

  /** Y, c × K, from the first step on. */
  private Optional<Matrix> lookAhead = Optional.empty();

  @Override
  public String solver() {
    return SOLVER.key();
  }

  @Override
  public String description() {
    return "Nesterov's accelerated gradient method";
  }

  @Override
  public FirstOrderBound bound(
      OutputProblem problem, Matrix start, double sigmaMax, long iterations) {
    return new NesterovBound(problem, start, sigmaMax, iterations);
  }

  @Override
  public OutputProblem.Descent step(OutputProblem problem, Matrix v, double smoothness) {
    Matrix y = lookAhead.orElseGet(() -> problem.toMatrix(problem.toArray(v)));
    lookAhead = Optional.of(y);
    OutputProblem.Descent descent = problem.descend(y, smoothness);
    double next = (1 + Math.sqrt(1 + 4 * a * a)) / 2;
    double momentum = (a - 1) / next;
    a = next;
    double[] before = new double[problem.classes()];
    double[] after = new double[problem.classes()];
    for (long i = 0; i < v.rows(); i++) {
      v.getRow(i, 0, before, 0, before.length);
      y.getRow(i, 0, after, 0, after.length);
      v.setRow(i, 0, after, 0, after.length);
      for (int k = 0; k < after.length; k++) {
        after[k] += momentum * (after[k] - before[k]);
      }
      y.setRow(i, 0, after, 0, after.length);
    }
    return descent;
  }

  /** Y, where the next step's gradient is taken. */
  public Optional<Matrix> lookAhead() {
    return lookAhead;
  }

  @Override
  public void remember(OutputProblem problem, Map<String, double[]> numbers) {
    numbers.put(SEQUENCE, new double[] {a});
    lookAhead.ifPresent(y -> numbers.put(LOOK_AHEAD, problem.toArray(y)));
  }

  @Override
  public void recall(OutputProblem problem, Matrix v, PhaseMemory memory) {
    a = memory.number(SEQUENCE);
    if (memory.has(LOOK_AHEAD)) {
      double[] y = memory.vector(LOOK_AHEAD, v.rows() * v.columns());
      lookAhead = Optional.of(problem.toMatrix(y));
    }
  }

  @Override
  public void close() {
    lookAhead.ifPresent(Matrix::close);
  }
}
