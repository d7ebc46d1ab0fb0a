package io.fullrank.checker.tangentkernel;

import io.fullrank.certificate.kernel.FactoredJacobian;
import java.util.List;
import java.util.OptionalDouble;

/**
 * The Jacobian of the outputs at a snapshot's weights, with what goes with it. To be closed.
 *
 * @param jacobian J, nK × P; valid until this is closed
 * @param layers the names of the layers whose parameters it is in
 * @param trainingExamples how many there are in all; 0 if that is not known
 * @param loss the mean loss over the n examples, measured
 * @param lossGradientNorm a lower bound on ‖g‖, g_i the gradient of example i's loss in its outputs
 * @param gradientNorm the norm of the gradient of the mean loss in the layers' parameters, measured
 * @param halfSquaredLoss whether an example's loss is ½‖f − y‖²
 * @param caveat how far what is shown reaches, as a clause; empty if there is nothing to say
 * @param bytes of native memory that it takes
 * @param memory frees it
 */
record SnapshotJacobian(
    FactoredJacobian jacobian,
    List<String> layers,
    long trainingExamples,
    OptionalDouble loss,
    OptionalDouble lossGradientNorm,
    OptionalDouble gradientNorm,
    boolean halfSquaredLoss,
    String caveat,
    double bytes,
    Runnable memory)
    implements AutoCloseable {

  int examples() {
    return jacobian.examples();
  }

  /** Whether it is about all training examples. */
  boolean isComplete() {
    return examples() == trainingExamples;
  }

  @Override
  public void close() {
    memory.run();
  }
}
