package io.fullrank.certificate.cholesky;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.certificate.ExactMatrix;
import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.certificate.result.Outcome;
import java.lang.management.ManagementFactory;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class VerifiedCholeskyTest {

  private final RankCertification certification =
      new RankCertification(new OpenBlas(2), new VerifiedCholesky());

  @Test
  void tooFewColumnsAreRefuted() {
    Certificate certificate = certify(new double[][] {{1, 2}, {3, 4}, {5, 6}});
    assertRefuted(certificate, "a matrix of 2 columns cannot have rank 3, one per row");
    assertThat(certificate.rankLowerBound()).isEqualTo(1);
  }

  @Test
  void aZeroRowIsRefutedAndNamed() {
    assertRefuted(certify(new double[][] {{1, 2, 3}, {0, -0.0, 0}}), "row 1 is zero");
    Certificate zero = certify(new double[][] {{0, 0}});
    assertRefuted(zero, "row 0 is zero");
    assertThat(zero.rankLowerBound()).isZero();
  }

  @Test
  void identicalRowsAreRefutedAndNamedWhateverTheSignOfZero() {
    assertRefuted(
        certify(new double[][] {{1, 0, 3, 4}, {2, 0, 0, 1}, {0, 2, 0, 0}, {2, -0.0, 0, 1}}),
        "rows 1 and 3 are identical");
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
  void nonFiniteEntriesAreBadInputNotAVerdict(double value) {
    assertThatThrownBy(() -> certify(new double[][] {{0, 0}, {1, value}, {1, 1}}))
        .isInstanceOfSatisfying(
            NonFiniteEntryException.class,
            e -> {
              assertThat(e.row()).isEqualTo(1);
              assertThat(e.column()).isEqualTo(1);
            })
        .hasMessage(
            "the entry in row 1, column 1 (both counted from 0) is "
                + value
                + "; a certificate needs finite entries");
  }

  @ParameterizedTest
  @ValueSource(doubles = {1, -3, Double.MIN_NORMAL, 0x1p-1050, Double.MAX_VALUE})
  void oneRowIsCertifiedWithItsNorm(double value) {
    Certificate certificate = certify(new double[][] {{value}});
    assertThat(certificate.outcome()).isEqualTo(Outcome.CERTIFIED);
    assertThat(certificate.sigmaMinLowerBound().orElseThrow())
        .isBetween(0.9 * Math.abs(value), Math.abs(value));
    // The shift is about the square, which no double holds where the value is very large or small.
    BigDecimal shift =
        new BigDecimal(certificate.reason().replaceAll(".*shift of ([^,]*),.*", "$1"));
    BigDecimal square = new BigDecimal(value).pow(2);
    assertThat(shift.divide(square, MathContext.DECIMAL32).doubleValue()).isBetween(0.8, 1.01);
    assertThat(certificate.reason()).doesNotContain("Infinity", "underflows");
  }

  /** A product that is rounded up to 2^-1022 is not a lower bound. */
  @ParameterizedTest
  @CsvSource({
    "1, -1022, 0x0.fffffffffffffp-1022",
    "0x0.fffffffffffff8p0, -1022, 0x0.fffffffffffffp-1022",
    "0x1.8p0, -1022, 0x1.8p-1022",
    "0x1.8p0, -1074, 0x1p-1074",
    "1, -1074, 0",
    "1, -2000, 0",
    "0x1.8p0, 1023, 0x1.8p1023",
    "1, 1024, 0x1.fffffffffffffp1023"
  })
  void boundsAreScaledDownwards(double value, int exponent, double expected) {
    assertThat(VerifiedCholesky.scaleDown(value, exponent)).isEqualTo(expected);
  }

  @Test
  void theSmallestSubnormalIsCertifiedWithoutABoundThatNoDoubleCouldHold() {
    Certificate certificate = certify(new double[][] {{Double.MIN_VALUE}});
    assertThat(certificate.outcome()).isEqualTo(Outcome.CERTIFIED);
    assertThat(certificate.rankLowerBound()).isEqualTo(1);
    assertThat(certificate.sigmaMinLowerBound()).isEmpty();
    assertThat(certificate.reason()).contains("underflows: it is below every positive float64");
    assertThat(certificate.sigmaMaxUpperBound().orElseThrow())
        .isBetween(Double.MIN_VALUE, 4 * Double.MIN_VALUE);
  }

  /** Random matrices of small dimensions: exact arithmetic says how good the bounds are. */
  @ParameterizedTest
  @CsvSource({"1,1", "2,2", "5,9", "16,16", "20,40", "30,31"})
  void boundsAreTight(int n, int c) {
    for (int seed = 0; seed < 5; seed++) {
      double[][] rows = softplusFeatures(n, c, seed);
      ExactMatrix exact = new ExactMatrix(rows);
      Certificate certificate = certify(rows);
      assertThat(certificate.outcome()).isEqualTo(Outcome.CERTIFIED);
      double low = certificate.sigmaMinLowerBound().orElseThrow();
      double high = certificate.sigmaMaxUpperBound().orElseThrow();
      assertThat(exact.smallestSingularValueExceeds(low)).isTrue();
      assertThat(exact.smallestSingularValueExceeds(1.25 * low)).isFalse();
      assertThat(exact.largestSingularValueIsBelow(high)).isTrue();
      assertThat(exact.largestSingularValueIsBelow(high / 1.01)).isFalse();
    }
  }

  /** Down to σ_min = 10^-6·σ_max the bound is within a factor 2 of σ_min. */
  @ParameterizedTest
  @ValueSource(doubles = {1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 2e-6})
  void boundsAreWithinAFactorTwoDownToAMillionthOfTheLargest(double smallest) {
    int n = 12;
    double[][] rows = softplusFeatures(n, 2 * n, 77);
    // σ_max is about n/2 here; the perturbation is about σ_min.
    SplittableRandom random = new SplittableRandom(78);
    for (int j = 0; j < rows[0].length; j++) {
      rows[n - 1][j] = 0.5 * rows[0][j] + 0.25 * rows[1][j] + smallest * 6 * random.nextGaussian();
    }
    Certificate certificate = certify(rows);
    assertThat(certificate.outcome()).isEqualTo(Outcome.CERTIFIED);
    double low = certificate.sigmaMinLowerBound().orElseThrow();
    ExactMatrix exact = new ExactMatrix(rows);
    assertThat(exact.smallestSingularValueExceeds(low)).isTrue();
    assertThat(exact.smallestSingularValueExceeds(2 * low)).isFalse();
  }

  /**
   * Rows over forty decades: a singular value decomposition with a tolerance misses most of them.
   */
  @Test
  void rowsOverFortyDecadesAreCertified() {
    int n = 24;
    double[][] rows = gaussian(n, 30, 5);
    for (int i = 0; i < n; i++) {
      double scale = Math.pow(10, 40.0 * i / (n - 1) - 20);
      for (int j = 0; j < 30; j++) {
        rows[i][j] *= scale;
      }
    }
    Certificate certificate = certify(rows);
    assertThat(certificate.outcome()).isEqualTo(Outcome.CERTIFIED);
    double low = certificate.sigmaMinLowerBound().orElseThrow();
    assertThat(low).isGreaterThan(1e-21);
    assertThat(new ExactMatrix(rows).smallestSingularValueExceeds(low)).isTrue();
  }

  /**
   * The table of docs/theory.md, section 4: a 512 × 1025 matrix whose last row is nearly a
   * combination of others. With x the coefficients, σ_min ≤ ‖xᵀΦ‖/‖x‖, computed exactly.
   */
  @ParameterizedTest
  @ValueSource(doubles = {5e-1, 5e-3, 5e-5, 5e-7, 5e-9, 0})
  void nearlyDependentRowsNeverGetABoundAboveTheTruth(double size) {
    int n = 512;
    int c = 1025;
    double[][] rows = gaussian(n, c, 11);
    SplittableRandom random = new SplittableRandom(12);
    for (int j = 0; j < c; j++) {
      // Multiples of 2^-20 below 2^5: their combination is exact.
      rows[0][j] = Math.rint(rows[0][j] * 0x1p20) * 0x1p-20;
      rows[1][j] = Math.rint(rows[1][j] * 0x1p20) * 0x1p-20;
      rows[n - 1][j] = rows[0][j] - 0.5 * rows[1][j] + size / 22 * random.nextGaussian();
    }
    BigDecimal square = BigDecimal.ZERO;
    for (int j = 0; j < c; j++) {
      BigDecimal residual =
          new BigDecimal(rows[0][j])
              .subtract(new BigDecimal(rows[1][j]).divide(BigDecimal.valueOf(2)))
              .subtract(new BigDecimal(rows[n - 1][j]));
      square = square.add(residual.pow(2));
    }
    double upper =
        square
            .divide(new BigDecimal("2.25"), MathContext.DECIMAL128)
            .sqrt(MathContext.DECIMAL128)
            .doubleValue();

    Certificate certificate = certify(rows);

    if (size >= 5e-3) {
      assertThat(certificate.outcome()).isEqualTo(Outcome.CERTIFIED);
      double low = certificate.sigmaMinLowerBound().orElseThrow();
      assertThat(low).isBetween(upper / 2, upper);
    } else if (certificate.outcome() == Outcome.CERTIFIED) {
      assertThat(upper).isPositive();
      assertThat(certificate.sigmaMinLowerBound().orElseThrow()).isLessThanOrEqualTo(upper);
    } else {
      assertThat(certificate.outcome()).isEqualTo(Outcome.UNDETERMINED);
      assertThat(certificate.rankLowerBound()).isEqualTo(1);
      assertThat(certificate.reason())
          .contains("the exact rank modulo primes would settle it")
          .doesNotContain("\n");
    }
    if (size == 0) {
      assertThat(certificate.outcome()).isEqualTo(Outcome.UNDETERMINED);
    }
  }

  /** Integers of rank known by construction, large enough for the blocked kernels. */
  @ParameterizedTest
  @CsvSource({"64,80,63", "130,130,129", "300,700,150", "200,200,200", "300,301,300"})
  void rankByConstruction(int n, int c, int rank) {
    SplittableRandom random = new SplittableRandom(n + c);
    double[][] rows = new double[n][c];
    for (int i = 0; i < n; i++) {
      // The first `rank` rows are triangular with a unit diagonal, the others combine them.
      if (i < rank) {
        rows[i][i] = 8;
        for (int j = i + 1; j < c; j++) {
          rows[i][j] = random.nextInt(0, 64) == 0 ? random.nextInt(-1, 2) : 0;
        }
      } else {
        int first = random.nextInt(rank);
        int second = random.nextInt(rank);
        for (int j = 0; j < c; j++) {
          rows[i][j] = 2 * rows[first][j] + (i - rank + 3) * rows[second][j];
        }
      }
    }
    Certificate certificate = certify(rows);
    if (rank == n) {
      assertThat(certificate.outcome()).isEqualTo(Outcome.CERTIFIED);
      assertThat(certificate.rankLowerBound()).isEqualTo(n);
    } else {
      assertThat(certificate.outcome()).isNotEqualTo(Outcome.CERTIFIED);
      assertThat(certificate.rankLowerBound()).isLessThanOrEqualTo(rank);
    }
  }

  /** A cancellation at any point ends the certification, and all memory is freed. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void certificationCanBeCancelledAtAnyPointAndLeaksNothing(boolean illConditioned) {
    int n = 800;
    double[][] rows = softplusFeatures(n, n + 50, 3);
    if (illConditioned) {
      SplittableRandom random = new SplittableRandom(4);
      for (int j = 0; j < rows[0].length; j++) {
        rows[n - 1][j] = 0.5 * rows[0][j] + 0.25 * rows[1][j] + 1.5e-6 * random.nextGaussian();
      }
    }
    try (Matrix matrix = Matrix.of(rows)) {
      AtomicInteger questions = new AtomicInteger();
      Certificate certificate =
          certification.certify(
              matrix,
              () -> {
                questions.incrementAndGet();
                return false;
              });
      assertThat(certificate.outcome()).isEqualTo(Outcome.CERTIFIED);
      assertThat(certificate.stages().containsKey("preconditioned")).isEqualTo(illConditioned);
      int total = questions.get();
      assertThat(total).isGreaterThan(30);
      long before = committedMemory();
      int cancelled = 0;
      for (int k = 0; k < total; k += 1 + k / 20) {
        int limit = k;
        AtomicInteger asked = new AtomicInteger();
        assertThatThrownBy(
                () -> certification.certify(matrix, () -> asked.getAndIncrement() >= limit))
            .isInstanceOf(CertificationCancelledException.class);
        cancelled++;
      }
      long leaked = (long) cancelled * n * n * Double.BYTES;
      assertThat(committedMemory() - before).isLessThan(leaked / 2);
      assertThat(certification.certify(matrix).outcome()).isEqualTo(Outcome.CERTIFIED);
    }
  }

  private static long committedMemory() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getCommittedVirtualMemorySize();
  }

  @Test
  void theFirstOfSeveralNonFiniteEntriesIsNamed() {
    try (Matrix matrix = Matrix.allocate(400, 500)) {
      matrix.set(399, 3, Double.NaN);
      matrix.set(70, 499, Double.POSITIVE_INFINITY);
      matrix.set(70, 400, Double.NaN);
      assertThatThrownBy(() -> certification.certify(matrix))
          .isInstanceOf(NonFiniteEntryException.class)
          .hasMessageStartingWith("the entry in row 70, column 400 ");
    }
  }

  /** A matrix so wide that its Gram matrix is computed in several panels. */
  @Test
  void severalPanelsOfColumnsCountAsOneMatrix() {
    int c = (1 << 22) / 2 + 1000;
    try (Matrix matrix = Matrix.allocate(2, c)) {
      // The rows differ only in the last panel.
      double[] ones = new double[c];
      Arrays.fill(ones, 1);
      matrix.setRow(0, 0, ones, 0, c);
      matrix.setRow(1, 0, ones, 0, c);
      matrix.set(1, c - 1, 1 - 0x1p20);
      Certificate certificate = certification.certify(matrix);
      // ΦΦᵀ = [[c, c − 2^20], [c − 2^20, c − 1 + (1 − 2^20)^2]].
      double a = c;
      double b = c - 0x1p20;
      double d = c - 1 + (1 - 0x1p20) * (1 - 0x1p20);
      double root = Math.sqrt((a - d) * (a - d) / 4 + b * b);
      double sigmaMin = Math.sqrt((a + d) / 2 - root);
      assertThat(certificate.outcome()).isEqualTo(Outcome.CERTIFIED);
      assertThat(certificate.sigmaMinLowerBound().orElseThrow())
          .isBetween(0.9 * sigmaMin, sigmaMin);
    }
  }

  private Certificate certify(double[][] rows) {
    try (Matrix matrix = Matrix.of(rows)) {
      return certification.certify(matrix);
    }
  }

  private static void assertRefuted(Certificate certificate, String reason) {
    assertThat(certificate.outcome()).isEqualTo(Outcome.REFUTED);
    assertThat(certificate.method()).isEqualTo(CertificateMethod.STRUCTURE);
    assertThat(certificate.falseRefutationProbability()).hasValue(0);
    assertThat(certificate.reason()).isEqualTo(reason);
  }

  private static double[][] gaussian(int n, int c, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    double[][] rows = new double[n][c];
    for (double[] row : rows) {
      for (int j = 0; j < c; j++) {
        row[j] = random.nextGaussian();
      }
    }
    return rows;
  }

  private static double[][] softplusFeatures(int n, int c, long seed) {
    double[][] rows = gaussian(n, c, seed);
    for (double[] row : rows) {
      for (int j = 0; j < c; j++) {
        row[j] = (float) (Math.log1p(Math.exp(4 * row[j])) / 4);
      }
      row[c - 1] = 1;
    }
    return rows;
  }
}
