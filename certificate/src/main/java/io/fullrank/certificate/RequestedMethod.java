package io.fullrank.certificate;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.cholesky.StructureThenCholesky;
import io.fullrank.certificate.modular.ModularRank;
import io.fullrank.certificate.structure.RankCertification;
import java.security.SecureRandom;

/** Which ways to a certificate may be tried; the structure is always looked at first. */
public enum RequestedMethod {
  /** Verified Cholesky, and the exact rank modulo primes where that leaves the question open. */
  AUTO,
  /** Verified Cholesky alone: it can certify but not refute. */
  CHOLESKY,
  /** The exact rank modulo primes alone: it gives no bounds on singular values. */
  MODULAR;

  /**
   * Returns the certification by this method.
   *
   * @param algebra does the heavy work
   * @param maxPrimes how many primes to draw at most, at least 1; of no account without primes
   * @throws IllegalArgumentException if no prime may be drawn where primes are needed
   */
  public RankCertification with(DenseLinearAlgebra algebra, int maxPrimes) {
    return switch (this) {
      case AUTO -> new AutomaticCertification(algebra, modular(algebra, maxPrimes));
      case CHOLESKY -> new StructureThenCholesky(algebra);
      case MODULAR -> modular(algebra, maxPrimes);
    };
  }

  private static ModularRank modular(DenseLinearAlgebra algebra, int maxPrimes) {
    return new ModularRank(algebra, maxPrimes, new SecureRandom()::nextLong);
  }
}
