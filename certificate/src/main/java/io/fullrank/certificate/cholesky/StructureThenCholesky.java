package io.fullrank.certificate.cholesky;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.matrix.FeatureMatrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.certificate.structure.RankCertification;
import io.fullrank.certificate.structure.RowStructure;
import io.fullrank.certificate.structure.Stopwatch;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Looks at the structure of the matrix first, which can only refute, and then tries verified
 * Cholesky, which can only certify.
 */
public final class StructureThenCholesky implements RankCertification {

  private final VerifiedCholesky cholesky;
  private final DenseLinearAlgebra algebra;

  /**
   * Certifies with the given backend.
   *
   * @param algebra does the heavy work
   */
  public StructureThenCholesky(DenseLinearAlgebra algebra) {
    this.cholesky = new VerifiedCholesky(algebra);
    this.algebra = algebra;
  }

  @Override
  public Certificate certify(FeatureMatrix matrix, Cancellation cancellation) {
    Stopwatch time = new Stopwatch();
    RowStructure structure = RowStructure.of(matrix, algebra.threads(), cancellation);
    time.stage("structure");
    return structure
        .certificate(matrix, algebra.name(), time)
        .orElseGet(() -> certify(matrix, structure, time, cancellation));
  }

  /** Certifies a matrix whose structure refutes nothing. */
  public Certificate certify(
      FeatureMatrix matrix, RowStructure structure, Stopwatch time, Cancellation cancellation) {
    VerifiedCholesky.Finding finding =
        cholesky.certify(matrix, structure.rowExponents(), time, cancellation);
    return new Certificate(
        finding.certified() ? Outcome.CERTIFIED : Outcome.UNDETERMINED,
        CertificateMethod.CHOLESKY,
        matrix.rows(),
        matrix.columns(),
        finding.sigmaMinLowerBound(),
        finding.sigmaMinEstimate(),
        finding.sigmaMaxUpperBound(),
        finding.certified() ? matrix.rows() : structure.rankLowerBound(),
        OptionalDouble.empty(),
        Optional.empty(),
        finding.reason(),
        algebra.name(),
        time.stages(),
        time.elapsed());
  }
}
