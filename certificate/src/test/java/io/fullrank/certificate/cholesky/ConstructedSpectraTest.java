package io.fullrank.certificate.cholesky;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.Outcome;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Whatever the singular values and the singular vectors are: if σ_max is at most 10^6·σ_min, the
 * bound on σ_min is within a factor 2 of it.
 */
class ConstructedSpectraTest {

  private static final int MATRICES_PER_SPECTRUM = 800;
  private static final double MAX_CONDITION = 1e6;

  private final RankCertification certification =
      new RankCertification(new OpenBlas(1), new VerifiedCholesky());

  /** Singular values between 1 and 10^-6, the smallest one first. */
  private enum Values {
    UNIFORM {
      @Override
      double next(SplittableRandom random, double smallest, int i) {
        return random.nextDouble(smallest, 1);
      }
    },
    GRADED {
      @Override
      double next(SplittableRandom random, double smallest, int i) {
        return Math.pow(smallest, random.nextDouble());
      }
    },
    /** Half of them next to the smallest one, at distances from 10^-1 to 10^-15 of it. */
    CLUSTERED {
      @Override
      double next(SplittableRandom random, double smallest, int i) {
        double distance = Math.pow(10, random.nextDouble(-15, -1));
        return i % 2 == 0 ? Math.min(1, smallest * (1 + distance)) : random.nextDouble(smallest, 1);
      }
    },
    /** The smallest one about three times. */
    REPEATED {
      @Override
      double next(SplittableRandom random, double smallest, int i) {
        return i < 3 ? smallest : Math.pow(smallest, random.nextDouble());
      }
    },
    ALL_EQUAL {
      @Override
      double next(SplittableRandom random, double smallest, int i) {
        return smallest;
      }
    },
    /** All others far above the smallest one. */
    ONE_SMALL {
      @Override
      double next(SplittableRandom random, double smallest, int i) {
        return random.nextDouble(0.9, 1);
      }
    };

    abstract double next(SplittableRandom random, double smallest, int i);
  }

  @ParameterizedTest
  @EnumSource
  void theBoundIsWithinAFactorTwo(Values values) {
    SplittableRandom random = new SplittableRandom(values.ordinal());
    for (int k = 0; k < MATRICES_PER_SPECTRUM; k++) {
      int n = random.nextInt(1, 24);
      int c = n + random.nextInt(10) + (k % 20 == 0 ? 1000 : 0);
      double[] sigma = new double[n];
      sigma[0] = Math.pow(MAX_CONDITION, -random.nextDouble());
      double largest = sigma[0];
      for (int i = 1; i < n; i++) {
        sigma[i] = values.next(random, sigma[0], i);
        largest = Math.max(largest, sigma[i]);
      }
      double[][] rows = new double[n][c];
      double[] smallest = new double[n];
      smallest[0] = 1;
      for (int i = 0; i < n; i++) {
        rows[i][i] = sigma[i];
      }
      for (int reflection = 0; reflection < 3; reflection++) {
        double[] right = direction(c, random);
        for (double[] row : rows) {
          reflect(row, right);
        }
        double[] left = direction(n, random);
        reflectColumns(rows, left);
        reflect(smallest, left);
      }
      if (k % 4 == 0) {
        // The estimate sees nothing of the smallest singular value from these start vectors.
        int starts = 1 + k / 4 % 3;
        if (n > starts) {
          reflectColumns(rows, between(smallest, orthogonalToStartVectors(n, starts, random)));
        }
      }
      Certificate certificate;
      try (Matrix matrix = Matrix.of(rows)) {
        certificate = certification.certify(matrix);
      }
      String shown = values + " " + k + ", " + sigma[0] + " of " + largest + ": " + certificate;
      assertThat(certificate.outcome()).as(shown).isEqualTo(Outcome.CERTIFIED);
      // Rounding the entries moves singular values by less than this.
      double rounding = 1e-13 * largest;
      assertThat(certificate.sigmaMinLowerBound().orElseThrow())
          .as(shown)
          .isBetween((sigma[0] - rounding) / 2, sigma[0] + rounding);
    }
  }

  /** Returns a unit vector that is orthogonal to the first start vectors. */
  private static double[] orthogonalToStartVectors(int n, int starts, SplittableRandom random) {
    double[] vector = direction(n, random);
    double[][] avoided = new double[starts][];
    for (int s = 0; s < starts; s++) {
      avoided[s] = SmallestEigenvalueEstimate.startVector(n, s);
      removeProjections(avoided[s], avoided, s);
    }
    removeProjections(vector, avoided, starts);
    return vector;
  }

  /** Makes a vector orthogonal to the first {@code count} of orthonormal ones, and its norm 1. */
  private static void removeProjections(double[] vector, double[][] orthonormal, int count) {
    for (int pass = 0; pass < 2; pass++) {
      for (int s = 0; s < count; s++) {
        add(vector, -dot(vector, orthonormal[s]), orthonormal[s]);
      }
      double norm = Math.sqrt(dot(vector, vector));
      for (int i = 0; i < vector.length; i++) {
        vector[i] /= norm;
      }
    }
  }

  /** Returns the direction v for which I − 2vvᵀ swaps two unit vectors. */
  private static double[] between(double[] a, double[] b) {
    double[] difference = a.clone();
    add(difference, -1, b);
    removeProjections(difference, new double[0][], 0);
    return difference;
  }

  private static double[] direction(int n, SplittableRandom random) {
    double[] v = new double[n];
    for (int i = 0; i < n; i++) {
      v[i] = random.nextGaussian();
    }
    removeProjections(v, new double[0][], 0);
    return v;
  }

  /** Replaces x by (I − 2vvᵀ)x. */
  private static void reflect(double[] x, double[] v) {
    add(x, -2 * dot(x, v), v);
  }

  /** Replaces Φ by (I − 2vvᵀ)Φ. */
  private static void reflectColumns(double[][] rows, double[] v) {
    double[] column = new double[rows.length];
    for (int j = 0; j < rows[0].length; j++) {
      for (int i = 0; i < rows.length; i++) {
        column[i] = rows[i][j];
      }
      reflect(column, v);
      for (int i = 0; i < rows.length; i++) {
        rows[i][j] = column[i];
      }
    }
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  private static void add(double[] x, double factor, double[] v) {
    for (int i = 0; i < x.length; i++) {
      x[i] += factor * v[i];
    }
  }
}
