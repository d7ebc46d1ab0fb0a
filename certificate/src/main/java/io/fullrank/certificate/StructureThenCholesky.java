package io.fullrank.certificate;

import java.time.Duration;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Looks at the structure of the matrix first, which can only refute, and then tries verified
 * Cholesky, which can only certify.
 */
public final class StructureThenCholesky implements RankCertification {

  private final VerifiedCholesky cholesky;

  /**
   * Certifies with the given backend.
   *
   * @param algebra does the heavy work
   */
  public StructureThenCholesky(DenseLinearAlgebra algebra) {
    this.cholesky = new VerifiedCholesky(algebra);
  }

  @Override
  public Certificate certify(FeatureMatrix matrix, Cancellation cancellation) {
    long start = System.nanoTime();
    RowStructure structure = RowStructure.of(matrix);
    Optional<Certificate> refuted =
        structure.certificate(matrix, Duration.ofNanos(System.nanoTime() - start));
    if (refuted.isPresent()) {
      return refuted.get();
    }
    cancellation.check();
    VerifiedCholesky.Finding finding = cholesky.certify(matrix, structure.rowExponents());
    return new Certificate(
        finding.certified() ? Outcome.CERTIFIED : Outcome.UNDETERMINED,
        CertificateMethod.CHOLESKY,
        matrix.rows(),
        matrix.columns(),
        finding.sigmaMinLowerBound(),
        finding.sigmaMaxUpperBound(),
        finding.certified() ? matrix.rows() : structure.rankLowerBound(),
        OptionalDouble.empty(),
        Optional.empty(),
        finding.reason(),
        Duration.ofNanos(System.nanoTime() - start));
  }
}
