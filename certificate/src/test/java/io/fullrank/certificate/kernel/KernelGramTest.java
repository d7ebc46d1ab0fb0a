package io.fullrank.certificate.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.GramSource;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.MatrixBlock;
import io.fullrank.certificate.result.Cancellation;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class KernelGramTest {

  private static final int JACOBIANS_PER_FAMILY = 40;

  private final DenseLinearAlgebra algebra = new OpenBlas(2);

  /** Two examples, one output, inputs (1, 2) and (3, 4) with a bias, gradients 2 and 3. */
  @Test
  void isTheProductOfTheKernelsOfInputsAndGradients() {
    try (JacobianFamily.Drawn drawn =
        JacobianFamily.of(
            List.of(
                new JacobianFamily.Layer(
                    new double[][] {{1, 2}, {3, 4}}, true, new double[][] {{2}, {3}}, false)),
            2,
            1)) {
      double[][] gram = unscaled(drawn.jacobian());
      assertThat(gram[0][0]).isEqualTo(4.0 * (1 + 4 + 1));
      assertThat(gram[0][1]).isEqualTo(6.0 * (3 + 8 + 1));
      assertThat(gram[1][1]).isEqualTo(9.0 * (9 + 16 + 1));
    }
  }

  /** The output layer alone has the identity as each example's gradients: J is Φ ⊗ I. */
  @Test
  void isBlockwiseThatOfTheFeaturesForTheOutputLayer() {
    double[][] identities = {{1, 0}, {0, 1}, {1, 0}, {0, 1}};
    try (JacobianFamily.Drawn drawn =
        JacobianFamily.of(
            List.of(
                new JacobianFamily.Layer(
                    new double[][] {{1, 2}, {3, 5}}, false, identities, false)),
            2,
            2)) {
      assertThat(unscaled(drawn.jacobian()))
          .isDeepEqualTo(
              new double[][] {{5, 0, 13, 0}, {0, 5, 0, 13}, {13, 0, 34, 0}, {0, 13, 0, 34}});
    }
  }

  /** Every entry is within the bound that the certificates rest on, in exact arithmetic. */
  @ParameterizedTest
  @EnumSource
  void isWithinItsErrorBound(JacobianFamily family) {
    for (int seed = 0; seed < JACOBIANS_PER_FAMILY; seed++) {
      try (JacobianFamily.Drawn drawn = family.draw(seed)) {
        requireWithinBound(drawn, family + " " + seed);
      }
    }
  }

  /** Larger than a tile, with all kinds of layers. */
  @Test
  void isWithinItsErrorBoundInSeveralTiles() {
    int examples = 300;
    int outputs = 2;
    SplittableRandom random = new SplittableRandom(3);
    List<JacobianFamily.Layer> layers = new ArrayList<>();
    for (int l = 0; l < 3; l++) {
      layers.add(
          new JacobianFamily.Layer(
              gaussian(random, examples, 3), l == 0, gaussian(random, 600, 2), l == 1));
    }
    try (JacobianFamily.Drawn drawn = JacobianFamily.of(layers, examples, outputs)) {
      double[][] gram = scaled(drawn.jacobian());
      int[] exponents = structure(drawn.jacobian()).rowExponents();
      for (int i = 0; i < gram.length; i += 23) {
        for (int j = i; j < gram.length; j++) {
          double sum = 0;
          for (int c = 0; c < drawn.exact()[i].length; c++) {
            sum += drawn.exact()[i][c].doubleValue() * drawn.exact()[j][c].doubleValue();
          }
          assertThat(Math.abs(Math.scalb(gram[i][j], exponents[i] + exponents[j]) - sum))
              .as("entry %d, %d", i, j)
              .isLessThan(1e-12);
        }
      }
      KernelGram source = source(drawn.jacobian());
      double[] x = new double[gram.length];
      Arrays.setAll(x, i -> random.nextDouble(-1, 1));
      GramSource.Product product = source.multiply(x);
      for (int i = 0; i < gram.length; i++) {
        double sum = 0;
        for (int j = 0; j < gram.length; j++) {
          sum += gram[Math.min(i, j)][Math.max(i, j)] * x[j];
        }
        assertThat(Math.abs(product.product()[i] - sum)).isLessThan(1e-10);
        assertThat(Math.abs(Math.pow(product.rowNorms()[i], 2) - gram[i][i])).isLessThan(1e-12);
      }
    }
  }

  private void requireWithinBound(JacobianFamily.Drawn drawn, String shown) {
    JacobianStructure structure = structure(drawn.jacobian());
    double[][] gram = scaled(drawn.jacobian());
    double gamma = Upward.gamma(source(drawn.jacobian()).roundings());
    double underflow = 16 * drawn.jacobian().columns() * Double.MIN_NORMAL;
    int n = gram.length;
    BigDecimal[][] rows = new BigDecimal[n][];
    double[] norms = new double[n];
    for (int i = 0; i < n; i++) {
      BigDecimal scale =
          BigDecimal.valueOf(2).pow(-structure.rowExponents()[i], new MathContext(3000));
      rows[i] =
          Arrays.stream(drawn.exact()[i]).map(x -> x.multiply(scale)).toArray(BigDecimal[]::new);
      norms[i] = Math.nextUp(Math.sqrt(Math.nextUp(dot(rows[i], rows[i]).doubleValue())));
    }
    for (int i = 0; i < n; i++) {
      for (int j = i; j < n; j++) {
        double error = dot(rows[i], rows[j]).subtract(new BigDecimal(gram[i][j])).doubleValue();
        assertThat(Math.abs(error))
            .as("%s, entry %d, %d", shown, i, j)
            .isLessThanOrEqualTo(gamma * norms[i] * norms[j] * (1 + 1e-15) + underflow);
      }
    }
  }

  private static BigDecimal dot(BigDecimal[] a, BigDecimal[] b) {
    BigDecimal sum = BigDecimal.ZERO;
    for (int j = 0; j < a.length; j++) {
      sum = sum.add(a[j].multiply(b[j]));
    }
    return sum;
  }

  private static double[][] gaussian(SplittableRandom random, int rows, int columns) {
    double[][] matrix = new double[rows][columns];
    for (double[] row : matrix) {
      Arrays.setAll(row, j -> random.nextGaussian());
    }
    return matrix;
  }

  private JacobianStructure structure(FactoredJacobian jacobian) {
    return JacobianStructure.of(jacobian, 2, Cancellation.NEVER);
  }

  private KernelGram source(FactoredJacobian jacobian) {
    return new KernelGram(jacobian, structure(jacobian), 2);
  }

  private double[][] scaled(FactoredJacobian jacobian) {
    int n = jacobian.rows();
    try (Matrix gram = Matrix.allocate(n, n)) {
      source(jacobian).compute(MatrixBlock.of(gram, 0, 0, n, n), algebra, Cancellation.NEVER);
      double[][] rows = new double[n][n];
      for (int i = 0; i < n; i++) {
        gram.getRow(i, 0, rows[i], 0, n);
      }
      return rows;
    }
  }

  private double[][] unscaled(FactoredJacobian jacobian) {
    int[] exponents = structure(jacobian).rowExponents();
    double[][] rows = scaled(jacobian);
    for (int i = 0; i < rows.length; i++) {
      for (int j = 0; j < rows.length; j++) {
        rows[i][j] = Math.scalb(rows[i][j], exponents[i] + exponents[j]);
      }
    }
    return rows;
  }
}
