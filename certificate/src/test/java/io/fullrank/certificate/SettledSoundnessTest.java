package io.fullrank.certificate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Small matrices of every kind are settled, correctly, by primes and by the automatic policy. */
class SettledSoundnessTest {

  /** Returns the backend under test. */
  DenseLinearAlgebra algebra() {
    return new OpenBlas(1);
  }

  int matricesPerFamily() {
    return 400;
  }

  @ParameterizedTest
  @EnumSource
  void everyMatrixIsSettled(MatrixFamily family) {
    SplittableRandom random = new SplittableRandom(family.ordinal());
    DenseLinearAlgebra algebra = algebra();
    SplittableRandom seeds = new SplittableRandom(1);
    ModularRank modular = new ModularRank(algebra, ModularRank.DEFAULT_MAX_PRIMES, seeds::nextLong);
    RankCertification automatic = new AutomaticCertification(algebra, modular);
    for (int k = 0; k < matricesPerFamily(); k++) {
      double[][] rows = family.draw(random);
      ExactMatrix exact = new ExactMatrix(rows);
      int rank = exact.rank();
      try (FeatureMatrix matrix = FeatureMatrix.of(rows)) {
        Certificate byPrimes = modular.certify(matrix);
        Certificate byPolicy = automatic.certify(matrix);
        String shown = family + " " + k + " of rank " + rank + ": " + byPrimes + ", " + byPolicy;
        for (Certificate certificate : new Certificate[] {byPrimes, byPolicy}) {
          assertThat(certificate.outcome())
              .as(shown)
              .isEqualTo(rank == rows.length ? Outcome.CERTIFIED : Outcome.REFUTED);
          assertThat(certificate.falseRefutationProbability().isPresent())
              .as(shown)
              .isEqualTo(rank < rows.length);
          assertThat(certificate.falseRefutationProbability().orElse(0))
              .as(shown)
              .isBetween(0.0, 1e-9);
          boolean structure = certificate.method() == CertificateMethod.STRUCTURE;
          assertThat(certificate.rankLowerBound())
              .as(shown)
              .isBetween(structure ? 0L : rank, (long) rank);
        }
        byPolicy
            .sigmaMaxUpperBound()
            .ifPresent(
                bound -> assertThat(exact.largestSingularValueIsBelow(bound)).as(shown).isTrue());
      }
    }
  }
}
