package io.fullrank.certificate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whatever the matrix: no statement of a certificate is ever false, against exact arithmetic. */
class SoundnessTest {

  /** Returns the backend under test. */
  DenseLinearAlgebra algebra() {
    return new OpenBlas(1);
  }

  int matricesPerFamily() {
    return 400;
  }

  @ParameterizedTest
  @EnumSource
  void everyStatementIsTrue(MatrixFamily family) {
    RankCertification certification = new StructureThenCholesky(algebra());
    SplittableRandom random = new SplittableRandom(family.ordinal());
    for (int k = 0; k < matricesPerFamily(); k++) {
      double[][] rows = family.draw(random);
      ExactMatrix exact = new ExactMatrix(rows);
      int n = rows.length;
      int rank = exact.rank();
      Certificate certificate;
      try (FeatureMatrix matrix = FeatureMatrix.of(rows)) {
        certificate = certification.certify(matrix);
      }
      String shown = family + " " + k + " of rank " + rank + ": " + certificate;

      assertThat(certificate.rows()).as(shown).isEqualTo(n);
      assertThat(certificate.columns()).as(shown).isEqualTo(rows[0].length);
      assertThat(certificate.rankLowerBound()).as(shown).isLessThanOrEqualTo(rank);
      certificate
          .sigmaMinLowerBound()
          .ifPresent(
              bound -> {
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
          assertThat(rank).as(shown).isLessThan(n);
          assertThat(certificate.method()).as(shown).isEqualTo(CertificateMethod.STRUCTURE);
          assertThat(certificate.falseRefutationProbability()).as(shown).hasValue(0);
          assertThat(certificate.sigmaMinLowerBound()).as(shown).isEmpty();
        }
        case UNDETERMINED -> {
          assertThat(certificate.sigmaMinLowerBound()).as(shown).isEmpty();
          assertThat(certificate.falseRefutationProbability()).as(shown).isEmpty();
          assertThat(certificate.reason()).as(shown).contains("would settle it");
        }
      }
    }
  }
}
