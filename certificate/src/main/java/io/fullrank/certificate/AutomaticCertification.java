package io.fullrank.certificate;

import java.util.OptionalDouble;

/**
 * Looks at the structure, then tries verified Cholesky, and computes the exact rank modulo primes
 * where that leaves the question open.
 */
public final class AutomaticCertification implements RankCertification {

  private final RankCertification cholesky;
  private final RankCertification modular;

  /**
   * Certifies with the given backend.
   *
   * @param algebra does the heavy work
   */
  public AutomaticCertification(DenseLinearAlgebra algebra) {
    this(new StructureThenCholesky(algebra), new ModularRank(algebra));
  }

  /**
   * Certifies with the given ways to do so.
   *
   * @param cholesky is tried first
   * @param modular is tried where the first leaves the question open
   */
  public AutomaticCertification(StructureThenCholesky cholesky, ModularRank modular) {
    this.cholesky = cholesky;
    this.modular = modular;
  }

  @Override
  public Certificate certify(FeatureMatrix matrix, Cancellation cancellation) {
    Certificate first = cholesky.certify(matrix, cancellation);
    if (first.outcome() != Outcome.UNDETERMINED) {
      return first;
    }
    Certificate second = modular.certify(matrix, cancellation);
    return new Certificate(
        second.outcome(),
        second.method(),
        second.rows(),
        second.columns(),
        OptionalDouble.empty(),
        first.sigmaMaxUpperBound(),
        Math.max(first.rankLowerBound(), second.rankLowerBound()),
        second.falseRefutationProbability(),
        second.primes(),
        second.reason(),
        first.elapsed().plus(second.elapsed()));
  }
}
