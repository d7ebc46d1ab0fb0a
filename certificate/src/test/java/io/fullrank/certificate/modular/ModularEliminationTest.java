package io.fullrank.certificate.modular;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.OperatingSystemMXBean;
import io.fullrank.certificate.RankModulo;
import io.fullrank.certificate.arithmetic.PrimeField;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.ErringAlgebra;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.InsufficientMemoryException;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModularEliminationTest {

  private static final int P = 4194301;

  private final DenseLinearAlgebra algebra = new OpenBlas(2);

  /** Sizes around the height of a panel: wide, square and tall matrices. */
  @ParameterizedTest
  @CsvSource({
    "1,1",
    "1,300",
    "2,2",
    "127,127",
    "128,128",
    "129,129",
    "128,400",
    "129,385",
    "257,513",
    "300,1000",
    "640,700",
    "200,100",
    "300,3"
  })
  void randomMatricesHaveFullRank(int n, int c) {
    double[][] matrix = entries(n, c, n + c);
    assertThat(assertRank(matrix)).isEqualTo(Math.min(n, c));
  }

  @ParameterizedTest
  @CsvSource({"40,60,1", "130,130,129", "150,700,20", "300,300,128", "300,900,299", "260,800,131"})
  void dependentRowsAreFound(int n, int c, int rank) {
    double[][] matrix = product(entries(n, rank, 1), entries(rank, c, 2));
    assertThat(assertRank(matrix)).isEqualTo(rank);
  }

  /** A few dependent rows anywhere, and a relation of just three of them. */
  @Test
  void theRelationNamesOnlyRowsThatTakePart() {
    double[][] matrix = entries(300, 500, 3);
    for (int j = 0; j < 500; j++) {
      matrix[170][j] = 3 * matrix[20][j] - 5 * matrix[290][j];
    }
    assertThat(run(matrix, P).relation()).containsExactly(20, 170, 290);
    assertThat(assertRank(matrix)).isEqualTo(299);
  }

  @ParameterizedTest
  @CsvSource({"100,400", "300,900", "300,301", "129,2000"})
  void columnsThatComeLateAreUsed(int n, int c) {
    // Only the last columns make the rows independent; the first n have a third of the rank.
    double[][] matrix = new double[n][c];
    double[][] low = product(entries(n, n / 3, 4), entries(n / 3, c, 5));
    SplittableRandom random = new SplittableRandom(6);
    int late = Math.min(c - n, n - n / 3);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < c; j++) {
        matrix[i][j] = j < c - late ? low[i][j] : random.nextInt(-9, 10);
      }
    }
    assertThat(assertRank(matrix)).isEqualTo(Math.min(n, n / 3 + late));
  }

  /** Such columns come from units that never fire, or that are copies of each other. */
  @Test
  void deadAndRepeatedColumnsDoNoHarm() {
    int n = 300;
    for (int dead : new int[] {1, 40, 150, 250}) {
      double[][] matrix = entries(n, n + dead, 7);
      SplittableRandom random = new SplittableRandom(dead);
      int[] columns = IntStream.range(0, n + dead).toArray();
      for (int j = columns.length - 1; j > 0; j--) {
        int k = random.nextInt(j + 1);
        int column = columns[j];
        columns[j] = columns[k];
        columns[k] = column;
      }
      for (int d = 0; d < dead; d++) {
        for (double[] row : matrix) {
          row[columns[d]] = d % 2 == 0 ? 0 : row[columns[columns.length - 1]];
        }
      }
      assertThat(assertRank(matrix)).isEqualTo(n);
      // All of them in front.
      for (double[] row : matrix) {
        Arrays.fill(row, 0, dead, 0);
      }
      assertRank(matrix);
    }
  }

  @Test
  void sparseMatricesAndWildPatternsAreEliminated() {
    int n = 270;
    double[][] reversed = new double[n][n];
    double[][] lower = new double[n][n];
    double[][] blocks = new double[n][n + 30];
    SplittableRandom random = new SplittableRandom(8);
    for (int i = 0; i < n; i++) {
      reversed[i][n - 1 - i] = i + 1;
      for (int j = 0; j < n; j++) {
        lower[i][j] = i + j >= n - 1 ? random.nextInt(1, 9) : 0;
        blocks[i][j + 30] = (i < n / 2) == (j < n / 2) ? 0 : random.nextInt(-5, 6);
      }
    }
    assertThat(assertRank(reversed)).isEqualTo(n);
    assertThat(assertRank(lower)).isEqualTo(n);
    assertThat(assertRank(blocks)).isEqualTo(n);
    reversed[17] = new double[n];
    reversed[18] = reversed[200].clone();
    assertThat(assertRank(reversed)).isEqualTo(n - 2);
    for (int density = 1; density < 6; density++) {
      double[][] sparse = new double[n][n + 20];
      for (double[] row : sparse) {
        for (int k = 0; k < density; k++) {
          row[random.nextInt(row.length)] = random.nextInt(1, 4);
        }
      }
      assertRank(sparse);
    }
  }

  @Test
  void thousandsOfSmallMatricesAgreeWithTheOracle() {
    SplittableRandom random = new SplittableRandom(9);
    for (int k = 0; k < 3000; k++) {
      int n = random.nextInt(1, 12);
      int c = random.nextInt(1, 16);
      int inner = random.nextInt(1, 12);
      double[][] matrix = product(entries(n, inner, k), entries(inner, c, -k));
      if (random.nextBoolean()) {
        for (double[] row : matrix) {
          Arrays.fill(row, 0, random.nextInt(c), 0);
        }
      }
      for (double[] row : matrix) {
        int exponent = random.nextInt(-1074, 1000);
        for (int j = 0; j < c; j++) {
          row[j] = Math.scalb(row[j], exponent);
        }
      }
      assertRank(matrix);
    }
  }

  /** Sums of more than 2047 products are reduced before they become inexact. */
  @Test
  void longSumsOfTheLargestResiduesStayExact() {
    int n = 2300;
    double half = (P - 1) / 2;
    double[][] matrix = new double[n][n];
    for (int i = 0; i < n; i++) {
      Arrays.fill(matrix[i], i % 2 == 0 ? half : -half);
      // Rank one plus a diagonal: with D the diagonal, det = det(D)·(1 + Σ u_i v_i / d_i).
      matrix[i][i] += i % 3 == 0 ? half - 1 : 1 - half;
    }
    assertThat(run(matrix, P).rank()).isEqualTo(n);
    matrix[n - 1] = matrix[0].clone();
    matrix[n - 1][5] = matrix[0][5];
    assertThat(run(matrix, P).relation()).containsExactly(0, n - 1);
  }

  /** If any product is wrong, even slightly, there is no result. */
  @ParameterizedTest
  @CsvSource({"300,300,300", "300,700,300", "300,700,299", "300,700,100"})
  void aBackendThatErrsOnceIsFoundOut(int n, int c, int rank) {
    double[][] matrix = product(entries(n, rank, 10), entries(rank, c, 11));
    AtomicInteger calls = new AtomicInteger();
    assertThat(run(matrix, P, counting(calls)).rank()).isEqualTo(rank);
    assertThat(calls.get()).isGreaterThanOrEqualTo(2);
    SplittableRandom random = new SplittableRandom(12);
    int found = 0;
    int trials = 0;
    for (int call = 0; call < calls.get(); call++) {
      for (int k = 0; k < 4; k++) {
        DenseLinearAlgebra broken = erringOnce(call, random.nextInt(), random.nextInt());
        trials++;
        try {
          ModularElimination.Result finding = run(matrix, P, broken);
          assertThat(finding.rank()).isEqualTo(rank);
        } catch (InexactBackendException e) {
          assertThat(e).hasMessageContaining("exact arithmetic").hasMessageContaining("erring");
          found++;
        }
      }
    }
    assertThat(found).isGreaterThan(rank == n && n == c ? trials - 1 : trials / 2);
  }

  @Test
  void aBackendOfLowerPrecisionIsFoundOut() {
    double[][] matrix = entries(300, 300, 13);
    assertThatThrownBy(() -> run(matrix, P, rounding(x -> (double) (float) x.doubleValue())))
        .isInstanceOf(InexactBackendException.class);
    assertThatThrownBy(() -> run(matrix, P, rounding(x -> 0.0)))
        .isInstanceOf(InexactBackendException.class);
    double[][] singular = product(entries(300, 299, 14), entries(299, 300, 15));
    assertThatThrownBy(() -> run(singular, P, rounding(x -> (double) (float) x.doubleValue())))
        .isInstanceOf(InexactBackendException.class);
  }

  @Test
  void stopsWhenCancelled() {
    double[][] matrix = product(entries(300, 100, 16), entries(100, 700, 17));
    AtomicInteger looks = new AtomicInteger();
    try (Matrix phi = Matrix.of(matrix)) {
      ModularElimination.Result finding =
          ModularElimination.run(
              phi,
              allRows(300),
              new PrimeField(P),
              algebra,
              new SplittableRandom(1),
              () -> looks.incrementAndGet() < 0);
      assertThat(finding.rank()).isEqualTo(100);
      int all = looks.get();
      assertThat(all).isGreaterThan(600);
      for (int stopAt = 1; stopAt <= all; stopAt += all / 17) {
        int limit = stopAt;
        looks.set(0);
        assertThatThrownBy(
                () ->
                    ModularElimination.run(
                        phi,
                        allRows(300),
                        new PrimeField(P),
                        algebra,
                        new SplittableRandom(1),
                        () -> looks.incrementAndGet() >= limit))
            .isInstanceOf(CertificationCancelledException.class);
      }
    }
  }

  /** The matrix itself fits, and costs nothing as long as nobody writes to it. */
  @Test
  void saysHowMuchMemoryItNeedsBeforeItBegins() {
    long memory =
        ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getTotalMemorySize();
    int n = (int) Math.sqrt(0.6 * memory / Double.BYTES);
    try (Matrix matrix = Matrix.allocate(n, n)) {
      assertThatThrownBy(
              () ->
                  ModularElimination.run(
                      matrix,
                      allRows(n),
                      new PrimeField(P),
                      algebra,
                      new SplittableRandom(1),
                      Cancellation.NEVER))
          .isInstanceOf(InsufficientMemoryException.class)
          .hasMessageStartingWith("eliminating " + n + " rows of a matrix of " + n + " x " + n)
          .hasMessageContaining(" GiB in all; this machine has ");
    }
  }

  /** Returns the rank, after comparing it and the relation with the oracle. */
  private int assertRank(double[][] matrix) {
    int expected = RankModulo.of(matrix, P);
    ModularElimination.Result finding = run(matrix, P);
    assertThat(finding.rank()).isEqualTo(expected);
    if (expected == matrix.length) {
      assertThat(finding.relation()).isEmpty();
    } else {
      List<Integer> rows = finding.relation();
      assertThat(rows).isNotEmpty().isSorted().doesNotHaveDuplicates();
      assertThat(RankModulo.of(matrix, rows, P)).isEqualTo(rows.size() - 1);
    }
    return expected;
  }

  private ModularElimination.Result run(double[][] matrix, int p) {
    return run(matrix, p, algebra);
  }

  private static ModularElimination.Result run(
      double[][] matrix, int p, DenseLinearAlgebra algebra) {
    try (Matrix phi = Matrix.of(matrix)) {
      return ModularElimination.run(
          phi,
          allRows(matrix.length),
          new PrimeField(p),
          algebra,
          new SplittableRandom(1),
          Cancellation.NEVER);
    }
  }

  private static List<Integer> allRows(int n) {
    return IntStream.range(0, n).boxed().toList();
  }

  private DenseLinearAlgebra counting(AtomicInteger calls) {
    return new ErringAlgebra(
        algebra,
        block -> {
          if (block.rows() > 0 && block.columns() > 0) {
            calls.incrementAndGet();
          }
        });
  }

  /** Adds 1 to one entry of one product. */
  private DenseLinearAlgebra erringOnce(int call, int row, int column) {
    AtomicInteger calls = new AtomicInteger();
    return new ErringAlgebra(
        algebra,
        block -> {
          if (block.rows() > 0 && block.columns() > 0 && calls.getAndIncrement() == call) {
            long at =
                Math.floorMod(row, block.rows()) * block.stride()
                    + Math.floorMod(column, block.columns());
            block.data().put(at, block.data().get(at) + 1);
          }
        });
  }

  /** Rounds every entry of every product in some way. */
  private DenseLinearAlgebra rounding(UnaryOperator<Double> rounding) {
    return new ErringAlgebra(
        algebra,
        block -> {
          for (int i = 0; i < block.rows(); i++) {
            for (int j = 0; j < block.columns(); j++) {
              long at = i * block.stride() + j;
              block.data().put(at, rounding.apply(block.data().get(at)));
            }
          }
        });
  }

  private static double[][] entries(int rows, int columns, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    double[][] matrix = new double[rows][columns];
    for (double[] row : matrix) {
      for (int j = 0; j < columns; j++) {
        row[j] = random.nextInt(-99, 100);
      }
    }
    return matrix;
  }

  private static double[][] product(double[][] a, double[][] b) {
    double[][] product = new double[a.length][b[0].length];
    for (int i = 0; i < a.length; i++) {
      for (int k = 0; k < b.length; k++) {
        for (int j = 0; j < b[0].length; j++) {
          product[i][j] += a[i][k] * b[k][j];
        }
      }
    }
    return product;
  }
}
