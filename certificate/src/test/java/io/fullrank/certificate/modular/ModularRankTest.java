package io.fullrank.certificate.modular;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.RankModulo;
import io.fullrank.certificate.arithmetic.RandomPrimes;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.ErringAlgebra;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.DrawnPrimes;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.certificate.result.Outcome;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModularRankTest {

  private static final long SEED = 2104;

  private final DenseLinearAlgebra algebra = new OpenBlas(2);
  private final RankCertification certification = certification(algebra, 24);

  /** docs/theory.md, section 4: an SVD with a tolerance reports rank 253. */
  @Test
  void rowsOverFortyDecadesAreCertified() {
    double[][] rows = gaussian(800, 860, 1);
    for (int i = 0; i < 800; i++) {
      double scale = Math.pow(10, 40.0 * i / 799 - 20);
      for (int j = 0; j < 860; j++) {
        rows[i][j] *= scale;
      }
    }
    assertCertified(certify(rows));
  }

  /** docs/theory.md, section 4: an SVD with a tolerance reports rank 798. */
  @Test
  void rowsThatDifferByOneUlpAreCertified() {
    double[][] rows = gaussian(800, 860, 2);
    for (double[] row : rows) {
      for (int j = 0; j < 860; j++) {
        row[j] = (float) row[j];
      }
    }
    for (int copy : new int[] {1, 2}) {
      rows[800 - copy] = rows[copy].clone();
      rows[800 - copy][7 * copy] = Math.nextUp((float) rows[copy][7 * copy]);
    }
    assertCertified(certify(rows));
  }

  @ParameterizedTest
  @ValueSource(doubles = {1, -3, Double.MIN_VALUE, Double.MAX_VALUE, 0x1p-1074 * 4194301})
  void oneRowIsCertified(double value) {
    assertCertified(certify(new double[][] {{0, value}}));
  }

  private static void assertCertified(Certificate certificate) {
    assertThat(certificate.outcome()).isEqualTo(Outcome.CERTIFIED);
    assertThat(certificate.method()).isEqualTo(CertificateMethod.MODULAR);
    assertThat(certificate.rankLowerBound()).isEqualTo(certificate.rows());
    assertThat(certificate.falseRefutationProbability()).isEmpty();
    assertThat(certificate.sigmaMinLowerBound()).isEmpty();
    assertThat(certificate.primes()).contains(new DrawnPrimes(SEED, firstPrimes(1)));
    assertThat(certificate.reason())
        .isEqualTo(
            "a minor of order %d is not divisible by the prime %d, so it is not zero"
                .formatted(certificate.rows(), firstPrimes(1).get(0)));
  }

  /** A matrix whose determinant the first primes divide is regular all the same. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void aPrimeThatDividesTheDeterminantDoesNotRefute(int unlucky) {
    int n = 12;
    double[][] rows = new double[n][n];
    for (int i = 0; i < n; i++) {
      rows[i][i] = i < unlucky ? firstPrimes(unlucky).get(i) : 1;
    }
    // Unimodular steps with small integers: the determinant stays the product of the primes.
    SplittableRandom random = new SplittableRandom(3);
    for (int step = 0; step < 40; step++) {
      int i = random.nextInt(n);
      int k = (i + random.nextInt(1, n)) % n;
      int factor = random.nextInt(-1, 2);
      for (int j = 0; j < n; j++) {
        rows[i][j] += factor * rows[k][j];
      }
    }
    assertThat(RankModulo.of(rows, firstPrimes(1).get(0))).isEqualTo(n - 1);

    Certificate certificate = certify(rows);

    assertThat(certificate.outcome()).isEqualTo(Outcome.CERTIFIED);
    assertThat(certificate.rankLowerBound()).isEqualTo(n);
    List<Integer> primes = certificate.primes().orElseThrow().primes();
    assertThat(primes).hasSizeGreaterThan(1).isEqualTo(firstPrimes(primes.size()));
    assertThat(RankModulo.of(rows, primes.get(primes.size() - 1))).isEqualTo(n);

    Certificate withOnePrime = certify(certification(algebra, 1), rows);
    assertThat(withOnePrime.outcome()).isEqualTo(Outcome.UNDETERMINED);
    assertThat(withOnePrime.rankLowerBound()).isEqualTo(n - 1);
    assertThat(withOnePrime.falseRefutationProbability()).isEmpty();
    assertThat(withOnePrime.reason()).contains("at most 1 may be drawn").doesNotContain("\n");
  }

  @Test
  void aSmallRelationIsRefutedAndNamed() {
    double[][] rows = gaussian(300, 500, 4);
    for (int j = 0; j < 500; j++) {
      rows[7][j] = Math.rint(rows[7][j] * 0x1p20) * 0x1p-30;
      rows[31][j] = Math.rint(rows[31][j] * 0x1p20) * 0x1p-20;
      rows[200][j] = 3 * rows[7][j] - rows[31][j] / 8;
    }
    Certificate certificate = certify(rows);
    assertThat(certificate.outcome()).isEqualTo(Outcome.REFUTED);
    assertThat(certificate.method()).isEqualTo(CertificateMethod.MODULAR);
    assertThat(certificate.rankLowerBound()).isEqualTo(299);
    assertThat(certificate.reason())
        .isEqualTo(
            "rows 7, 31, 200 are linearly dependent: multiplied by 24, -1, -8 they add up to zero,"
                + " exactly");
    assertThat(certificate.falseRefutationProbability()).hasValue(0);
    assertThat(certificate.primes()).contains(new DrawnPrimes(SEED, firstPrimes(1)));
  }

  /** Fractions of 30 bits are known modulo three primes of 22. */
  @Test
  void longerCoefficientsTakeMorePrimes() {
    double[][] rows = gaussian(40, 60, 14);
    for (int j = 0; j < 60; j++) {
      double a = Math.rint(rows[3][j] * 100);
      double b = Math.rint(rows[17][j] * 100);
      rows[3][j] = 1_000_003 * a;
      rows[17][j] = 1_000_003 * b;
      rows[30][j] = 536_870_909 * a - 536_870_879 * b;
    }
    Certificate certificate = certify(rows);
    assertThat(certificate.outcome()).isEqualTo(Outcome.REFUTED);
    assertThat(certificate.reason())
        .isEqualTo(
            "rows 3, 17, 30 are linearly dependent: multiplied by 536870909, -536870879, -1000003"
                + " they add up to zero, exactly");
    assertThat(certificate.falseRefutationProbability()).hasValue(0);
    assertThat(certificate.primes()).contains(new DrawnPrimes(SEED, firstPrimes(3)));
  }

  /** Two equal columns: the relation between the rows is unique, and its coefficients are long. */
  @Test
  void aRelationWithLongCoefficientsIsRefutedWithAStatedProbability() {
    double[][] rows = gaussian(3, 3, 15);
    for (double[] row : rows) {
      for (int j = 0; j < 2; j++) {
        row[j] = Math.rint(row[j] * 0x1p20) * 0x1p-30;
      }
      row[2] = row[1];
    }
    Certificate certificate = certify(rows);
    assertThat(certificate.outcome()).isEqualTo(Outcome.REFUTED);
    assertThat(certificate.rankLowerBound()).isEqualTo(2);
    assertThat(certificate.reason())
        .isEqualTo("rows 0, 1, 2 are linearly dependent modulo 3 random primes");
    // The integer rows have norms of about 2^20.5: at most 2 primes above 2^21 divide the minor.
    assertThat(certificate.falseRefutationProbability().orElseThrow())
        .isBetween(Math.pow(2.0 / 140336, 2), 1.000001 * Math.pow(2.0 / 140336, 2));
    assertThat(certificate.primes()).contains(new DrawnPrimes(SEED, firstPrimes(3)));
  }

  @Test
  void aDenseRelationIsRefuted() {
    double[][] rows = new double[200][900];
    SplittableRandom random = new SplittableRandom(5);
    for (int j = 0; j < 900; j++) {
      for (int i = 0; i < 199; i++) {
        rows[i][j] = random.nextInt(-1000, 1000);
        rows[199][j] += rows[i][j];
      }
    }
    Certificate certificate = certify(rows);
    assertThat(certificate.outcome()).isEqualTo(Outcome.REFUTED);
    assertThat(certificate.rankLowerBound()).isEqualTo(199);
    assertThat(certificate.falseRefutationProbability()).hasValue(0);
    assertThat(certificate.reason())
        .isEqualTo(
            "200 rows (0, 1, 2, 3, 4, 5, 6, 7, ...) are linearly dependent: multiplied by integers"
                + " of at most 1 they add up to zero, exactly");
  }

  /** Pairs of opposite numbers in 1502 rows, over all exponents of f64. */
  @Test
  void aRelationOfManyRowsWithWideExponentsIsRefutedByAProof() {
    int n = 1502;
    int c = 1600;
    SplittableRandom random = new SplittableRandom(9);
    double[][] rows = new double[n][c];
    for (int j = 0; j < c; j++) {
      for (int i = random.nextInt(2); i + 1 < n; i += 2 + random.nextInt(2)) {
        double entry = Math.scalb(random.nextDouble() - 0.5, random.nextInt(-1060, 1023));
        rows[i][j] = i % 3 == 0 ? entry : -entry;
        rows[i + 1][j] = (i + 1) % 3 == 0 ? -entry : entry;
      }
    }
    Certificate certificate = certify(rows);
    assertThat(certificate.outcome()).isEqualTo(Outcome.REFUTED);
    assertThat(certificate.rankLowerBound()).isEqualTo(n - 1);
    assertThat(certificate.falseRefutationProbability()).hasValue(0);
    assertThat(certificate.reason())
        .startsWith("1502 rows (0, 1, 2, 3, 4, 5, 6, 7, ...) are linearly dependent: multiplied by")
        .endsWith("integers of at most 1 they add up to zero, exactly");

    rows[700][33] = Math.nextUp(rows[700][33]);
    assertCertified(certify(rows));
  }

  /** A minor that must be below 2^21 cannot be divisible by a larger prime. */
  @Test
  void smallIntegersAreRefutedWithoutAnyDoubt() {
    Certificate certificate = certify(new double[][] {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}});
    assertThat(certificate.outcome()).isEqualTo(Outcome.REFUTED);
    assertThat(certificate.falseRefutationProbability()).hasValue(0);
    assertThat(certificate.rankLowerBound()).isEqualTo(2);
    assertThat(certificate.reason())
        .isEqualTo(
            "rows 0, 1, 2 are linearly dependent: multiplied by 1, -2, 1 they add up to zero,"
                + " exactly");
  }

  /** The entries cover the range of f64: most primes of 22 bits may divide a minor of such rows. */
  @Test
  void whereSmallerPrimesAreTooFewWiderOnesRefuteOrTheOutcomeIsUndetermined() {
    int n = 1100;
    SplittableRandom random = new SplittableRandom(6);
    double[][] rows = new double[n][n];
    for (double[] row : rows) {
      for (int j = 0; j < n; j++) {
        row[j] = Math.scalb(random.nextDouble(), random.nextInt(-1050, 1023));
      }
      row[1] = row[0];
    }
    Certificate refuted = certify(rows);
    assertThat(refuted.outcome()).isEqualTo(Outcome.REFUTED);
    assertThat(refuted.rankLowerBound()).isEqualTo(n - 1);
    assertThat(refuted.falseRefutationProbability().orElseThrow())
        .isBetween(1e-12, ModularRank.MAX_FALSE_REFUTATION);
    List<Integer> primes = refuted.primes().orElseThrow().primes();
    assertThat(primes.get(0)).isEqualTo(firstPrimes(1).get(0));
    assertThat(primes.subList(1, primes.size())).hasSize(7).allMatch(p -> p > 1 << 25);
    assertThat(refuted.reason()).endsWith("are linearly dependent modulo 8 random primes");

    Certificate undetermined = certify(certification(algebra, 7), rows);
    assertThat(undetermined.outcome()).isEqualTo(Outcome.UNDETERMINED);
    assertThat(undetermined.rankLowerBound()).isEqualTo(n - 1);
    assertThat(undetermined.falseRefutationProbability()).isEmpty();
    assertThat(undetermined.primes().orElseThrow().primes()).isEqualTo(firstPrimes(2));
    assertThat(undetermined.reason())
        .endsWith("to refute, 8 primes are needed, but at most 7 may be drawn");
    for (double[] row : rows) {
      row[1] = row[0] / 3;
    }
    assertCertified(certify(rows));
  }

  @Test
  void structureComesFirst() {
    Certificate tooFewColumns = certify(new double[][] {{1}, {2}});
    assertThat(tooFewColumns.method()).isEqualTo(CertificateMethod.STRUCTURE);
    assertThat(tooFewColumns.outcome()).isEqualTo(Outcome.REFUTED);
    assertThat(tooFewColumns.primes()).isEmpty();
    assertThatThrownBy(() -> certify(new double[][] {{1, Double.NaN}}))
        .isInstanceOf(NonFiniteEntryException.class);
  }

  @Test
  void anInexactBackendGivesNoVerdict() {
    double[][] singular = new double[140][300];
    SplittableRandom random = new SplittableRandom(7);
    for (int j = 0; j < 300; j++) {
      for (int i = 0; i < 139; i++) {
        singular[i][j] = random.nextInt(-9, 10);
        singular[139][j] += singular[i][j];
      }
    }
    for (int errors = 0; errors < 3; errors++) {
      int everyOther = errors;
      DenseLinearAlgebra broken =
          new ErringAlgebra(
              algebra,
              block -> {
                if (block.rows() > everyOther && block.columns() > 0) {
                  long at = everyOther * block.stride();
                  block.data().put(at, block.data().get(at) + 1);
                }
              });
      assertThatThrownBy(() -> certify(certification(broken, 24), singular))
          .isInstanceOf(InexactBackendException.class);
    }
  }

  @Test
  void isCancelled() {
    try (Matrix matrix = Matrix.of(gaussian(200, 300, 8))) {
      assertThatThrownBy(() -> certification.certify(matrix, () -> true))
          .isInstanceOf(CertificationCancelledException.class);
    }
  }

  @Test
  void drawsOtherPrimesForEachMatrixUnlessSeeded() {
    double[][] rows = {{1, 2}, {3, 4}};
    RankCertification unseeded = new RankCertification(algebra, new ModularRank());
    DrawnPrimes first = certify(unseeded, rows).primes().orElseThrow();
    DrawnPrimes second = certify(unseeded, rows).primes().orElseThrow();
    assertThat(first.seed()).isNotEqualTo(second.seed());
    assertThat(new RandomPrimes(first.seed()).next()).isEqualTo(first.primes().get(0));
    assertThatThrownBy(() -> new ModularRank(0, () -> SEED))
        .hasMessageContaining("at least one prime");
  }

  private static RankCertification certification(DenseLinearAlgebra algebra, int maxPrimes) {
    return new RankCertification(algebra, new ModularRank(maxPrimes, () -> SEED));
  }

  private Certificate certify(double[][] rows) {
    return certify(certification, rows);
  }

  private static Certificate certify(RankCertification certification, double[][] rows) {
    try (Matrix matrix = Matrix.of(rows)) {
      return certification.certify(matrix);
    }
  }

  private static List<Integer> firstPrimes(int count) {
    RandomPrimes random = new RandomPrimes(SEED);
    List<Integer> primes = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      primes.add(random.next());
    }
    return primes;
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
}
