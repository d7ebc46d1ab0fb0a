package io.fullrank.certificate.backend.openblas;

import static org.bytedeco.openblas.global.openblas.CblasLeft;
import static org.bytedeco.openblas.global.openblas.CblasLower;
import static org.bytedeco.openblas.global.openblas.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas.CblasNonUnit;
import static org.bytedeco.openblas.global.openblas.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas.CblasTrans;
import static org.bytedeco.openblas.global.openblas.CblasUpper;
import static org.bytedeco.openblas.global.openblas.LAPACKE_dsyevd;
import static org.bytedeco.openblas.global.openblas.LAPACK_COL_MAJOR;
import static org.bytedeco.openblas.global.openblas.cblas_dtrsm;
import static org.bytedeco.openblas.global.openblas.cblas_dtrsv;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.GramMatrix;
import io.fullrank.certificate.backend.GramSource;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.MatrixBlock;
import io.fullrank.certificate.matrix.NativeDoubles;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.result.Cancellation;
import java.util.Optional;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.indexer.DoubleIndexer;

/**
 * G in the upper triangle, with its diagonal in {@code diagonal}; the factor, when there is one, in
 * the lower triangle.
 */
final class OpenBlasGram implements GramMatrix {

  private final BlasCalls calls;
  private final int n;
  private final NativeDoubles entries;
  private final double[] diagonal;
  private boolean factorised;

  /** What was factorised last: SGS − shift·I. */
  private int[] scaleExponents = {};

  private double shift;

  /** Takes a matrix of order n whose upper triangle is filled. */
  private OpenBlasGram(BlasCalls calls, int n, NativeDoubles entries) {
    this.calls = calls;
    this.n = n;
    this.entries = entries;
    this.diagonal = new double[n];
    for (int i = 0; i < n; i++) {
      diagonal[i] = entries.indexer().get((long) i * n + i);
    }
  }

  /** Returns what forming one takes, as {@link DenseLinearAlgebra#gramBytes}. */
  static double bytes(long n, long c) {
    int panelColumns =
        BlasCalls.panelColumns(BlasCalls.dimension("rows", n), BlasCalls.dimension("columns", c));
    return ((double) n * n + (double) n * panelColumns) * Double.BYTES;
  }

  /**
   * Computes a Gram matrix, as {@link DenseLinearAlgebra#gram}.
   *
   * @param calls how OpenBLAS is called
   */
  static OpenBlasGram of(
      BlasCalls calls, Matrix matrix, int[] rowExponents, Cancellation cancellation) {
    int n = BlasCalls.dimension("rows", matrix.rows());
    int c = BlasCalls.dimension("columns", matrix.columns());
    if (rowExponents.length != n) {
      throw new IllegalArgumentException(
          rowExponents.length + " row exponents for a matrix of " + n + " rows");
    }
    int panelColumns = BlasCalls.panelColumns(n, c);
    NativeDoubles.requireMemoryFor(
        (double) n * c + bytes(n, c) / Double.BYTES,
        "certifying a matrix of " + n + " x " + c + " f64 by its Gram matrix");
    NativeDoubles gram = NativeDoubles.allocate(n, n, "a Gram matrix");
    try (NativeDoubles memory = NativeDoubles.allocate(n, panelColumns, "a panel of columns")) {
      MatrixBlock into = square(gram, n);
      for (int from = 0; from < c; from += panelColumns) {
        MatrixBlock panel = panel(memory, n, Math.min(panelColumns, c - from));
        calls.copyScaled(matrix, rowExponents, from, panel);
        double beta = from == 0 ? 0 : 1;
        calls.exclusively(
            () -> calls.addProductWithTranspose(CblasUpper, 1, panel, beta, into, cancellation));
      }
    } catch (RuntimeException | Error e) {
      gram.close();
      throw e;
    }
    OpenBlasGram computed = new OpenBlasGram(calls, n, gram);
    try {
      new RandomProbe(calls.threads(), n)
          .requireGram(matrix, rowExponents, gram, computed.diagonal);
    } catch (RuntimeException | Error e) {
      gram.close();
      throw e;
    }
    return computed;
  }

