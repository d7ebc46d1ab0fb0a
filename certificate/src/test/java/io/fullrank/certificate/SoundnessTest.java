package io.fullrank.certificate;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.cholesky.VerifiedCholesky;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.modular.ModularRank;
import io.fullrank.certificate.modular.SmallPrimeRank;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.Outcome;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Whatever the matrix: no statement of a certificate is ever false, against exact arithmetic, and
 * primes settle it. 26,000 small matrices, 5,000 of them with many more columns than rows; {@link
 * ConstructedRankTest} has larger ones.
 */
public class SoundnessTest {

  /** Returns the backend under test. */
  public DenseLinearAlgebra algebra() {
    return new OpenBlas(1);
  }

  public int matricesPerFamily() {
    return 1000;
  }

  @ParameterizedTest
  @EnumSource
  void everyStatementIsTrueAndEveryMatrixSettled(MatrixFamily family) {
    DenseLinearAlgebra algebra = algebra();
    SplittableRandom seeds = new SplittableRandom(1);
    ModularRank modular = new ModularRank(ModularRank.DEFAULT_MAX_PRIMES, seeds::nextLong);
    RankCertification cholesky = new RankCertification(algebra, new VerifiedCholesky());
    RankCertification byElimination = new RankCertification(algebra, modular);
    SmallPrimeRank small = new SmallPrimeRank(seeds::nextLong);
    RankCertification bySmallPrimes = new RankCertification(algebra, small);
    RankCertification automatic =
        new RankCertification(algebra, new VerifiedCholesky(), small, modular);
    SplittableRandom random = new SplittableRandom(family.ordinal());
    for (int k = 0; k < matricesPerFamily(); k++) {
      double[][] rows = family.draw(random);
      ExactMatrix exact = new ExactMatrix(rows);
      int rank = exact.rank();
      try (Matrix matrix = Matrix.of(rows)) {
        String shown = family + " " + k + " of rank " + rank + ": ";
        Certificate byCholesky = cholesky.certify(matrix);
        assertTrue(byCholesky, exact, rank, shown + byCholesky);
        if (byCholesky.outcome() == Outcome.UNDETERMINED) {
          assertThat(byCholesky.reason()).as(shown).contains("would settle it");
        }
        Certificate byPrimes = byElimination.certify(matrix);
        assertTrue(byPrimes, exact, rank, shown + byPrimes);
        assertSettled(byPrimes, rank, shown + byPrimes);
        Certificate byBytes = bySmallPrimes.certify(matrix);
        assertTrue(byBytes, exact, rank, shown + byBytes);
        if (byBytes.outcome() == Outcome.REFUTED) {
          assertThat(byBytes.method()).as(shown).isEqualTo(CertificateMethod.STRUCTURE);
        }
        Certificate byPolicy = automatic.certify(matrix);
        assertTrue(byPolicy, exact, rank, shown + byPolicy);
        assertSettled(byPolicy, rank, shown + byPolicy);
      }
    }
  }

  private static void assertTrue(
      Certificate certificate, ExactMatrix exact, int rank, String shown) {
    long n = certificate.rows();
    assertThat(n).as(shown).isEqualTo(exact.rows());
    assertThat(certificate.columns()).as(shown).isEqualTo(exact.columns());
    assertThat(certificate.rankLowerBound()).as(shown).isBetween(0L, (long) rank);
    certificate
        .sigmaMinLowerBound()
        .ifPresent(
            bound -> {
              assertThat(certificate.outcome()).as(shown).isEqualTo(Outcome.CERTIFIED);
              assertThat(bound).as(shown).isPositive();
              assertThat(exact.smallestSingularValueExceeds(bound)).as(shown).isTrue();
            });
    certificate
        .sigmaMaxUpperBound()
        .ifPresent(
            bound -> assertThat(exact.largestSingularValueIsBelow(bound)).as(shown).isTrue());
    switch (certificate.outcome()) {
      case CERTIFIED -> {
        assertThat(rank).as(shown).isEqualTo(n);
        assertThat(certificate.rankLowerBound()).as(shown).isEqualTo(n);
        assertThat(certificate.falseRefutationProbability()).as(shown).isEmpty();
      }
      case REFUTED -> {
        assertThat(rank).as(shown).isLessThan((int) n);
        assertThat(certificate.falseRefutationProbability().getAsDouble())
            .as(shown)
            .isBetween(
                0.0,
                certificate.method() == CertificateMethod.STRUCTURE
                    ? 0
                    : ModularRank.MAX_FALSE_REFUTATION);
      }
      case UNDETERMINED -> assertThat(certificate.falseRefutationProbability()).as(shown).isEmpty();
    }
  }

  private static void assertSettled(Certificate certificate, int rank, String shown) {
    assertThat(certificate.outcome()).as(shown).isNotEqualTo(Outcome.UNDETERMINED);
    if (certificate.method() == CertificateMethod.MODULAR) {
      assertThat(certificate.rankLowerBound()).as(shown).isEqualTo(rank);
    }
  }
}
