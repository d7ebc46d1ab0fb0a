package io.fullrank.certificate;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.cholesky.VerifiedCholesky;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.modular.ModularRank;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.Outcome;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Matrices of up to 500 rows whose rank is known by construction are settled, correctly. */
class ConstructedRankTest {

  private static final int MATRICES_PER_FAMILY = 6;
  private static final int MAX_ROWS = 500;

  private final DenseLinearAlgebra algebra = new OpenBlas(2);

  /** Some rows, and the rank that they have. */
  private record Known(double[][] rows, int rank) {}

  private enum Family {
    /** L·U with unit diagonals, all integers, with as many columns of U as the rank. */
    PRODUCT_OF_INTEGER_FACTORS {
      @Override
      Known draw(SplittableRandom random, int n) {
        int rank = n - random.nextInt(3);
        int c = n + random.nextInt(5) - 1;
        return new Known(product(random, n, Math.min(rank, c), c), Math.min(rank, c));
      }
    },
    /** The same, rows times powers of two over 60 decades. */
    ROWS_OVER_SIXTY_DECADES {
      @Override
      Known draw(SplittableRandom random, int n) {
        int rank = n - random.nextInt(2);
        double[][] rows = product(random, n, rank, n + 3);
        for (double[] row : rows) {
          double scale = Math.scalb(1.0, random.nextInt(-100, 100));
          for (int j = 0; j < row.length; j++) {
            row[j] *= scale;
          }
        }
        return new Known(rows, rank);
      }
    },
    /** The same in multiples of the smallest subnormal. */
    SUBNORMAL {
      @Override
      Known draw(SplittableRandom random, int n) {
        int rank = n - random.nextInt(2);
        double[][] rows = product(random, n, rank, n + 1);
        for (double[] row : rows) {
          for (int j = 0; j < row.length; j++) {
            row[j] *= Double.MIN_VALUE;
          }
        }
        return new Known(rows, rank);
      }
    },
    /** Triangular with a diagonal from 1 to 1e-300, its last entry 0 in every other matrix. */
    GRADED {
      @Override
      Known draw(SplittableRandom random, int n) {
        boolean singular = random.nextBoolean();
        double[][] rows = new double[n][n];
        for (int i = 0; i < n; i++) {
          for (int j = 0; j <= i; j++) {
            double scale = Math.pow(10, -300.0 * j / n);
            rows[i][j] = scale * (i == j ? 1 : random.nextDouble(-1, 1));
          }
        }
        rows[n - 1][n - 1] *= singular ? 0 : 1;
        return new Known(rows, singular ? n - 1 : n);
      }
    },
    /** Pairs of rows that differ in the last bit of one entry, each in another column. */
    PAIRS_EQUAL_UP_TO_ONE_ULP {
      @Override
      Known draw(SplittableRandom random, int n) {
        double[][] rows = new double[n - n % 2][n + 10];
        for (int i = 0; i < rows.length; i += 2) {
          for (int j = 0; j < rows[i].length; j++) {
            // The upper triangle of the first of each pair, the differences the lower one.
            rows[i][j] = i / 2 == j ? 1 : j < rows.length / 2 ? 0 : (float) random.nextGaussian();
          }
          rows[i + 1] = rows[i].clone();
          int j = rows.length / 2 + i / 2;
          rows[i + 1][j] = Math.nextUp((float) rows[i + 1][j]);
        }
        return new Known(rows, rows.length);
      }
    },
    /** One row is the sum of many others, exactly. */
    DENSE_RELATION {
      @Override
      Known draw(SplittableRandom random, int n) {
        double[][] rows = product(random, n, n, n + 7);
        int last = random.nextInt(n);
        rows[last] = new double[n + 7];
        for (int i = 0; i < n; i++) {
          for (int j = 0; j < n + 7 && i != last; j++) {
            rows[last][j] += rows[i][j];
          }
        }
        return new Known(rows, n - 1);
      }
    };

    abstract Known draw(SplittableRandom random, int n);

    /** L·U of inner dimension r: rank r, as the leading r × r blocks are unit triangular. */
    private static double[][] product(SplittableRandom random, int n, int r, int c) {
      double[][] left = new double[n][r];
      double[][] right = new double[r][c];
      for (int i = 0; i < n; i++) {
        for (int k = 0; k < r && k <= i; k++) {
          left[i][k] = i == k ? 1 : random.nextInt(-3, 4);
        }
      }
      for (int k = 0; k < r; k++) {
        for (int j = k; j < c; j++) {
          right[k][j] = k == j ? 1 : random.nextInt(-3, 4);
        }
      }
      double[][] rows = new double[n][c];
      for (int i = 0; i < n; i++) {
        for (int k = 0; k < r && k <= i; k++) {
          for (int j = k; j < c; j++) {
            rows[i][j] += left[i][k] * right[k][j];
          }
        }
      }
      return rows;
    }
  }

  @ParameterizedTest
  @EnumSource
  void isFound(Family family) {
    SplittableRandom random = new SplittableRandom(family.ordinal());
    SplittableRandom seeds = new SplittableRandom(2);
    RankCertification automatic =
        new RankCertification(
            algebra,
            new VerifiedCholesky(),
            new ModularRank(ModularRank.DEFAULT_MAX_PRIMES, seeds::nextLong));
    for (int k = 0; k < MATRICES_PER_FAMILY; k++) {
      int n = k == 0 ? MAX_ROWS : random.nextInt(20, MAX_ROWS);
      Known known = family.draw(random, n);
      try (Matrix matrix = Matrix.of(known.rows)) {
        Certificate certificate = automatic.certify(matrix);
        String shown = family + " " + k + " of rank " + known.rank + ": " + certificate;
        assertThat(certificate.outcome())
            .as(shown)
            .isEqualTo(known.rank == known.rows.length ? Outcome.CERTIFIED : Outcome.REFUTED);
        assertThat(certificate.rankLowerBound()).as(shown).isLessThanOrEqualTo(known.rank);
      }
    }
  }
}
