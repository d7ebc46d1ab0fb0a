package io.fullrank.certificate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.Outcome;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class RankCertificationTest {

  private final RankCertification certification = new RankCertification(new OpenBlas(2));

  @Test
  void choleskySettlesWhatItCanAndGivesABound() {
    Certificate certificate = certify(nearlyDependent(0.5));
    assertThat(certificate.outcome()).isEqualTo(Outcome.CERTIFIED);
    assertThat(certificate.method()).isEqualTo(CertificateMethod.CHOLESKY);
    assertThat(certificate.sigmaMinLowerBound()).isPresent();
    assertThat(certificate.primes()).isEmpty();
  }

  /** docs/theory.md, section 4: σ_min below what f64 shows. */
  @Test
  void primesSettleTheRest() {
    Certificate certificate = certify(nearlyDependent(5e-9));
    assertThat(certificate.outcome()).isEqualTo(Outcome.CERTIFIED);
    assertThat(certificate.method()).isEqualTo(CertificateMethod.MODULAR);
    assertThat(certificate.rankLowerBound()).isEqualTo(512);
    assertThat(certificate.sigmaMinLowerBound()).isEmpty();
    assertThat(certificate.sigmaMaxUpperBound()).isPresent();
    assertThat(certificate.primes().orElseThrow().primes()).hasSize(1);
  }

  @Test
  void primesRefuteWhatIsSingular() {
    Certificate certificate = certify(nearlyDependent(0));
    assertThat(certificate.outcome()).isEqualTo(Outcome.REFUTED);
    assertThat(certificate.method()).isEqualTo(CertificateMethod.MODULAR);
    assertThat(certificate.rankLowerBound()).isEqualTo(511);
    assertThat(certificate.reason())
        .isEqualTo(
            "rows 0, 1, 511 are linearly dependent: multiplied by 2, -1, -2 they add up to zero,"
                + " exactly");
    assertThat(certificate.falseRefutationProbability()).hasValue(0);
  }

  @Test
  void structureNeedsNeither() {
    Certificate certificate = certify(new double[][] {{1, 2}, {0, 0}});
    assertThat(certificate.method()).isEqualTo(CertificateMethod.STRUCTURE);
    assertThat(certificate.reason()).isEqualTo("row 1 is zero");
  }

  @Test
  void isCancelled() {
    try (Matrix matrix = Matrix.of(nearlyDependent(0))) {
      assertThatThrownBy(() -> certification.certify(matrix, () -> true))
          .isInstanceOf(CertificationCancelledException.class);
    }
  }

  private Certificate certify(double[][] rows) {
    try (Matrix matrix = Matrix.of(rows)) {
      return certification.certify(matrix);
    }
  }

  /** The last row is a combination of the first two, up to a perturbation. */
  private static double[][] nearlyDependent(double size) {
    int c = 1025;
    double[][] rows = new double[512][c];
    SplittableRandom random = new SplittableRandom(11);
    for (double[] row : rows) {
      for (int j = 0; j < c; j++) {
        row[j] = Math.rint(random.nextGaussian() * 0x1p20) * 0x1p-20;
      }
    }
    for (int j = 0; j < c; j++) {
      rows[511][j] = rows[0][j] - 0.5 * rows[1][j] + size / 22 * random.nextGaussian();
    }
    return rows;
  }
}