  /** Computes a Gram matrix, as {@link DenseLinearAlgebra#gram(GramSource, Cancellation)}. */
  static OpenBlasGram of(
      BlasCalls calls, GramSource source, DenseLinearAlgebra products, Cancellation cancellation) {
    int n = source.order();
    NativeDoubles.requireMemoryFor(
        (double) n * n + source.entries(), "certifying " + n + " rows by their Gram matrix");
    NativeDoubles gram = NativeDoubles.allocate(n, n, "a Gram matrix");
    try {
      source.compute(square(gram, n), products, cancellation);
      OpenBlasGram computed = new OpenBlasGram(calls, n, gram);
      new RandomProbe(calls.threads(), n).requireGram(source, gram, computed.diagonal);
      return computed;
    } catch (RuntimeException | Error e) {
      gram.close();
      throw e;
    }
  }

  private static MatrixBlock square(NativeDoubles memory, int n) {
    return new MatrixBlock(memory.pointer(), n, n, n);
  }

  private static MatrixBlock panel(NativeDoubles memory, int rows, int columns) {
    return new MatrixBlock(memory.pointer(), rows, columns, columns);
  }

  private MatrixBlock entries() {
    return square(entries, n);
  }

  @Override
  public int order() {
    return n;
  }

  @Override
  public double[] diagonal() {
    return diagonal.clone();
  }

  @Override
  public double[] multiplyAbsolute(double[] x) {
    double[][] sums = new double[calls.threads()][n];
    RowTiles.forEach(
        calls.threads(),
        n,
        BlasCalls.TILE,
        (part, from, to) -> {
          double[] row = new double[n];
          for (int i = from; i < to; i++) {
            int right = n - i - 1;
            entries.pointer().getPointer((long) i * n + i + 1).get(row, 0, right);
            sums[part][i] += diagonal[i] * x[i] + addAbsolute(row, right, i + 1, x, sums[part]);
          }
        });
    for (int part = 1; part < calls.threads(); part++) {
      for (int i = 0; i < n; i++) {
        sums[0][i] += sums[part][i];
      }
    }
    return sums[0];
  }

  @Override
  public int factorise(int[] scaleExponents, double shift, Cancellation cancellation) {
    factorised = false;
    copyScaledAndShifted(scaleExponents, shift, cancellation);
    int[] breakdown = new int[1];
    LowerTriangle triangle = new LowerTriangle(calls, entries(), cancellation);
    calls.exclusively(() -> breakdown[0] = triangle.factorise());
    factorised = breakdown[0] == 0;
    this.scaleExponents = scaleExponents.clone();
    this.shift = shift;
    return breakdown[0];
  }

  /** Puts SGS − shift·I into the lower triangle. */
  private void copyScaledAndShifted(int[] scaleExponents, double shift, Cancellation cancellation) {
    double[] scale = new double[n];
    for (int i = 0; i < n; i++) {
      scale[i] = Math.scalb(1.0, scaleExponents[i]);
    }
    DoubleIndexer g = entries.indexer();
    RowTiles.forEach(
        calls.threads(),
        n,
        BlasCalls.TILE,
        (part, from, to) -> {
          cancellation.check();
          // By tiles, so that rows and columns both stay in cache.
          for (int columns = 0; columns < to; columns += BlasCalls.TILE) {
            for (int i = from; i < to; i++) {
              int end = Math.min(i, columns + BlasCalls.TILE);
              for (int j = columns; j < end; j++) {
                g.put((long) i * n + j, g.get((long) j * n + i) * scale[i] * scale[j]);
              }
            }
          }
          for (int i = from; i < to; i++) {
            g.put((long) i * n + i, diagonal[i] * scale[i] * scale[i] - shift);
          }
        });
  }

  @Override
  public double factorError(double conventional, Cancellation cancellation) {
    if (!factorised) {
      throw new IllegalStateException("there is no factor whose error could be bounded");
    }
    new RandomProbe(calls.threads(), n).requireFactor(entries, diagonal, scaleExponents, shift);
    return conventional;
  }

