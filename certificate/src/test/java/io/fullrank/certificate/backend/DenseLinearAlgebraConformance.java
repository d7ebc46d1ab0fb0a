package io.fullrank.certificate.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.fullrank.certificate.RankModulo;
import io.fullrank.certificate.arithmetic.PrimeField;
import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.cholesky.GramCholesky;
import io.fullrank.certificate.matrix.FloatBlock;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.MatrixBlock;
import io.fullrank.certificate.matrix.NativeBytes;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.modular.ModularElimination;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificationCancelledException;
import java.util.Arrays;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What every backend must do. Products of small integers are exact in f64 in any order of
 * summation, so they are compared exactly.
 */
public abstract class DenseLinearAlgebraConformance {

  /** Returns the backend under test. */
  public abstract DenseLinearAlgebra algebra();

  @ParameterizedTest
  @CsvSource({"1,1", "1,9", "2,1", "3,5", "63,64", "64,64", "65,300", "130,40", "257,1031"})
  void gramMatrixOfIntegersIsExact(int n, int c) {
    double[][] rows = integers(n, c, 7);
    try (Matrix matrix = Matrix.of(rows);
        GramMatrix gram = algebra().gram(matrix, new int[n], Cancellation.NEVER)) {
      assertThat(gram.order()).isEqualTo(n);
      double[] diagonal = gram.diagonal();
      for (int i = 0; i < n; i++) {
        assertThat(diagonal[i]).isEqualTo(dot(rows[i], rows[i]));
      }
      double[] x = new double[n];
      for (int i = 0; i < n; i++) {
        x[i] = i % 5;
      }
      double[] product = gram.multiplyAbsolute(x);
      for (int i = 0; i < n; i++) {
        double expected = 0;
        for (int j = 0; j < n; j++) {
          expected += Math.abs(dot(rows[i], rows[j])) * x[j];
        }
        assertThat(product[i]).isEqualTo(expected);
      }
    }
  }

  @Test
  void gramMatrixScalesRowsByPowersOfTwoOverTheWholeRange() {
    double[][] rows = {
      {3 * Double.MIN_VALUE, 4 * Double.MIN_VALUE}, {Math.scalb(-4.0, 1000), Math.scalb(3.0, 1000)}
    };
    try (Matrix matrix = Matrix.of(rows);
        GramMatrix gram = algebra().gram(matrix, new int[] {-1074, 1000}, Cancellation.NEVER)) {
      assertThat(gram.diagonal()).containsExactly(25, 25);
      assertThat(gram.multiplyAbsolute(new double[] {1, 0})).containsExactly(25, 0);
    }
  }

