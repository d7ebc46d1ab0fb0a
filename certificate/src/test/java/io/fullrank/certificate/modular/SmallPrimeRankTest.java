package io.fullrank.certificate.modular;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.ErringAlgebra;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.Finding;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.certificate.result.Progress;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SmallPrimeRankTest {

  private final DenseLinearAlgebra algebra = new OpenBlas(2);

  /** One panel, parts of panels, several pairs of them, tiles of several columns. */
  @ParameterizedTest
  @CsvSource({
    "1,1",
    "64,64",
    "65,70",
    "511,512",
    "512,513",
    "513,900",
    "1024,1024",
    "1025,1026",
    "1100,2500"
  })
  void matricesOfFullRankAreCertified(int n, int c) {
    try (Matrix matrix = Matrix.of(random(n, c, n))) {
      Finding finding = find(matrix);
      assertThat(finding.outcome()).as(finding.reason()).isEqualTo(Outcome.CERTIFIED);
      assertThat(finding.rankLowerBound()).isEqualTo(n);
      assertThat(finding.primes().orElseThrow().primes()).startsWith(251);
    }
  }

  @ParameterizedTest
  @CsvSource({"2,2", "70,70", "600,601", "1100,1400"})
  void deficientMatricesAreLeftOpen(int n, int c) {
    double[][] rows = random(n, c, n);
    for (int j = 0; j < c; j++) {
      rows[n / 2][j] = n < 3 ? 3 * rows[0][j] : rows[0][j] - 3 * rows[n - 1][j];
    }
    try (Matrix matrix = Matrix.of(rows)) {
      Finding finding = find(matrix);
      assertThat(finding.outcome()).isEqualTo(Outcome.UNDETERMINED);
      assertThat(finding.reason()).contains("would settle it");
    }
  }

  /** The first pivots are in the last columns, and whole panels are 0 where others are not. */
  @ParameterizedTest
  @CsvSource({"700,700", "1100,1200"})
  void pivotsAreFoundFarAway(int n, int c) {
    double[][] rows = new double[n][c];
    SplittableRandom random = new SplittableRandom(3);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < i; j++) {
        rows[i][c - 1 - j] = random.nextInt(-1, 2);
      }
      rows[i][c - 1 - i] = 1;
    }
    try (Matrix matrix = Matrix.of(rows)) {
      assertThat(find(matrix).outcome()).isEqualTo(Outcome.CERTIFIED);
    }
  }

  /** Half of the rows are the other half, in other columns: every window is of half its order. */
  @Test
  void panelsMayBeOfAnyRank() {
    int n = 1200;
    double[][] rows = random(n, 2 * n, 5);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        rows[i][j] = i % 2 == 0 ? rows[i][j] : rows[i - 1][j];
      }
    }
    try (Matrix matrix = Matrix.of(rows)) {
      Finding finding = find(matrix);
      assertThat(finding.outcome()).as(finding.reason()).isEqualTo(Outcome.CERTIFIED);
    }
  }

  /** A determinant of 251 leaves the question to the next prime, one of 251·241 open. */
  @Test
  void theNextPrimeSettlesWhatTheFirstDivides() {
    double[][] rows = {{251, 5}, {0, 1}};
    try (Matrix matrix = Matrix.of(rows)) {
      Finding finding = find(matrix);
      assertThat(finding.outcome()).isEqualTo(Outcome.CERTIFIED);
      assertThat(finding.primes().orElseThrow().primes()).isEqualTo(List.of(251, 241));
    }
    rows[0][0] = 251 * 241;
    try (Matrix matrix = Matrix.of(rows)) {
      assertThat(find(matrix).outcome()).isEqualTo(Outcome.UNDETERMINED);
    }
  }

  /** 300 columns of zeros in front are more than the first prime's spare columns. */
  @Test
  void columnsOfZerosDoNotHideTheRank() {
    double[][] rows = random(300, 620, 1);
    for (double[] row : rows) {
      for (int j = 0; j < 300; j++) {
        row[j] = 0;
      }
    }
    try (Matrix matrix = Matrix.of(rows)) {
      Finding finding = find(matrix);
      assertThat(finding.outcome()).isEqualTo(Outcome.CERTIFIED);
      assertThat(finding.primes().orElseThrow().primes()).isEqualTo(List.of(251, 241));
    }
  }

  /** A wrong entry of a product is found, unless another number replaces it anyway. */
  @ParameterizedTest
  @ValueSource(ints = {100, 600, 1300})
  void wrongProductsAreFound(int n) {
    SplittableRandom random = new SplittableRandom(7);
    try (Matrix matrix = Matrix.of(random(n, n, n))) {
      AtomicInteger products = new AtomicInteger();
      find(matrix, tampered(products, -1));
      int all = products.get();
      int found = 0;
      for (int k = 0; k < 12; k++) {
        products.set(0);
        try {
          Finding finding = find(matrix, tampered(products, random.nextInt(all)));
          assertThat(finding.outcome()).isEqualTo(Outcome.CERTIFIED);
        } catch (InexactBackendException wrong) {
          assertThat(wrong).hasMessageContaining("failed its check");
          found++;
        }
      }
      assertThat(found).isGreaterThanOrEqualTo(6);
    }
  }

  /** A singular matrix is not certified by products that make it a nonsingular one. */
  @Test
  void wrongProductsDoNotCertifyASingularMatrix() {
    double[][] rows = random(80, 80, 2);
    for (int j = 0; j < 80; j++) {
      rows[79][j] = rows[0][j] + rows[1][j];
    }
    try (Matrix matrix = Matrix.of(rows)) {
      AtomicInteger products = new AtomicInteger();
      find(matrix, tampered(products, -1));
      int all = products.get();
      for (int k = 0; k < all; k++) {
        products.set(0);
        int wrong = k;
        Finding[] finding = new Finding[1];
        try {
          finding[0] = find(matrix, tampered(products, wrong));
        } catch (InexactBackendException found) {
          continue;
        }
        assertThat(finding[0].outcome()).isEqualTo(Outcome.UNDETERMINED);
      }
    }
  }

  @Test
  void progressIsReportedToItsEnd() {
    Map<String, Double> parts = new ConcurrentHashMap<>();
    try (Matrix matrix = Matrix.of(random(1100, 1100, 4))) {
      new SmallPrimeRank(() -> 1)
          .find(
              matrix,
              algebra,
              (stage, done, all) -> parts.merge(stage, done / all, Math::max),
              Cancellation.NEVER);
    }
    assertThat(parts)
        .containsOnlyKeys("residues", "elimination", "check")
        .allSatisfy((stage, part) -> assertThat(part).as(stage).isEqualTo(1));
  }

  @Test
  void isCancelledBetweenTiles() {
    AtomicInteger asked = new AtomicInteger();
    try (Matrix matrix = Matrix.of(random(600, 600, 4))) {
      assertThatThrownBy(
              () ->
                  new SmallPrimeRank(() -> 1)
                      .find(matrix, algebra, Progress.NONE, () -> asked.incrementAndGet() > 605))
          .isInstanceOf(CertificationCancelledException.class);
    }
  }

  private Finding find(Matrix matrix) {
    return find(matrix, algebra);
  }

  private static Finding find(Matrix matrix, DenseLinearAlgebra algebra) {
    return new SmallPrimeRank(() -> 1).find(matrix, algebra, Progress.NONE, Cancellation.NEVER);
  }

  /** Adds 1 to the first entry of the last row of one product. */
  private DenseLinearAlgebra tampered(AtomicInteger products, int wrong) {
    return new ErringAlgebra(
        new OpenBlas(1),
        product -> {},
        block -> {
          // A product without entries cannot be wrong.
          if (block.rows() * block.columns() > 0 && products.getAndIncrement() == wrong) {
            float[] entry = new float[1];
            block.getRow(block.rows() - 1, 0, entry, 1);
            entry[0]++;
            block.setRow(block.rows() - 1, 0, entry, 1);
          }
        });
  }

  private static double[][] random(int n, int c, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    double[][] rows = new double[n][c];
    for (double[] row : rows) {
      for (int j = 0; j < c; j++) {
        row[j] = (float) random.nextGaussian();
      }
    }
    return rows;
  }
}
