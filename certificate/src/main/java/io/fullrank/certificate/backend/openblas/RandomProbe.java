package io.fullrank.certificate.backend.openblas;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.backend.GramSource;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.NativeDoubles;
import io.fullrank.certificate.matrix.RowTiles;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Multiplies what OpenBLAS has computed with a random vector, in Java, and compares: Gx with
 * Ψ(Ψᵀx), and Ax with L(Lᵀx). So a kernel that is wrong only for some sizes or at some places is
 * found, at the cost of a few passes over the matrices.
 *
 * <p><b>Tolerance.</b> Entry (i,j) of G may differ from that of ΨΨᵀ by γ_c‖ψ_i‖‖ψ_j‖, and every
 * product here passes through at most c + n roundings more and as many as there are threads, so
 * |(Gx − Ψ(Ψᵀx))_i| is at most t_i = γ_k‖ψ_i‖·Σ‖ψ_j‖|x_j| with k = 3(n + c) + 64, and underflow.
 * For the factor of A = SGS − sI it is the same with h_i = s_i√g_ii in the place of ‖ψ_i‖, as
 * ‖l_i‖² is a_ii up to rounding, and k = 4n + 64. Correct kernels never exceed it.
 *
 * <p><b>Probability.</b> The x_j are independent and uniform on [−1, 1]. If an entry (i,j) is wrong
 * by e, then, whatever the other components of x are, x_j lies with probability at most 2t_i/e, t_i
 * taken at |x_j| = 1, where row i stays within its tolerance. So gross errors, of 1 % of
 * ‖ψ_i‖‖ψ_j‖, are missed with probability below 10^-5 for n + c = 10,000; errors of about the
 * tolerance may be.
 */
final class RandomProbe {

  private static final int SPARE_ROUNDINGS = 64;

  private final int threads;
  private final double[] x;

  /**
   * Draws a vector.
   *
   * @param n its length
   */
  RandomProbe(int threads, int n) {
    this.threads = threads;
    SplittableRandom random = new SplittableRandom();
    this.x = new double[n];
    for (int i = 0; i < n; i++) {
      x[i] = random.nextDouble(-1, 1);
    }
  }

  /** Reads a part of a row, from its beginning, and returns its length. */
  private interface RowReader {
    int read(int row, double[] into);
  }

  /**
   * Compares a Gram matrix with Ψ = diag(2^-e_i)·Φ.
   *
   * @param gram (input) G in the upper triangle, n × n
   * @param diagonal (input) of G
   * @throws InexactBackendException if they differ by more than rounding explains
   */
  void requireGram(Matrix matrix, int[] rowExponents, NativeDoubles gram, double[] diagonal) {
    int c = (int) matrix.columns();
    RowReader rows =
        (i, into) -> {
          matrix.getScaledRow(i, 0, rowExponents[i], into, c);
          return c;
        };
    double[] norms = new double[x.length];
    double[] expected = timesOwnTranspose(rows, c, norms);
    double[] found = multiply(gram, diagonal, x);
    compare(found, expected, norms, 3L * (x.length + (long) c) + SPARE_ROUNDINGS, "product");
  }

  /**
   * Compares a Gram matrix with the rows that it is of.
   *
   * @param gram (input) G in the upper triangle, n × n
   * @param diagonal (input) of G
   * @throws InexactBackendException if they differ by more than rounding explains
   */
  void requireGram(GramSource source, NativeDoubles gram, double[] diagonal) {
    GramSource.Product expected = source.multiply(x);
    double[] found = multiply(gram, diagonal, x);
    long roundings = 3L * (x.length + source.roundings()) + SPARE_ROUNDINGS;
    compare(found, expected.product(), expected.rowNorms(), roundings, "product");
  }

  /**
   * Compares the factor of SGS − sI with this matrix.
   *
   * @param entries (input) G in the upper triangle, L in the lower one
   * @param diagonal (input) of G
   * @param scaleExponents (input) the binary logarithms of S's diagonal
   * @throws InexactBackendException if they differ by more than rounding explains
   */
  void requireFactor(NativeDoubles entries, double[] diagonal, int[] scaleExponents, double shift) {
    int n = x.length;
    RowReader rows =
        (i, into) -> {
          entries.pointer().getPointer((long) i * n).get(into, 0, i + 1);
          return i + 1;
        };
    double[] found = timesOwnTranspose(rows, n, new double[n]);
    double[] scaled = new double[n];
    double[] norms = new double[n];
    for (int i = 0; i < n; i++) {
      double scale = Math.scalb(1.0, scaleExponents[i]);
      scaled[i] = x[i] * scale;
      norms[i] = Upward.squareRoot(diagonal[i]) * scale;
    }
    double[] expected = multiply(entries, diagonal, scaled);
    for (int i = 0; i < n; i++) {
      expected[i] = expected[i] * Math.scalb(1.0, scaleExponents[i]) - shift * x[i];
    }
    compare(found, expected, norms, 4L * n + SPARE_ROUNDINGS, "Cholesky factor");
  }

