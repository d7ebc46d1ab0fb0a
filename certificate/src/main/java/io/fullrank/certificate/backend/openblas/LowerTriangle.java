package io.fullrank.certificate.backend.openblas;

import static org.bytedeco.openblas.global.openblas.CblasLeft;
import static org.bytedeco.openblas.global.openblas.CblasLower;
import static org.bytedeco.openblas.global.openblas.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas.CblasNonUnit;
import static org.bytedeco.openblas.global.openblas.CblasRight;
import static org.bytedeco.openblas.global.openblas.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas.CblasTrans;
import static org.bytedeco.openblas.global.openblas.LAPACKE_dpotrf;
import static org.bytedeco.openblas.global.openblas.LAPACKE_dtrtri;
import static org.bytedeco.openblas.global.openblas.LAPACK_COL_MAJOR;
import static org.bytedeco.openblas.global.openblas.cblas_dgemm;
import static org.bytedeco.openblas.global.openblas.cblas_dtrmm;
import static org.bytedeco.openblas.global.openblas.cblas_dtrsm;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.backend.GramMatrix;
import io.fullrank.certificate.matrix.MatrixBlock;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.result.Cancellation;
import org.bytedeco.javacpp.DoublePointer;

/**
 * The lower triangle of a square matrix, which is factorised and inverted in place; the strict
 * upper triangle keeps its entries. Methods that call OpenBLAS are to be called exclusively.
 */
final class LowerTriangle {

  private final BlasCalls calls;
  private final MatrixBlock entries;
  private final Cancellation cancellation;
  private final int n;

  /**
   * Works on a matrix.
   *
   * @param entries (modified) n × n without gaps between the rows
   * @param cancellation is asked between blocks of work
   */
  LowerTriangle(BlasCalls calls, MatrixBlock entries, Cancellation cancellation) {
    this.calls = calls;
    this.entries = entries;
    this.cancellation = cancellation;
    this.n = entries.rows();
  }

  /**
   * Replaces the triangle of a symmetric matrix by its Cholesky factor L.
   *
   * @return as {@link GramMatrix#factorise}
   */
  int factorise() {
    return factorise(0, n);
  }

  /**
   * Factorises the diagonal block of rows {@code from} to {@code from + size} by halves, in calls
   * of BLAS 3 that are few and large: OpenBLAS's own parallel {@code potrf} synchronises its
   * threads, which spin, so often that it slows down tenfold where a core is shared.
   *
   * @return as {@link GramMatrix#factorise}
   */
  private int factorise(int from, int size) {
    cancellation.check();
    if (size <= calls.serialOrder()) {
      return factoriseSerially(from, size);
    }
    int head = Math.min(size / 2, calls.maxBlock());
    int breakdown = factorise(from, head);
    if (breakdown != 0) {
      return breakdown;
    }
    int below = from + head;
    int end = from + size;
    for (int row = below; row < end; row += calls.maxBlock()) {
      cancellation.check();
      cblas_dtrsm(
          CblasRowMajor,
          CblasRight,
          CblasLower,
          CblasTrans,
          CblasNonUnit,
          Math.min(calls.maxBlock(), end - row),
          head,
          1,
          block(from, from),
          n,
          block(row, from),
          n);
    }
    calls.addProductWithTranspose(
        CblasLower,
        -1,
        entries.block(below, from, end - below, head),
        1,
        entries.block(below, below, end - below, end - below),
        cancellation);
    return factorise(below, end - below);
  }

  private int factoriseSerially(int from, int size) {
    // The row-major lower triangle is the column-major upper one, which LAPACKE need not copy.
    int info =
        calls.serially(
            size, () -> LAPACKE_dpotrf(LAPACK_COL_MAJOR, (byte) 'U', size, block(from, from), n));
    if (info < 0) {
      // LAPACKE refuses NaN, which only an overflow can have brought in.
      return from + 1;
    }
    int completed = info == 0 ? size : info - 1;
    for (int i = from; i < from + completed; i++) {
      double pivot = entries.at(i, i).get();
      if (!(pivot > 0 && pivot < Double.POSITIVE_INFINITY)) {
        return i + 1;
      }
    }
    return info == 0 ? 0 : from + info;
  }