  @ParameterizedTest
  @CsvSource({"1", "2", "31", "200"})
  void eigenvaluesAreThoseOfTheGramMatrix(int n) {
    // Φ = (I − 2vvᵀ)·diag(n, …, 1) with v = 1/√n, an orthogonal matrix, so ΦΦᵀ has eigenvalues i².
    double[][] rows = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        rows[j][i] = (n - i) * ((i == j ? 1 : 0) - 2.0 / n);
      }
    }
    try (Matrix matrix = Matrix.of(rows);
        GramMatrix gram = algebra().gram(matrix, new int[n], Cancellation.NEVER)) {
      gram.factorise(new int[n], 0, Cancellation.NEVER);
      double[] eigenvalues = gram.eigenvalues();
      assertThat(eigenvalues).hasSize(n);
      for (int i = 0; i < n; i++) {
        assertThat(eigenvalues[i]).isCloseTo((i + 1.0) * (i + 1.0), within(1e-9 * n * n));
      }
    }
  }

  @Test
  void cancelledComputationsEnd() {
    try (Matrix matrix = Matrix.of(integers(300, 400, 7))) {
      assertThatThrownBy(() -> algebra().gram(matrix, new int[300], () -> true))
          .isInstanceOf(CertificationCancelledException.class);
      try (GramMatrix gram = algebra().gram(matrix, new int[300], Cancellation.NEVER)) {
        assertThatThrownBy(() -> gram.factorise(new int[300], 0, () -> true))
            .isInstanceOf(CertificationCancelledException.class);
        assertThat(gram.factorise(new int[300], 0, Cancellation.NEVER)).isZero();
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1", "2", "40", "65", "129", "300"})
  void factorisesSolvesAndFactorisesAgain(int n) {
    int c = 2 * n + 3;
    double[][] rows = integers(n, c, 9);
    int[] scale = new int[n];
    for (int i = 0; i < n; i++) {
      scale[i] = -(i % 3);
    }
    try (Matrix matrix = Matrix.of(rows);
        GramMatrix gram = algebra().gram(matrix, new int[n], Cancellation.NEVER)) {
      for (double shift : new double[] {0, 0.25}) {
        assertThat(gram.factorise(scale, shift, Cancellation.NEVER)).isZero();
        double[][] expected = integers(n, 2, 3);
        double[][] right = new double[n][2];
        for (int i = 0; i < n; i++) {
          for (int j = 0; j < n; j++) {
            double a =
                Math.scalb(dot(rows[i], rows[j]), scale[i] + scale[j]) - (i == j ? shift : 0);
            right[i][0] += a * expected[j][0];
            right[i][1] += a * expected[j][1];
          }
        }
        try (Matrix x = Matrix.of(right)) {
          gram.solve(x);
          for (int i = 0; i < n; i++) {
            assertThat(x.get(i, 0)).isCloseTo(expected[i][0], within(1e-6));
            assertThat(x.get(i, 1)).isCloseTo(expected[i][1], within(1e-6));
          }
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1", "2", "40", "65", "129", "300"})
  void preconditionsWithTheInverseOfTheFactor(int n) {
    try (Matrix matrix = Matrix.of(integers(n, 2 * n + 3, 9));
        GramMatrix gram = algebra().gram(matrix, new int[n], Cancellation.NEVER)) {
      assertThat(gram.factorise(new int[n], 0, Cancellation.NEVER)).isZero();
      double s = 0.75;
      Optional<GramMatrix.Preconditioned> found =
          gram.precondition(matrix, new int[n], s, Cancellation.NEVER);
      assumeThat(found).isPresent();
      double[] lambda = gram.eigenvalues();
      // With X = L^{-1}, BBᵀ = I, and XXᵀ has the eigenvalues of the inverse of ΦΦᵀ = LLᵀ.
      double traceOfInverse = 0;
      try (GramMatrix difference = found.get().difference()) {
        double[] eigenvalues = difference.eigenvalues();
        for (int i = 0; i < n; i++) {
          assertThat(eigenvalues[i]).isCloseTo(1 - s / lambda[i], within(1e-6));
          traceOfInverse += 1 / lambda[i];
        }
      }
      assertThat(found.get().inverseNorm())
          .isCloseTo(Math.sqrt(traceOfInverse), withinPercentage(1e-4));
    }
  }

  @ParameterizedTest
  @CsvSource({"2,1", "64,63", "65,17", "200,150"})
  void breaksDownOnAMatrixThatIsNotPositiveDefinite(int n, int firstBadMinor) {
    // The identity, except for one row that is the sum of two others, minus a shift of 2^-20.
    double[][] rows = new double[n][n + 1];
    for (int i = 0; i < n; i++) {
      rows[i][i] = 1;
    }
    int bad = firstBadMinor - 1;
    rows[bad] = new double[n + 1];
    if (bad > 1) {
      rows[bad][0] = 1;
      rows[bad][1] = 1;
    }
    try (Matrix matrix = Matrix.of(rows);
        GramMatrix gram = algebra().gram(matrix, new int[n], Cancellation.NEVER)) {
      assertThat(gram.factorise(new int[n], 0x1p-20, Cancellation.NEVER)).isEqualTo(firstBadMinor);
      try (Matrix right = Matrix.allocate(n, 1)) {
        assertThatThrownBy(() -> gram.solve(right)).isInstanceOf(IllegalStateException.class);
      }
    }
  }

  @Test
  void overflowInTheGramMatrixIsABreakdownNotAFactor() {
    double huge = Math.scalb(1.0, 900);
    int n = 70;
    for (int bad : new int[] {0, 40, n - 1}) {
      try (Matrix matrix = Matrix.allocate(n, 2 * n)) {
        for (int i = 0; i < n; i++) {
          matrix.set(i, i, i == bad ? huge : 1);
          matrix.set(i, n + i, i == bad ? -huge : 1);
          matrix.set(i, 0, i == bad ? huge : 1);
        }
        try (GramMatrix gram = algebra().gram(matrix, new int[n], Cancellation.NEVER)) {
          assertThat(gram.factorise(new int[n], 0, Cancellation.NEVER)).isBetween(1, n);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "3,4,5", "65,2,70", "1,100,1", "120,33,7"})
  void productsOfIntegersAreExact(int p, int q, int r) {
    double[][] a = integers(p, q, 11);
    double[][] at = integers(q, p, 11);
    double[][] b = integers(q, r, 12);
    try (Matrix left = Matrix.of(a);
        Matrix leftTransposed = Matrix.of(at);
        Matrix right = Matrix.of(b);
        Matrix product = algebra().multiply(left, right);
        Matrix productTransposed = algebra().multiplyTransposed(leftTransposed, right)) {
      assertThat(product.rows()).isEqualTo(p);
      assertThat(product.columns()).isEqualTo(r);
      for (int i = 0; i < p; i++) {
        for (int j = 0; j < r; j++) {
          double expected = 0;
          double expectedTransposed = 0;
          for (int k = 0; k < q; k++) {
            expected += a[i][k] * b[k][j];
            expectedTransposed += at[k][i] * b[k][j];
          }
          assertThat(product.get(i, j)).isEqualTo(expected);
          assertThat(productTransposed.get(i, j)).isEqualTo(expectedTransposed);
        }
      }
    }
  }

  /** Sums of 2047 products of numbers below 2^21 come up to 2^53, and none may be rounded. */
  @ParameterizedTest
  @CsvSource({
    "1,1,1",
    "3,7,5",
    "1,2047,1",
    "40,2047,33",
    "128,128,700",
    "300,128,300",
    "513,256,129"
  })
  void productsOfLargeIntegersAreSubtractedExactly(int p, int q, int r) {
    SplittableRandom random = new SplittableRandom(p + q + r);
    int largest = (1 << 21) - 1;
    // Blocks of larger matrices, whose other entries must stay as they are.
    try (Matrix c = Matrix.allocate(p + 2, r + 3);
        Matrix a = Matrix.allocate(p + 1, q + 5);
        Matrix b = Matrix.allocate(q + 4, r + 1)) {
      long[][] left = new long[p][q];
      long[][] right = new long[q][r];
      for (int i = 0; i < p; i++) {
        for (int k = 0; k < q; k++) {
          // Equal signs in some rows, so that sums grow to the very end.
          left[i][k] = i % 2 == 0 ? largest : random.nextInt(-largest, largest + 1);
          a.set(i + 1, k + 2, left[i][k]);
        }
      }
      for (int k = 0; k < q; k++) {
        for (int j = 0; j < r; j++) {
          right[k][j] = j % 2 == 0 ? largest - (k % 7) : random.nextInt(-largest, largest + 1);
          b.set(k + 3, j, right[k][j]);
        }
      }
      for (int i = 0; i < p + 2; i++) {
        for (int j = 0; j < r + 3; j++) {
          c.set(i, j, i - 3.0 * j);
        }
      }

      algebra()
          .subtractProduct(
              MatrixBlock.of(c, 1, 2, p, r),
              MatrixBlock.of(a, 1, 2, p, q),
              MatrixBlock.of(b, 3, 0, q, r));

      for (int i = 0; i < p + 2; i++) {
        for (int j = 0; j < r + 3; j++) {
          long expected = i - 3L * j;
          if (i >= 1 && i <= p && j >= 2 && j < r + 2) {
            for (int k = 0; k < q; k++) {
              expected -= left[i - 1][k] * right[k][j - 2];
            }
          }
          assertThat(c.get(i, j)).isEqualTo((double) expected);
        }
      }
    }
  }

  @Test
  void nothingIsSubtractedWhereThereIsNothing() {
    try (Matrix matrix = Matrix.of(new double[][] {{1, 2}, {3, 4}})) {
      for (int[] shape : new int[][] {{0, 1, 1}, {1, 0, 1}, {1, 1, 0}}) {
        algebra()
            .subtractProduct(
                MatrixBlock.of(matrix, 1, 1, shape[0], shape[2]),
                MatrixBlock.of(matrix, 0, 0, shape[0], shape[1]),
                MatrixBlock.of(matrix, 0, 0, shape[1], shape[2]));
        assertThat(matrix.get(1, 1)).isEqualTo(4);
      }
    }
  }

  @Test
  void shapesThatDoNotFitAreNamed() {
    try (Matrix a = Matrix.allocate(2, 3);
        Matrix b = Matrix.allocate(4, 5);
        GramMatrix gram = algebra().gram(a, new int[2], Cancellation.NEVER)) {
      assertThatThrownBy(() -> algebra().multiply(a, b))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("2 x 3")
          .hasMessageContaining("4 x 5");
      assertThatThrownBy(() -> algebra().multiplyTransposed(a, b))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("2 x 3")
          .hasMessageContaining("4 x 5");
      assertThatThrownBy(() -> algebra().gram(a, new int[3], Cancellation.NEVER))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("3 row exponents");
      assertThatThrownBy(
              () ->
                  algebra()
                      .subtractProduct(
                          MatrixBlock.of(b, 0, 0, 2, 2),
                          MatrixBlock.of(a, 0, 0, 2, 3),
                          MatrixBlock.of(b, 0, 3, 4, 2)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("2 x 3")
          .hasMessageContaining("4 x 2");
      assertThatThrownBy(() -> MatrixBlock.of(a, 1, 0, 2, 1))
          .isInstanceOf(IndexOutOfBoundsException.class);
      a.set(0, 0, 1);
      a.set(1, 1, 1);
      try (GramMatrix identity = algebra().gram(a, new int[2], Cancellation.NEVER)) {
        assertThat(identity.factorise(new int[2], 0, Cancellation.NEVER)).isZero();
        assertThatThrownBy(() -> identity.solve(b))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("order 2")
            .hasMessageContaining("4 x 5");
      }
      assertThat(gram.order()).isEqualTo(2);
    }
  }

  @Test
  void choleskyOfTheGramMatrixSolvesForSeveralColumns() {
    double[][] rows = integers(90, 200, 21);
    double[][] solution = integers(90, 10, 22);
    try (Matrix phi = Matrix.of(rows);
        Matrix x = Matrix.of(solution);
        Matrix d = algebra().multiplyTransposed(phi, x);
        Matrix y = algebra().multiply(phi, d);
        GramCholesky cholesky = GramCholesky.factorise(phi, algebra()).orElseThrow();
        Matrix approximation = cholesky.solve(y)) {
      for (int i = 0; i < 90; i++) {
        for (int j = 0; j < 10; j++) {
          assertThat(approximation.get(i, j)).isCloseTo(solution[i][j], within(1e-9));
        }
      }
    }
  }

  @Test
  void choleskyNamesBothShapesWhereTheyDisagree() {
    try (Matrix phi = Matrix.of(new double[][] {{1, 2}, {2, 3}});
        Matrix y = Matrix.allocate(3, 1);
        GramCholesky cholesky = GramCholesky.factorise(phi, algebra()).orElseThrow()) {
      assertThatThrownBy(() -> cholesky.solve(y))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("order 2")
          .hasMessageContaining("3 x 1");
    }
  }

  @Test
  void choleskyOfASingularGramMatrixIsEmpty() {
    try (Matrix phi = Matrix.of(new double[][] {{1, 2, 2}, {2, 4, 4}})) {
      assertThat(GramCholesky.factorise(phi, algebra())).isEmpty();
    }
  }

  /** The bound has to be true, and small enough to be useful: it decides which shift suffices. */
  @ParameterizedTest
  @CsvSource({"1", "2", "40", "75", "129"})
  void theErrorOfAFactorIsBounded(int n) {
    try (Matrix matrix = Matrix.of(integers(n, 2 * n + 3, 9));
        GramMatrix gram = algebra().gram(matrix, new int[n], Cancellation.NEVER)) {
      assertThatThrownBy(() -> gram.factorError(1, Cancellation.NEVER))
          .isInstanceOf(IllegalStateException.class);
      assertThat(gram.factorise(new int[n], 0.5, Cancellation.NEVER)).isZero();
      double trace = Upward.sum(gram.diagonal());
      double conventional = Upward.gamma(n + 4) * trace;
      double error = gram.factorError(conventional, Cancellation.NEVER);
      assertThat(error).isBetween(Double.MIN_VALUE, 100 * Upward.gamma(n + 4) * trace);
    }
  }

  /** Without and with negative entries. */
  @ParameterizedTest
  @CsvSource({"1,0", "50,0", "50,-3", "120,0"})
  void absoluteProductsDoNotDependOnAFactorBeingThere(int n, int least) {
    SplittableRandom random = new SplittableRandom(n);
    double[][] rows = new double[n][n + 9];
    double[] x = new double[n];
    for (int i = 0; i < n; i++) {
      x[i] = random.nextInt(0, 5);
      for (int j = 0; j < rows[i].length; j++) {
        rows[i][j] = random.nextInt(least, 4);
      }
    }
    try (Matrix matrix = Matrix.of(rows);
        GramMatrix gram = algebra().gram(matrix, new int[n], Cancellation.NEVER)) {
      double[] expected = new double[n];
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
          expected[i] += Math.abs(dot(rows[i], rows[j])) * x[j];
        }
      }
      assertThat(gram.multiplyAbsolute(x)).containsExactly(expected);
      gram.factorise(new int[n], 0, Cancellation.NEVER);
      assertThat(gram.multiplyAbsolute(x)).containsExactly(expected);
      double[][] identity = new double[n][1];
      identity[0][0] = 1;
      try (Matrix one = Matrix.of(identity)) {
        gram.solve(one);
        double sum = 0;
        for (int j = 0; j < n; j++) {
          sum += dot(rows[0], rows[j]) * one.get(j, 0);
        }
        assertThat(sum).isCloseTo(1, within(1e-8));
      }
    }
  }

  @Test
  void residuesAreWrittenReadSwappedAndReducedExactly() {
    int p = 4194301;
    PrimeField field = new PrimeField(p);
    SplittableRandom random = new SplittableRandom(5);
    int n = 23;
    int c = 57;
    double[][] expected = new double[n][c];
    for (double[] row : expected) {
      for (int j = 0; j < c; j++) {
        row[j] = Math.rint((random.nextDouble() - 0.5) * 2 * PrimeField.MAX_SUM);
      }
    }
    expected[3][20] = PrimeField.MAX_SUM;
    expected[4][20] = -PrimeField.MAX_SUM;
    expected[5][20] = p / 2;
    expected[5][21] = -(p / 2) - 1;
    try (Matrix matrix = Matrix.allocate(1, 1);
        ResidueMatrix residues = algebra().residues(matrix, n, c, 8, p)) {
      residues.write(0, n, 0, c, (i, row) -> System.arraycopy(expected[i], 0, row, 0, c));
      assertThat(read(residues, n, c)).isDeepEqualTo(expected);

      residues.swapRows(2, 19);
      double[] second = expected[2];
      expected[2] = expected[19];
      expected[19] = second;
      residues.swapColumns(0, 56);
      for (double[] row : expected) {
        double first = row[0];
        row[0] = row[56];
        row[56] = first;
      }
      assertThat(read(residues, n, c)).isDeepEqualTo(expected);

      residues.reduce(1, 20, 5, 50);
      for (int i = 1; i < 20; i++) {
        for (int j = 5; j < 50; j++) {
          expected[i][j] = field.reduce(expected[i][j]);
        }
      }
      assertThat(read(residues, n, c)).isDeepEqualTo(expected);

      residues.write(7, 9, 11, 2, (i, row) -> Arrays.fill(row, i));
      expected[7][11] = 7;
      expected[7][12] = 7;
      expected[8][11] = 8;
      expected[8][12] = 8;
      assertThat(read(residues, n, c)).isDeepEqualTo(expected);
    }
  }

  @Test
  void productsOfResiduesAreExact() {
    int p = 2097169;
    SplittableRandom random = new SplittableRandom(6);
    int n = 40;
    int c = 66;
    double[][] before = new double[n][c];
    for (double[] row : before) {
      for (int j = 0; j < c; j++) {
        row[j] = random.nextInt(-p / 2, p / 2);
      }
    }
    try (Matrix matrix = Matrix.allocate(1, 1);
        ResidueMatrix residues = algebra().residues(matrix, n, c, 9, p)) {
      residues.write(0, n, 0, c, (i, row) -> System.arraycopy(before[i], 0, row, 0, c));

      residues.multiplyPanel(10, 7, 17, c);
      double[][] after = read(residues, n, c);
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < c; j++) {
          if (i >= 10 && i < 17 && j >= 17) {
            long sum = 0;
            for (int k = 10; k < 17; k++) {
              sum += (long) before[i][k] * (long) before[k][j];
            }
            assertThat(Math.floorMod((long) after[i][j], p)).isEqualTo((int) Math.floorMod(sum, p));
            assertThat(after[i][j]).isBetween(-0x1p21 - 4, 0x1p21 + 4);
          } else {
            assertThat(after[i][j]).isEqualTo(before[i][j]);
          }
        }
      }

      residues.subtractProduct(17, n, 17, c, 10, 7);
      double[][] last = read(residues, n, c);
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < c; j++) {
          double expected = after[i][j];
          for (int k = 10; k < 17 && i >= 17 && j >= 17; k++) {
            expected -= after[i][k] * after[k][j];
          }
          assertThat(last[i][j]).isEqualTo(expected);
        }
      }
    }
  }

  /** Residues of the largest absolute value in some rows, and so sums of 40 products near 2^44. */
  @ParameterizedTest
  @ValueSource(ints = {33554467, 67108859})
  void productsModuloWidePrimesAreExact(int p) {
    SplittableRandom random = new SplittableRandom(p);
    int n = 120;
    int c = 150;
    int size = 40;
    double[][] before = new double[n][c];
    for (double[] row : before) {
      for (int j = 0; j < c; j++) {
        row[j] = random.nextInt(3) > 0 ? p / 2 + 4 : random.nextInt(-p / 2, p / 2);
      }
    }
    try (Matrix matrix = Matrix.allocate(1, 1);
        ResidueMatrix residues = algebra().residues(matrix, n, c, size, p)) {
      residues.write(0, n, 0, c, (i, row) -> System.arraycopy(before[i], 0, row, 0, c));

      residues.multiplyPanel(10, size, 10 + size, c);
      double[][] after = read(residues, n, c);
      for (int i = 10; i < 10 + size; i++) {
        for (int j = 10 + size; j < c; j++) {
          assertThat(Math.floorMod((long) after[i][j], p))
              .isEqualTo(product(before, before, i, j, 10, size, p));
          assertThat(Math.abs(after[i][j])).isLessThan(0x1p25 + 4);
        }
      }

      residues.subtractProduct(10 + size, n, 10 + size, c, 10, size);
      double[][] last = read(residues, n, c);
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < c; j++) {
          if (i < 10 + size || j < 10 + size) {
            assertThat(last[i][j]).isEqualTo(after[i][j]);
          } else {
            long expected = (long) after[i][j] - product(after, after, i, j, 10, size, p);
            assertThat(Math.floorMod((long) last[i][j], p))
                .isEqualTo((int) Math.floorMod(expected, (long) p));
            assertThat(Math.abs(last[i][j])).isLessThan(size * 0x1p39);
          }
        }
      }
    }
  }

  private static int product(double[][] a, double[][] b, int i, int j, int start, int size, int p) {
    long sum = 0;
    for (int k = start; k < start + size; k++) {
      sum = (sum + (long) a[i][k] * (long) b[k][j]) % p;
    }
    return (int) Math.floorMod(sum, (long) p);
  }

  @ParameterizedTest
  @CsvSource({
    "1,3,1,4194301",
    "130,131,130,4194301",
    "150,400,20,4194301",
    "140,600,140,4194301",
    "20,7,7,4194301",
    "140,600,140,67108859",
    "300,310,270,67108859",
    "150,400,20,33554467"
  })
  void ranksModuloPrimesAreFound(int n, int c, int rank, int p) {
    double[][] left = integers(n, rank, 1);
    double[][] right = integers(rank, c, 2);
    double[][] product = new double[n][c];
    for (int i = 0; i < n; i++) {
      for (int k = 0; k < rank; k++) {
        for (int j = 0; j < c; j++) {
          product[i][j] += left[i][k] * right[k][j];
        }
      }
    }
    try (Matrix matrix = Matrix.of(product)) {
      ModularElimination.Result finding =
          ModularElimination.run(
              matrix,
              IntStream.range(0, n).boxed().toList(),
              new PrimeField(p),
              algebra(),
              new SplittableRandom(1),
              Cancellation.NEVER);
      assertThat(finding.rank()).isEqualTo(RankModulo.of(product, p));
      assertThat(finding.relation().isEmpty()).isEqualTo(finding.rank() == n);
    }
  }

  private static double[][] read(ResidueMatrix residues, int n, int c) {
    double[][] entries = new double[n][];
    residues.read(0, n, 0, c, (i, row) -> entries[i] = row.clone());
    return entries;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int k = 0; k < a.length; k++) {
      sum += a[k] * b[k];
    }
    return sum;
  }

  /** Integers from −4 to 4. */
  private static double[][] integers(int rows, int columns, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    double[][] matrix = new double[rows][columns];
    for (double[] row : matrix) {
      for (int j = 0; j < columns; j++) {
        row[j] = random.nextInt(-4, 5);
      }
    }
    return matrix;
  }

  /** Sums of either sign up to the largest that f32 shows, from several threads at a time. */
  @ParameterizedTest
  @CsvSource({"1,1,1", "3,1040,5", "512,1024,700", "130,1040,1025"})
  void productsOfSmallIntegersAreExact(int p, int q, int r) {
    SplittableRandom random = new SplittableRandom(p + q + r);
    float[][] a = smallIntegers(random, p, q);
    float[][] b = smallIntegers(random, q, r);
    float[][] c = smallIntegers(random, p, r);
    int copies = algebra().threads();
    long each = (long) p * q + (long) q * r + (long) p * r;
    try (NativeBytes memory =
        NativeBytes.allocate(copies * each * Float.BYTES, "blocks of a test")) {
      algebra()
          .withSmallProducts(
              products ->
                  RowTiles.forEach(
                      copies,
                      copies,
                      1,
                      (part, copy, end) -> {
                        FloatBlock left = block(memory, copy * each, a);
                        FloatBlock right = block(memory, copy * each + (long) p * q, b);
                        FloatBlock into = block(memory, (copy + 1) * each - (long) p * r, c);
                        products.subtract(into, left, right);
                        assertProduct(into, a, b, c, -1);
                        products.multiply(into, left, right);
                        assertProduct(into, a, b, new float[p][r], 1);
                      }));
    }
  }

  private static void assertProduct(
      FloatBlock actual, float[][] a, float[][] b, float[][] c, int sign) {
    float[] row = new float[actual.columns()];
    for (int i = 0; i < a.length; i++) {
      actual.getRow(i, 0, row, row.length);
      int[] expected = new int[row.length];
      for (int k = 0; k < b.length; k++) {
        int factor = (int) (sign * a[i][k]);
        for (int j = 0; j < row.length; j++) {
          expected[j] += factor * (int) b[k][j];
        }
      }
      for (int j = 0; j < row.length; j++) {
        assertThat((double) row[j]).isEqualTo(expected[j] + (double) c[i][j]);
      }
    }
  }

  /** All of the largest absolute value in some rows, so that sums come close to 2^24. */
  private static float[][] smallIntegers(SplittableRandom random, int rows, int columns) {
    float[][] block = new float[rows][columns];
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns; j++) {
        block[i][j] = random.nextInt(4) > 0 ? 127 : random.nextInt(-127, 128);
      }
    }
    return block;
  }

  private static FloatBlock block(NativeBytes memory, long start, float[][] rows) {
    FloatBlock block =
        new FloatBlock(memory.floats(start), rows.length, rows[0].length, rows[0].length);
    for (int i = 0; i < rows.length; i++) {
      block.setRow(i, 0, rows[i], rows[i].length);
    }
    return block;
  }
}