  @Override
  public void solve(Matrix rightHandSides) {
    if (!factorised) {
      throw new IllegalStateException("there is no factor to solve with");
    }
    if (rightHandSides.rows() != n) {
      throw new IllegalArgumentException(
          "a Gram matrix of order " + n + " cannot be solved for " + rightHandSides);
    }
    int k = BlasCalls.dimension("columns", rightHandSides.columns());
    DoublePointer x = rightHandSides.data();
    calls.exclusively(
        () -> {
          for (int transpose : new int[] {CblasNoTrans, CblasTrans}) {
            if (k == 1) {
              // Bound by memory, and dtrsm would copy the factor.
              cblas_dtrsv(
                  CblasRowMajor,
                  CblasLower,
                  transpose,
                  CblasNonUnit,
                  n,
                  entries.pointer(),
                  n,
                  x,
                  1);
            } else {
              cblas_dtrsm(
                  CblasRowMajor,
                  CblasLeft,
                  CblasLower,
                  transpose,
                  CblasNonUnit,
                  n,
                  k,
                  1,
                  entries.pointer(),
                  n,
                  x,
                  k);
            }
          }
        });
  }

  @Override
  public Optional<Preconditioned> precondition(
      Matrix matrix, int[] rowExponents, double s, Cancellation cancellation) {
    if (!factorised) {
      throw new IllegalStateException("there is no factor to precondition with");
    }
    int c = BlasCalls.dimension("columns", matrix.columns());
    int panelColumns = BlasCalls.panelColumns(n, c);
    NativeDoubles.requireMemoryFor(
        (double) n * c + 2.0 * n * n + (double) n * panelColumns,
        "preconditioning a matrix of " + n + " x " + c + " f64");
    NativeDoubles difference = NativeDoubles.allocate(n, n, "a preconditioned Gram matrix");
    try (NativeDoubles memory = NativeDoubles.allocate(n, panelColumns, "a panel of columns")) {
      factorised = false;
      LowerTriangle inverse = new LowerTriangle(calls, entries(), cancellation);
      calls.exclusively(inverse::invert);
      MatrixBlock into = square(difference, n);
      for (int from = 0; from < c; from += panelColumns) {
        MatrixBlock panel = panel(memory, n, Math.min(panelColumns, c - from));
        calls.copyScaled(matrix, rowExponents, from, panel);
        double beta = from == 0 ? 0 : 1;
        calls.exclusively(
            () -> {
              inverse.multiply(panel);
              calls.addProductWithTranspose(CblasUpper, 1, panel, beta, into, cancellation);
            });
      }
      for (int from = 0; from < n; from += panelColumns) {
        int rest = n - from;
        MatrixBlock panel = panel(memory, rest, Math.min(panelColumns, rest));
        inverse.copyColumns(from, panel);
        MatrixBlock corner = into.block(from, from, rest, rest);
        calls.exclusively(
            () -> calls.addProductWithTranspose(CblasUpper, -s, panel, 1, corner, cancellation));
      }
      return Optional.of(
          new Preconditioned(new OpenBlasGram(calls, n, difference), inverse.norm()));
    } catch (RuntimeException | Error e) {
      difference.close();
      throw e;
    }
  }

  @Override
  public double[] eigenvalues() {
    factorised = false;
    // The column-major lower triangle is the row-major upper one, where G is kept.
    for (int i = 0; i < n; i++) {
      entries.indexer().put((long) i * n + i, diagonal[i]);
    }
    double[] eigenvalues = new double[n];
    try (NativeDoubles values = NativeDoubles.allocate(n, 1, "the eigenvalues")) {
      int[] info = new int[1];
      calls.exclusively(
          () ->
              info[0] =
                  LAPACKE_dsyevd(
                      LAPACK_COL_MAJOR,
                      (byte) 'N',
                      (byte) 'L',
                      n,
                      entries.pointer(),
                      n,
                      values.pointer()));
      if (info[0] != 0) {
        throw new IllegalStateException(
            "the eigenvalues of a Gram matrix of order " + n + " did not converge");
      }
      values.pointer().get(eigenvalues);
    }
    return eigenvalues;
  }

  @Override
  public void close() {
    entries.close();
  }

  /**
   * Adds x_i·|row| to the sums, from {@code at} on.
   *
   * @return the sum of |row_k|·x_{at+k}
   */
  private static double addAbsolute(double[] row, int length, int at, double[] x, double[] sums) {
    double xi = x[at - 1];
    double sum = 0;
    for (int k = 0; k < length; k++) {
      double g = Math.abs(row[k]);
      sum += g * x[at + k];
      sums[at + k] += g * xi;
    }
    return sum;
  }
}
