package io.fullrank.certificate;

import java.util.Arrays;
import java.util.SplittableRandom;

/** Small matrices that are hard for one reason or another. */
enum MatrixFamily {
  SMALL_INTEGERS {
    @Override
    double[][] draw(SplittableRandom random) {
      return random(random, 1, 9, () -> random.nextInt(-3, 4));
    }
  },
  /** Rank known by construction: at most the inner dimension. */
  PRODUCTS_OF_INTEGERS {
    @Override
    double[][] draw(SplittableRandom random) {
      int n = random.nextInt(1, 10);
      int inner = random.nextInt(1, n + 2);
      int c = random.nextInt(1, n + 5);
      double[][] left = fill(n, inner, () -> random.nextInt(-9, 10));
      double[][] right = fill(inner, c, () -> random.nextInt(-9, 10));
      double[][] product = new double[n][c];
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < c; j++) {
          for (int k = 0; k < inner; k++) {
            product[i][j] += left[i][k] * right[k][j];
          }
        }
      }
      return product;
    }
  },
  DYADIC {
    @Override
    double[][] draw(SplittableRandom random) {
      return random(random, 1, 9, () -> Math.scalb(random.nextInt(-7, 8), random.nextInt(-20, 20)));
    }
  },
  /** Features as a network computes them: nonnegative and with a column of ones. */
  FEATURES_F32 {
    @Override
    double[][] draw(SplittableRandom random) {
      double[][] matrix = random(random, 1, 12, () -> softplus(random.nextGaussian()));
      for (double[] row : matrix) {
        row[row.length - 1] = 1;
      }
      return matrix;
    }
  },
  FEATURES_F16 {
    @Override
    double[][] draw(SplittableRandom random) {
      return random(
          random, 1, 12, () -> Math.rint(softplus(random.nextGaussian()) * 0x1p10) * 0x1p-10);
    }
  },
  /** Every finite f16, subnormals of 2^-24 included, is as likely as any other. */
  WHOLE_RANGE_OF_F16 {
    @Override
    double[][] draw(SplittableRandom random) {
      return random(
          random,
          1,
          8,
          () -> {
            int bits = random.nextInt(31 << 10);
            int exponent = bits >> 10;
            int fraction = bits & 0x3ff;
            double magnitude =
                exponent == 0 ? fraction * 0x1p-24 : Math.scalb(1024.0 + fraction, exponent - 25);
            return random.nextBoolean() ? magnitude : -magnitude;
          });
    }
  },
  /** As f16, for the upper halves of f32. */
  WHOLE_RANGE_OF_BF16 {
    @Override
    double[][] draw(SplittableRandom random) {
      return random(random, 1, 6, () -> finite(random.nextInt() & 0xffff0000));
    }
  },
  WHOLE_RANGE_OF_F32 {
    @Override
    double[][] draw(SplittableRandom random) {
      return random(random, 1, 6, () -> finite(random.nextInt()));
    }
  },
  /** Differences in the last of 8 bits only. */
  BF16_EQUAL_UP_TO_ONE_ULP {
    @Override
    double[][] draw(SplittableRandom random) {
      double[][] matrix =
          random(
              random,
              2,
              8,
              () ->
                  Float.intBitsToFloat(
                      Float.floatToIntBits((float) random.nextGaussian()) & 0xffff0000));
      double[] last = matrix[0].clone();
      int j = random.nextInt(last.length);
      last[j] = Float.intBitsToFloat(Float.floatToIntBits((float) last[j]) + 0x10000);
      matrix[matrix.length - 1] = last;
      return matrix;
    }
  },
  ZERO_ROWS {
    @Override
    double[][] draw(SplittableRandom random) {
      double[][] matrix = random(random, 1, 8, random::nextGaussian);
      Arrays.fill(matrix[random.nextInt(matrix.length)], random.nextBoolean() ? 0 : -0.0);
      return matrix;
    }
  },
  REPEATED_ROWS {
    @Override
    double[][] draw(SplittableRandom random) {
      double[][] matrix = random(random, 2, 8, () -> random.nextInt(-2, 3) / 3.0);
      double[] first = matrix[0];
      double[] last = matrix[matrix.length - 1];
      for (int j = 0; j < first.length; j++) {
        last[j] = first[j] == 0 ? -first[j] : first[j];
      }
      return matrix;
    }
  },
  EQUAL_UP_TO_ONE_ULP {
    @Override
    double[][] draw(SplittableRandom random) {
      double[][] matrix = random(random, 2, 8, random::nextGaussian);
      double[] last = matrix[0].clone();
      int j = random.nextInt(last.length);
      last[j] = Math.nextUp(last[j]);
      matrix[matrix.length - 1] = last;
      return matrix;
    }
  },
  /** The last row is a combination of the others, up to a perturbation of any size. */
  NEARLY_DEPENDENT {
    @Override
    double[][] draw(SplittableRandom random) {
      double[][] matrix = random(random, 3, 9, random::nextGaussian);
      double[] last = matrix[matrix.length - 1];
      double size = Math.pow(10, random.nextDouble(-18, 0));
      for (int j = 0; j < last.length; j++) {
        last[j] = 0.5 * matrix[0][j] - 2 * matrix[1][j] + size * random.nextGaussian();
      }
      return matrix;
    }
  },
  ROWS_OVER_SIXTY_DECADES {
    @Override
    double[][] draw(SplittableRandom random) {
      double[][] matrix = random(random, 1, 8, random::nextGaussian);
      for (double[] row : matrix) {
        double scale = Math.pow(10, random.nextDouble(-30, 30));
        for (int j = 0; j < row.length; j++) {
          row[j] *= scale;
        }
      }
      return matrix;
    }
  },
  /** Entries from the smallest subnormal to the largest double. */
  WHOLE_RANGE {
    @Override
    double[][] draw(SplittableRandom random) {
      return random(
          random,
          1,
          5,
          () ->
              Math.scalb(random.nextDouble(-1, 1), random.nextInt(Double.MIN_EXPONENT - 52, 1024)));
    }
  },
  SUBNORMAL {
    @Override
    double[][] draw(SplittableRandom random) {
      return random(random, 1, 6, () -> random.nextInt(-50, 51) * Double.MIN_VALUE);
    }
  },
  HUGE {
    @Override
    double[][] draw(SplittableRandom random) {
      return random(random, 1, 6, () -> random.nextDouble(-1, 1) * Double.MAX_VALUE);
    }
  },
  GRADED {
    @Override
    double[][] draw(SplittableRandom random) {
      double base = Math.pow(10, -random.nextDouble(0, 50));
      double[][] matrix = random(random, 1, 7, random::nextGaussian);
      for (double[] row : matrix) {
        double scale = 1;
        for (int j = 0; j < row.length; j++) {
          row[j] *= scale;
          scale *= base;
        }
      }
      return matrix;
    }
  },
  HILBERT {
    @Override
    double[][] draw(SplittableRandom random) {
      int n = random.nextInt(1, 14);
      int c = n + random.nextInt(0, 3);
      double shift = random.nextInt(1, 4);
      double[][] matrix = new double[n][c];
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < c; j++) {
          matrix[i][j] = 1 / (i + j + shift);
        }
      }
      return matrix;
    }
  },
  /** Integers whose determinant is ± a product of some powers of the small primes, or 0. */
  DIVISIBLE_BY_SMALL_PRIMES {
    @Override
    double[][] draw(SplittableRandom random) {
      int n = random.nextInt(1, 9);
      return timesUnimodular(random, n, n, divisors(random, n));
    }
  },
  /** With many more columns than rows, all of them multiples of small primes in some rows. */
  WIDE_DIVISIBLE_BY_SMALL_PRIMES {
    @Override
    double[][] draw(SplittableRandom random) {
      int n = random.nextInt(1, 6);
      return timesUnimodular(random, n, wide(random), divisors(random, n));
    }
  },
  /** Of full rank, or of any lower one. */
  WIDE_PRODUCTS_OF_INTEGERS {
    @Override
    double[][] draw(SplittableRandom random) {
      int n = random.nextInt(1, 7);
      int inner = random.nextInt(1, n + 1);
      double[] ones = new double[n];
      Arrays.fill(ones, 0, inner, 1);
      return timesUnimodular(random, n, wide(random), ones);
    }
  },
  /** Only some of the last columns are not 0: units of a network that are dead for all examples. */
  WIDE_WITH_COLUMNS_OF_ZEROS {
    @Override
    double[][] draw(SplittableRandom random) {
      int n = random.nextInt(1, 6);
      int c = wide(random);
      int live = n + random.nextInt(-1, 3);
      double[][] matrix = new double[n][c];
      for (double[] row : matrix) {
        for (int j = c - Math.max(1, live); j < c; j++) {
          row[j] = random.nextInt(-9, 10);
        }
      }
      return matrix;
    }
  },
  WIDE_FEATURES {
    @Override
    double[][] draw(SplittableRandom random) {
      int n = random.nextInt(1, 6);
      return fill(n, wide(random), () -> softplus(random.nextGaussian()));
    }
  },
  /** One row is the sum of two others, or differs from it in the last bit of one entry. */
  WIDE_NEARLY_DEPENDENT {
    @Override
    double[][] draw(SplittableRandom random) {
      int n = random.nextInt(3, 7);
      double[][] matrix = fill(n, wide(random), () -> (float) random.nextGaussian());
      for (int j = 0; j < matrix[0].length; j++) {
        matrix[n - 1][j] = matrix[0][j] + matrix[1][j];
      }
      if (random.nextBoolean()) {
        int j = random.nextInt(matrix[0].length);
        matrix[n - 1][j] = Math.nextUp(matrix[n - 1][j]);
      }
      return matrix;
    }
  },
  VANDERMONDE {
    @Override
    double[][] draw(SplittableRandom random) {
      int n = random.nextInt(1, 12);
      double[][] matrix = new double[n][n];
      for (int i = 0; i < n; i++) {
        double x = random.nextInt(-4, 5) / 2.0;
        for (int j = 0; j < n; j++) {
          matrix[i][j] = Math.pow(x, j);
        }
      }
      return matrix;
    }
  };

  abstract double[][] draw(SplittableRandom random);

  interface Entry {
    double draw();
  }

  /** A matrix of minRows to maxRows rows, with one column too few up to four more than needed. */
  private static double[][] random(SplittableRandom random, int minRows, int maxRows, Entry entry) {
    int n = random.nextInt(minRows, maxRows + 1);
    return fill(n, Math.max(1, n + random.nextInt(-1, 5)), entry);
  }

  private static double[][] fill(int n, int c, Entry entry) {
    double[][] matrix = new double[n][c];
    for (double[] row : matrix) {
      for (int j = 0; j < c; j++) {
        row[j] = entry.draw();
      }
    }
    return matrix;
  }

  private static int wide(SplittableRandom random) {
    return random.nextInt(100, 600);
  }

  /** Returns small primes, products of them, ones, and now and then a 0. */
  private static double[] divisors(SplittableRandom random, int n) {
    double[] values = {1, 1, 1, 251, 241, 251 * 251, 251 * 241, 251 * 241 * 239, 3, 0};
    double[] drawn = new double[n];
    for (int i = 0; i < n; i++) {
      drawn[i] = values[random.nextInt(values.length - (random.nextInt(5) == 0 ? 0 : 1))];
    }
    return drawn;
  }

  /** Returns L·D·U with L and U of unit diagonal: its rank is the number of nonzeros in D. */
  private static double[][] timesUnimodular(
      SplittableRandom random, int n, int c, double[] diagonal) {
    double[][] matrix = new double[n][c];
    double[][] upper = fill(n, c, () -> random.nextInt(-3, 4));
    for (int i = 0; i < n; i++) {
      for (int k = 0; k <= i; k++) {
        double factor = diagonal[k] * (i == k ? 1 : random.nextInt(-2, 3));
        for (int j = k; j < c; j++) {
          matrix[i][j] += factor * (j == k ? 1 : upper[k][j]);
        }
      }
    }
    return matrix;
  }

  private static double finite(int bitsOfF32) {
    float value = Float.intBitsToFloat(bitsOfF32);
    return Float.isFinite(value) ? value : Float.intBitsToFloat(bitsOfF32 & 0xbfffffff);
  }

  private static double softplus(double z) {
    return (float) (Math.log1p(Math.exp(10 * z)) / 10);
  }
}
