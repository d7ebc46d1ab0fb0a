package io.fullrank.certificate;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.cholesky.VerifiedCholesky;
import io.fullrank.certificate.modular.ModularRank;
import io.fullrank.certificate.modular.SmallPrimeRank;
import java.security.SecureRandom;

/** Which methods of proof may be tried; the structure of the matrix is always examined first. */
public enum RequestedMethod {
  /**
   * Verified Cholesky, and the exact rank modulo primes, small ones first, where that leaves the
   * question open.
   */
  AUTO,
  /** Verified Cholesky alone: it can certify but not refute. */
  CHOLESKY,
  /**
   * The exact rank modulo primes alone, small ones first: it gives no bounds on singular values.
   */
  MODULAR;

  /**
   * Returns the certification by this method.
   *
   * @param algebra does the heavy work
   * @param maxPrimes the largest number of primes to draw, at least 1, besides the small ones,
   *     which are not drawn; ignored by a method without primes
   * @throws IllegalArgumentException if no prime may be drawn where primes are needed
   */
  public RankCertification with(DenseLinearAlgebra algebra, int maxPrimes) {
    return switch (this) {
      case AUTO ->
          new RankCertification(
              algebra, new VerifiedCholesky(), new SmallPrimeRank(), modular(maxPrimes));
      case CHOLESKY -> new RankCertification(algebra, new VerifiedCholesky());
      case MODULAR -> new RankCertification(algebra, new SmallPrimeRank(), modular(maxPrimes));
    };
  }

  private static ModularRank modular(int maxPrimes) {
    return new ModularRank(maxPrimes, new SecureRandom()::nextLong);
  }
}
