package io.fullrank.certificate.examination;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.certificate.result.Progress;

/**
 * What every method of proof is given.
 *
 * @param matrix (input) Φ, n × c
 * @param structure what one pass over Φ has shown
 * @param algebra does the heavy work
 * @param time is told when a stage ends
 * @param progress is told how far long stages have come
 * @param cancellation is asked between blocks of work
 */
public record Examination(
    Matrix matrix,
    RowStructure structure,
    DenseLinearAlgebra algebra,
    Stopwatch time,
    Progress progress,
    Cancellation cancellation) {

  /**
   * Begins with the structure of a matrix, which is the first stage.
   *
   * @throws IllegalArgumentException if there are more than 2^31 − 1 rows or columns
   * @throws NonFiniteEntryException if an entry is NaN or infinite
   * @throws CertificationCancelledException if cancelled
   */
  public static Examination begin(
      Matrix matrix, DenseLinearAlgebra algebra, Progress progress, Cancellation cancellation) {
    Stopwatch time = new Stopwatch();
    RowStructure structure = RowStructure.of(matrix, algebra.threads(), progress, cancellation);
    time.stage("structure");
    return new Examination(matrix, structure, algebra, time, progress, cancellation);
  }
}
