package io.fullrank.certificate.backend.openblas;

import static org.bytedeco.openblas.global.openblas.CblasLower;
import static org.bytedeco.openblas.global.openblas.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas.CblasTrans;
import static org.bytedeco.openblas.global.openblas.cblas_dgemm;
import static org.bytedeco.openblas.global.openblas.cblas_dsyrk;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.MatrixBlock;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.result.Cancellation;
import java.util.function.IntSupplier;

/**
 * How OpenBLAS is called: on how many threads, and in blocks of which size.
 *
 * @param threads the largest number of threads to use, also for loops in Java
 * @param maxBlock the largest number of rows and columns of one native call, so that it ends within
 *     seconds, because it cannot be cancelled
 * @param serialOrder blocks up to this order are factorised on one thread: small calls on several
 *     threads, which spin while they wait for each other, take many times longer where a core is
 *     shared
 */
record BlasCalls(int threads, int maxBlock, int serialOrder) {

  /** Rows that a thread processes at a time. */
  static final int TILE = 64;

  /** Columns that are scaled and multiplied at a time: at most 32 MiB of them where n allows. */
  private static final long PANEL_ENTRIES = 1L << 22;

  private static final int MIN_PANEL_COLUMNS = 256;

  /** OpenBLAS uses one thread up to this order anyway. */
  private static final int OPENBLAS_SERIAL_ORDER = 127;

  /**
   * Checks the number of threads.
   *
   * @throws IllegalArgumentException if there are none
   */
  BlasCalls {
    if (threads < 1) {
      throw new IllegalArgumentException("at least one thread is needed, not " + threads);
    }
  }

  /** Returns a dimension of a matrix as an {@code int}, which OpenBLAS takes. */
  static int dimension(String name, long value) {
    if (value > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "OpenBLAS takes at most " + Integer.MAX_VALUE + " " + name + ", not " + value);
    }
    return (int) value;
  }

  /** Returns the number of columns of an n × c matrix to process at a time. */
  static int panelColumns(int n, int c) {
    return (int) Math.min(c, Math.max(MIN_PANEL_COLUMNS, PANEL_ENTRIES / n));
  }

  /** Calls OpenBLAS while nothing else does. */
  void exclusively(Runnable work) {
    BlasThreads.ofProcess().exclusively(threads, work);
  }

  /** Calls LAPACK on one thread for a matrix of some order; to be called exclusively. */
  int serially(int order, IntSupplier lapack) {
    return order <= OPENBLAS_SERIAL_ORDER
        ? lapack.getAsInt()
        : BlasThreads.ofProcess().partOnOneThread(lapack);
  }

  /**
   * Fills a panel with columns of diag(2^-e_i)·Φ.
   *
   * @param matrix (input) Φ
   * @param rowExponents (input) e
   * @param from the first column
   * @param panel (output) as many rows as Φ has
   */
  void copyScaled(Matrix matrix, int[] rowExponents, int from, MatrixBlock panel) {
    RowTiles.forEach(
        threads,
        panel.rows(),
        TILE,
        (part, first, end) -> {
          double[] row = new double[panel.columns()];
          for (int i = first; i < end; i++) {
            matrix.getScaledRow(i, from, rowExponents[i], row, row.length);
            panel.at(i, 0).put(row, 0, row.length);
          }
        });
  }

  /**
   * Replaces a triangle of C by that of βC + αAAᵀ; to be called exclusively.
   *
   * @param triangle which, {@link org.bytedeco.openblas.global.openblas#CblasLower} or Upper
   * @param a (input) n × k
   * @param c (modified) n × n
   */
  void addProductWithTranspose(
      int triangle,
      double alpha,
      MatrixBlock a,
      double beta,
      MatrixBlock c,
      Cancellation cancellation) {
    int n = a.rows();
    int k = a.columns();
    int strideA = dimension("columns", a.stride());
    int strideC = dimension("columns", c.stride());
    for (int i = 0; i < n; i += maxBlock) {
      int height = Math.min(maxBlock, n - i);
      for (int j = 0; j < i; j += maxBlock) {
        cancellation.check();
        boolean lower = triangle == CblasLower;
        int row = lower ? i : j;
        int column = lower ? j : i;
        cblas_dgemm(
            CblasRowMajor,
            CblasNoTrans,
            CblasTrans,
            lower ? height : maxBlock,
            lower ? maxBlock : height,
            k,
            alpha,
            a.at(row, 0),
            strideA,
            a.at(column, 0),
            strideA,
            beta,
            c.at(row, column),
            strideC);
      }
      cancellation.check();
      cblas_dsyrk(
          CblasRowMajor,
          triangle,
          CblasNoTrans,
          height,
          k,
          alpha,
          a.at(i, 0),
          strideA,
          beta,
          c.at(i, i),
          strideC);
    }
  }
}
