package io.fullrank.certificate.cholesky;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.Outcome;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Bounds on σ_min are within a factor 2 of it down to 10^-6·σ_max, whatever the other singular
 * values are.
 */
class TightnessTest {

  /** With the usual blocks, and with blocks so small that small matrices consist of many. */
  private final List<RankCertification> certifications =
      List.of(
          new RankCertification(new OpenBlas(1), new VerifiedCholesky()),
          new RankCertification(new OpenBlas(1, 48, 20), new VerifiedCholesky()));

  private enum Spectrum {
    /** All but the last are 1. */
    ONE_SMALL {
      @Override
      double value(double condition, double t) {
        return t == 1 ? 1 / condition : 1;
      }
    },
    /** All but the first are small. */
    ONE_LARGE {
      @Override
      double value(double condition, double t) {
        return t == 0 ? 1 : 1 / condition;
      }
    },
    HALF_SMALL {
      @Override
      double value(double condition, double t) {
        return t < 0.5 ? 1 : 1 / condition;
      }
    },
    GRADED {
      @Override
      double value(double condition, double t) {
        return Math.pow(condition, -t);
      }
    };

    /** Returns the singular value at t, from 0 for the largest to 1 for the smallest. */
    abstract double value(double condition, double t);
  }

  /**
   * Φ = (I − 2vvᵀ)·diag(σ)·[I 0]·(I − 2wwᵀ), rounded: the rounding moves no singular value by more
   * than its Frobenius norm, some 10^-14 of the largest.
   */
  @ParameterizedTest
  @CsvSource({"1,1", "2,2", "20,25", "70,70", "200,200", "200,401"})
  void boundsAreWithinAFactorTwo(int n, int c) {
    SplittableRandom random = new SplittableRandom(n + c);
    for (Spectrum spectrum : Spectrum.values()) {
      for (double condition : new double[] {1, 10, 1e3, 1e5, 3e5, 1e6}) {
        for (double scale : new double[] {1, 0x1p600}) {
          double[] v = unitVector(n, random);
          double[] w = unitVector(c, random);
          double[] sigma = new double[n];
          double vSigmaW = 0;
          for (int i = 0; i < n; i++) {
            sigma[i] = spectrum.value(condition, n == 1 ? 0 : (double) i / (n - 1));
            vSigmaW += v[i] * sigma[i] * w[i];
          }
          double[][] rows = new double[n][c];
          for (int i = 0; i < n; i++) {
            for (int j = 0; j < c; j++) {
              rows[i][j] =
                  scale
                      * ((i == j ? sigma[i] : 0)
                          - 2 * v[i] * (j < n ? v[j] * sigma[j] : 0)
                          - 2 * sigma[i] * w[i] * w[j]
                          + 4 * v[i] * vSigmaW * w[j]);
            }
          }
          double smallest = n == 1 ? scale : scale * sigma[n - 1];
          double rounding = 1e-13 * scale;
          for (RankCertification certification : certifications) {
            Certificate certificate;
            try (Matrix matrix = Matrix.of(rows)) {
              certificate = certification.certify(matrix);
            }
            String shown = spectrum + ", condition " + condition + ": " + certificate;
            assertThat(certificate.outcome()).as(shown).isEqualTo(Outcome.CERTIFIED);
            assertThat(certificate.sigmaMinLowerBound().orElseThrow())
                .as(shown)
                .isBetween((smallest - rounding) / 2, smallest + rounding);
          }
        }
      }
    }
  }

  private static double[] unitVector(int n, SplittableRandom random) {
    double[] v = new double[n];
    double square = 0;
    for (int i = 0; i < n; i++) {
      v[i] = random.nextGaussian();
      square += v[i] * v[i];
    }
    double norm = Math.sqrt(square);
    for (int i = 0; i < n; i++) {
      v[i] /= norm;
    }
    return v;
  }
}