  /**
   * Replaces L by L^{-1}, approximately, block by block of rows: with X the inverse of the blocks
   * above, [P D] becomes [−D^{-1}PX D^{-1}].
   */
  void invert() {
    for (int from = 0; from < n; from += calls.serialOrder()) {
      int height = Math.min(calls.serialOrder(), n - from);
      for (int column = 0; column < from; column += calls.maxBlock()) {
        cancellation.check();
        int width = Math.min(calls.maxBlock(), from - column);
        int next = column + width;
        cblas_dtrmm(
            CblasRowMajor,
            CblasRight,
            CblasLower,
            CblasNoTrans,
            CblasNonUnit,
            height,
            width,
            1,
            block(column, column),
            n,
            block(from, column),
            n);
        if (next < from) {
          cblas_dgemm(
              CblasRowMajor,
              CblasNoTrans,
              CblasNoTrans,
              height,
              width,
              from - next,
              1,
              block(from, next),
              n,
              block(next, column),
              n,
              1,
              block(from, column),
              n);
        }
      }
      if (from > 0) {
        cblas_dtrsm(
            CblasRowMajor,
            CblasLeft,
            CblasLower,
            CblasNoTrans,
            CblasNonUnit,
            height,
            from,
            -1,
            block(from, from),
            n,
            block(from, 0),
            n);
      }
      DoublePointer corner = block(from, from);
      // It fails only for a zero on the diagonal, and there is none.
      calls.serially(
          height,
          () -> LAPACKE_dtrtri(LAPACK_COL_MAJOR, (byte) 'U', (byte) 'N', height, corner, n));
    }
  }

  /**
   * Copies columns, from the row of the first one's diagonal entry on, with zeros above the
   * diagonal.
   *
   * @param from the first column
   * @param panel (output) as many rows as there are from that row on
   */
  void copyColumns(int from, MatrixBlock panel) {
    int width = panel.columns();
    RowTiles.forEach(
        calls.threads(),
        panel.rows(),
        BlasCalls.TILE,
        (part, first, end) -> {
          double[] row = new double[width];
          for (int i = first; i < end; i++) {
            block(from + i, from).get(row, 0, Math.min(width, i + 1));
            panel.at(i, 0).put(row, 0, width);
          }
        });
  }

  /**
   * Replaces a panel P by XP, from the bottom, where X is this triangle.
   *
   * @param panel (modified) n rows without gaps between them
   */
  void multiply(MatrixBlock panel) {
    int width = panel.columns();
    int block = calls.maxBlock();
    for (int from = (n - 1) / block * block; from >= 0; from -= block) {
      cancellation.check();
      int height = Math.min(block, n - from);
      DoublePointer rows = panel.at(from, 0);
      cblas_dtrmm(
          CblasRowMajor,
          CblasLeft,
          CblasLower,
          CblasNoTrans,
          CblasNonUnit,
          height,
          width,
          1,
          block(from, from),
          n,
          rows,
          width);
      if (from > 0) {
        cblas_dgemm(
            CblasRowMajor,
            CblasNoTrans,
            CblasNoTrans,
            height,
            width,
            from,
            1,
            block(from, 0),
            n,
            panel.data(),
            width,
            1,
            rows,
            width);
      }
    }
  }

  /** Returns an upper bound on the Frobenius norm of this triangle. */
  double norm() {
    double[] squares = new double[n];
    RowTiles.forEach(
        calls.threads(),
        n,
        BlasCalls.TILE,
        (part, from, to) -> {
          double[] row = new double[to];
          for (int i = from; i < to; i++) {
            block(i, 0).get(row, 0, i + 1);
            double sum = 0;
            for (int j = 0; j <= i; j++) {
              sum += row[j] * row[j];
            }
            // Each square passes through at most n roundings, or underflows.
            squares[i] =
                Upward.add(
                    Upward.divide(sum, Math.nextDown(1 - Upward.gamma(n))), n * Double.MIN_NORMAL);
          }
        });
    return Upward.squareRoot(Upward.sum(squares));
  }

  private DoublePointer block(int row, int column) {
    return entries.at(row, column);
  }
}
