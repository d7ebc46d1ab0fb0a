package io.fullrank.certificate;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.cholesky.StructureThenCholesky;
import io.fullrank.certificate.matrix.FeatureMatrix;
import io.fullrank.certificate.modular.ModularRank;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.certificate.structure.RankCertification;
import io.fullrank.certificate.structure.RowStructure;
import io.fullrank.certificate.structure.Stopwatch;
import java.util.OptionalDouble;

/**
 * Looks at the structure, then tries verified Cholesky, and computes the exact rank modulo primes
 * where that leaves the question open.
 */
public final class AutomaticCertification implements RankCertification {

  private final StructureThenCholesky cholesky;
  private final ModularRank modular;
  private final DenseLinearAlgebra algebra;

  /**
   * Certifies with the given backend.
   *
   * @param algebra does the heavy work
   */
  public AutomaticCertification(DenseLinearAlgebra algebra) {
    this(algebra, new ModularRank(algebra));
  }

  /**
   * Certifies with the given backend and primes.
   *
   * @param algebra does the heavy work
   * @param modular is tried where Cholesky leaves the question open
   */
  public AutomaticCertification(DenseLinearAlgebra algebra, ModularRank modular) {
    this.cholesky = new StructureThenCholesky(algebra);
    this.modular = modular;
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

  private Certificate certify(
      FeatureMatrix matrix, RowStructure structure, Stopwatch time, Cancellation cancellation) {
    Certificate first = cholesky.certify(matrix, structure, time, cancellation);
    if (first.outcome() != Outcome.UNDETERMINED) {
      return first;
    }
    Certificate second = modular.certify(matrix, time, cancellation);
    return new Certificate(
        second.outcome(),
        second.method(),
        second.rows(),
        second.columns(),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        first.sigmaMaxUpperBound(),
        Math.max(first.rankLowerBound(), second.rankLowerBound()),
        second.falseRefutationProbability(),
        second.primes(),
        second.reason(),
        second.backend(),
        second.stages(),
        second.elapsed());
  }
}
