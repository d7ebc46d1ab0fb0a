package io.fullrank.network.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.cholesky.GramCholesky;
import io.fullrank.certificate.matrix.Matrix;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LeaveOneOutTest {

  private static final OpenBlas ALGEBRA = new OpenBlas(1);

  @Test
  void isWhatRefitsWithoutEachRowSay() {
    int n = 200;
    int classes = 3;
    double[][] rows = rows(n, 230, 1);
    int[] labels = labels(n, classes);
    try (Matrix features = Matrix.of(rows)) {
      LeaveOneOut found = leaveOneOut(features, labels, classes);

      double sum = 0;
      int wrong = 0;
      for (int i = 0; i < n; i++) {
        double[] residual = refit(rows, labels, classes, i);
        int best = 0;
        for (int k = 0; k < classes; k++) {
          assertThat(found.residuals()[i][k])
              .isCloseTo(residual[k], within(found.residualError() + 1e-9));
          sum += residual[k] * residual[k] / 2;
          double output = (k == labels[i] ? 1 : 0) - residual[k];
          double bestOutput = (best == labels[i] ? 1 : 0) - residual[best];
          best = output > bestOutput ? k : best;
        }
        wrong += best == labels[i] ? 0 : 1;
      }
      assertThat(found.residualError()).isLessThan(1e-6);
      assertThat(found.loss()).isCloseTo(sum / n, within(1e-9));
      assertThat(found.lossLowerBound()).isLessThanOrEqualTo(found.loss());
      assertThat(found.lossUpperBound()).isGreaterThanOrEqualTo(found.loss());
      assertThat(found.lossUpperBound() - found.lossLowerBound()).isLessThan(1e-5);
      assertThat((double) wrong / n).isBetween(found.errorLowerBound(), found.errorUpperBound());
      assertThat(found.errorLowerBound()).isEqualTo(found.errorUpperBound()).isPositive();
    }
  }

  /** In exact rational arithmetic, also where the features are almost dependent. */
  @ParameterizedTest
  @ValueSource(doubles = {1, 1e-3, 1e-5})
  void theBoundOnTheErrorIsTrue(double distance) {
    int n = 6;
    double[][] rows = rows(n, 8, 2);
    for (int j = 0; j < 8; j++) {
      rows[1][j] = rows[0][j] + distance * rows[1][j];
    }
    int[] labels = labels(n, 2);
    try (Matrix features = Matrix.of(rows)) {
      LeaveOneOut found = leaveOneOut(features, labels, 2);

      BigDecimal[][] inverse = inverseGram(rows);
      for (int i = 0; i < n; i++) {
        for (int k = 0; k < 2; k++) {
          BigDecimal x = BigDecimal.ZERO;
          for (int j = 0; j < n; j++) {
            x = labels[j] == k ? x.add(inverse[i][j]) : x;
          }
          double exact = x.divide(inverse[i][i], MathContext.DECIMAL128).doubleValue();
          assertThat(Math.abs(found.residuals()[i][k] - exact))
              .isLessThanOrEqualTo(found.residualError());
        }
      }
    }
  }

  /** Two rows that cannot be told from each other leave Cholesky nothing to work with. */
  @Test
  void saysNothingWhereErrorsAreTooLarge() {
    double[][] rows = rows(5, 7, 3);
    rows[1] = rows[0].clone();
    rows[1][0] = Math.nextUp(rows[1][0]);
    try (Matrix features = Matrix.of(rows)) {
      assertThat(LeaveOneOut.of(features, labels(5, 2), 2, 1e-17, ALGEBRA)).isEmpty();
    }
  }

  private static LeaveOneOut leaveOneOut(Matrix features, int[] labels, int classes) {
    double sigmaMin =
        new RankCertification(ALGEBRA).certify(features).sigmaMinLowerBound().orElseThrow();
    return LeaveOneOut.of(features, labels, classes, sigmaMin, ALGEBRA).orElseThrow();
  }

  /** The label less the output of the minimum-norm interpolant of all other rows. */
  private static double[] refit(double[][] rows, int[] labels, int classes, int left) {
    double[][] others = new double[rows.length - 1][];
    try (Matrix y = Matrix.allocate(rows.length - 1L, classes)) {
      for (int i = 0, j = 0; i < rows.length; i++) {
        if (i != left) {
          others[j] = rows[i];
          y.set(j, labels[i], 1);
          j++;
        }
      }
      try (Matrix phi = Matrix.of(others);
          GramCholesky cholesky = GramCholesky.factorise(phi, ALGEBRA).orElseThrow();
          Matrix x = cholesky.solve(y);
          Matrix v = ALGEBRA.multiplyTransposed(phi, x)) {
        double[] residual = new double[classes];
        for (int k = 0; k < classes; k++) {
          residual[k] = k == labels[left] ? 1 : 0;
          for (int j = 0; j < rows[left].length; j++) {
            residual[k] -= rows[left][j] * v.get(j, k);
          }
        }
        return residual;
      }
    }
  }

  private static double[][] rows(int n, int c, long seed) {
    Random random = new Random(seed);
    double[][] rows = new double[n][c];
    for (double[] row : rows) {
      for (int j = 0; j < c - 1; j++) {
        row[j] = random.nextGaussian();
      }
      row[c - 1] = 1;
    }
    return rows;
  }

  private static int[] labels(int n, int classes) {
    int[] labels = new int[n];
    for (int i = 0; i < n; i++) {
      labels[i] = i * i % classes;
    }
    return labels;
  }

  /** (ΦΦᵀ)⁻¹ to 60 digits, by Gauss and Jordan. */
  private static BigDecimal[][] inverseGram(double[][] rows) {
    MathContext digits = new MathContext(60);
    int n = rows.length;
    BigDecimal[][] a = new BigDecimal[n][2 * n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        a[i][j] = BigDecimal.ZERO;
        for (int k = 0; k < rows[0].length; k++) {
          a[i][j] = a[i][j].add(new BigDecimal(rows[i][k]).multiply(new BigDecimal(rows[j][k])));
        }
        a[i][n + j] = i == j ? BigDecimal.ONE : BigDecimal.ZERO;
      }
    }
    for (int p = 0; p < n; p++) {
      BigDecimal pivot = a[p][p];
      for (int j = 0; j < 2 * n; j++) {
        a[p][j] = a[p][j].divide(pivot, digits);
      }
      for (int i = 0; i < n; i++) {
        if (i != p) {
          BigDecimal factor = a[i][p];
          for (int j = 0; j < 2 * n; j++) {
            a[i][j] = a[i][j].subtract(factor.multiply(a[p][j], digits), digits);
          }
        }
      }
    }
    BigDecimal[][] inverse = new BigDecimal[n][n];
    for (int i = 0; i < n; i++) {
      System.arraycopy(a[i], n, inverse[i], 0, n);
    }
    return inverse;
  }
}