  /** Returns R(Rᵀx) for a matrix R of rows with at most {@code columns} entries. */
  private double[] timesOwnTranspose(RowReader rows, int columns, double[] norms) {
    int n = x.length;
    double[][] parts = new double[threads][columns];
    RowTiles.forEach(
        threads,
        n,
        BlasCalls.TILE,
        (part, from, to) -> {
          double[] row = new double[columns];
          double[] sums = parts[part];
          for (int i = from; i < to; i++) {
            int length = rows.read(i, row);
            norms[i] = Math.sqrt(dot(row, row, 0, length));
            double factor = x[i];
            for (int j = 0; j < length; j++) {
              sums[j] += factor * row[j];
            }
          }
        });
    double[] sums = parts[0];
    for (int part = 1; part < threads; part++) {
      for (int j = 0; j < columns; j++) {
        sums[j] += parts[part][j];
      }
    }
    double[] products = new double[n];
    RowTiles.forEach(
        threads,
        n,
        BlasCalls.TILE,
        (part, from, to) -> {
          double[] row = new double[columns];
          for (int i = from; i < to; i++) {
            products[i] = dot(row, sums, 0, rows.read(i, row));
          }
        });
    return products;
  }

  /** Returns Gv for a symmetric G, given by its diagonal and the triangle above it. */
  private double[] multiply(NativeDoubles gram, double[] diagonal, double[] v) {
    int n = v.length;
    double[][] parts = new double[threads][n];
    RowTiles.forEach(
        threads,
        n,
        BlasCalls.TILE,
        (part, from, to) -> {
          double[] row = new double[n];
          double[] sums = parts[part];
          for (int i = from; i < to; i++) {
            int first = i + 1;
            int right = n - first;
            gram.pointer().getPointer((long) i * n + first).get(row, 0, right);
            double factor = v[i];
            sums[i] += diagonal[i] * factor + dot(row, v, first, right);
            for (int k = 0; k < right; k++) {
              sums[first + k] += factor * row[k];
            }
          }
        });
    for (int part = 1; part < threads; part++) {
      for (int i = 0; i < n; i++) {
        parts[0][i] += parts[part][i];
      }
    }
    return parts[0];
  }

  private void compare(
      double[] found, double[] expected, double[] norms, long roundings, String what) {
    int n = x.length;
    double largest = Arrays.stream(norms).max().orElse(0);
    if (!(largest * largest * n * n < Double.MAX_VALUE)) {
      // Sums may overflow, here and there; no factorisation completes then.
      return;
    }
    double sum = 0;
    for (int j = 0; j < n; j++) {
      sum = Upward.add(sum, Upward.multiply(norms[j], Math.abs(x[j])));
    }
    double unit = Upward.multiply(Upward.gamma(roundings + threads), sum);
    double underflow = 64.0 * roundings * roundings * (1 + largest * largest) * Double.MIN_NORMAL;
    for (int i = 0; i < n; i++) {
      double tolerance = Upward.add(Upward.multiply(unit, norms[i]), underflow);
      if (!(Math.abs(found[i] - expected[i]) <= tolerance)) {
        throw new InexactBackendException(
            "row "
                + i
                + " of a "
                + what
                + " by this OpenBLAS is wrong by more than rounding explains, so it cannot be used"
                + " for certificates; another processor type may be chosen with OPENBLAS_CORETYPE");
      }
    }
  }

  /**
   * Returns the sum of the products of {@code length} numbers, of b from an index on. In eight
   * lanes, because in a single one each addition would wait for the one before.
   */
  private static double dot(double[] a, double[] b, int from, int length) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    double s4 = 0;
    double s5 = 0;
    double s6 = 0;
    double s7 = 0;
    int j = 0;
    for (; j + 8 <= length; j += 8) {
      int k = from + j;
      s0 += a[j] * b[k];
      s1 += a[j + 1] * b[k + 1];
      s2 += a[j + 2] * b[k + 2];
      s3 += a[j + 3] * b[k + 3];
      s4 += a[j + 4] * b[k + 4];
      s5 += a[j + 5] * b[k + 5];
      s6 += a[j + 6] * b[k + 6];
      s7 += a[j + 7] * b[k + 7];
    }
    for (; j < length; j++) {
      s0 += a[j] * b[from + j];
    }
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7));
  }
}
