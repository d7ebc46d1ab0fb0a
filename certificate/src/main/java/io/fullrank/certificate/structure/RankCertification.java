package io.fullrank.certificate.structure;

import io.fullrank.certificate.matrix.FeatureMatrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.NonFiniteEntryException;

/** A way to find out, with proof, whether a matrix has full row rank. */
public interface RankCertification {

  /**
   * Judges one matrix of floating-point numbers, which are taken as exact.
   *
   * @param matrix (input) Φ, n × c
   * @return what is proven
   * @throws IllegalArgumentException if there are more than 2^31 − 1 rows or columns
   * @throws NonFiniteEntryException if an entry is NaN or infinite
   * @throws InsufficientMemoryException if the computation does not fit
   */
  default Certificate certify(FeatureMatrix matrix) {
    return certify(matrix, Cancellation.NEVER);
  }

  /**
   * Judges one matrix as {@link #certify(FeatureMatrix)} does, as long as somebody waits for it.
   *
   * @param matrix (input) Φ, n × c
   * @param cancellation is asked between blocks of work
   * @return what is proven
   * @throws NonFiniteEntryException if an entry is NaN or infinite
   * @throws InsufficientMemoryException if the computation does not fit
   * @throws CertificationCancelledException if cancelled
   */
  Certificate certify(FeatureMatrix matrix, Cancellation cancellation);
}
