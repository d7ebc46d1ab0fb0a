package io.fullrank.certificate.kernel;

import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.Finding;
import io.fullrank.certificate.result.InsufficientMemoryException;

/** A way to show that a Jacobian has full row rank, or that it has not. */
@FunctionalInterface
public interface JacobianProof {

  /**
   * Examines a Jacobian whose structure refutes nothing.
   *
   * @return what this method shows
   * @throws InsufficientMemoryException if the computation does not fit; thrown before it starts
   * @throws CertificationCancelledException if cancelled
   */
  Finding find(JacobianExamination examination);
}
