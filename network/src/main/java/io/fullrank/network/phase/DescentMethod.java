package io.fullrank.network.phase;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.guarantee.FirstOrderBound;
import io.fullrank.network.guarantee.OutputProblem;
import java.util.Map;

/** A full-batch first-order method with step 1/s on an {@link OutputProblem}, from V_τ. */
interface DescentMethod extends AutoCloseable {

  /** Its name in experiment files. */
  String solver();

  /** Its name at the beginning of a sentence. */
  String description();

  /**
   * The bound on the loss after {@code iterations} steps.
   *
   * @param start (input) V_τ, c × K
   * @param sigmaMax an upper bound on ‖Φ‖₂
   * @param iterations how many steps, at least 1
   */
  FirstOrderBound bound(OutputProblem problem, Matrix start, double sigmaMax, long iterations);

  /**
   * Does one step; the first starts from V_τ.
   *
   * @param v (modified) c × K
   * @param smoothness s, the same for all steps
   */
  OutputProblem.Descent step(OutputProblem problem, Matrix v, double smoothness);

  /**
   * Adds what it remembers between steps besides V.
   *
   * @param numbers (modified) vectors by name
   */
  void remember(OutputProblem problem, Map<String, double[]> numbers);

  /**
   * Takes up what {@link #remember} added.
   *
   * @param v (input) c × K
   */
  void recall(OutputProblem problem, Matrix v, PhaseMemory memory);

  @Override
  void close();
}
