package io.fullrank.certificate.examination;

import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.Finding;
import io.fullrank.certificate.result.InsufficientMemoryException;

/** A way to show that a matrix has full row rank, or that it has not. */
@FunctionalInterface
public interface ProofMethod {

  /**
   * Examines a matrix whose structure refutes nothing.
   *
   * @return what this method shows
   * @throws InsufficientMemoryException if the computation does not fit
   * @throws CertificationCancelledException if cancelled
   */
  Finding find(Examination examination);
}
