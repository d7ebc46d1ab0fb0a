package io.fullrank.certificate.backend.openblas;

import static org.bytedeco.openblas.global.openblas.CblasLeft;
import static org.bytedeco.openblas.global.openblas.CblasLower;
import static org.bytedeco.openblas.global.openblas.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas.CblasNonUnit;
import static org.bytedeco.openblas.global.openblas.CblasRight;
import static org.bytedeco.openblas.global.openblas.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas.CblasTrans;
import static org.bytedeco.openblas.global.openblas.CblasUpper;
import static org.bytedeco.openblas.global.openblas.LAPACKE_dgesdd;
import static org.bytedeco.openblas.global.openblas.LAPACKE_dpotrf;
import static org.bytedeco.openblas.global.openblas.LAPACKE_dsyevd;
import static org.bytedeco.openblas.global.openblas.LAPACKE_dtrtri;
import static org.bytedeco.openblas.global.openblas.LAPACK_COL_MAJOR;
import static org.bytedeco.openblas.global.openblas.blas_get_num_threads;
import static org.bytedeco.openblas.global.openblas.blas_set_num_threads;
import static org.bytedeco.openblas.global.openblas.cblas_dgemm;
import static org.bytedeco.openblas.global.openblas.cblas_dsyrk;
import static org.bytedeco.openblas.global.openblas.cblas_dtrmm;
import static org.bytedeco.openblas.global.openblas.cblas_dtrsm;
import static org.bytedeco.openblas.global.openblas.cblas_dtrsv;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.GramMatrix;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.MatrixBlock;
import io.fullrank.certificate.matrix.NativeDoubles;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.InsufficientMemoryException;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntSupplier;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.indexer.DoubleIndexer;
import org.bytedeco.openblas.global.openblas;

/**
 * Linear algebra on the CPU: the OpenBLAS that ND4J uses too, called directly.
 *
 * <p>Its Cholesky factorisation multiplies by reciprocals of diagonal entries (in {@code potf2} and
 * in the packed {@code trsm} kernels) and lets a NaN pivot pass; both are allowed for here.
 */
public final class OpenBlas implements DenseLinearAlgebra {

  /** OpenBLAS has one pool of threads per process, and concurrent calls only fight over it. */
  private static final ReentrantLock PROCESS_WIDE = new ReentrantLock();

  /** Columns that are scaled and multiplied at a time: at most 32 MiB of them where n allows. */
  private static final long PANEL_ENTRIES = 1L << 22;

  private static final int MIN_PANEL_COLUMNS = 256;
  private static final int TILE = 64;

  /**
   * Rows and columns that one native call deals with at most, so that it ends within seconds, as
   * nothing can be cancelled meanwhile: 2·4096³ operations are 1.4 s at 100 GFLOP/s.
   */
  private static final int DEFAULT_MAX_BLOCK = 4096;

  /** OpenBLAS uses one thread up to this order anyway. */
  private static final int OPENBLAS_SERIAL_ORDER = 127;

  /**
   * Blocks up to this order are factorised on one thread: small calls on several threads, which
   * spin while they wait for each other, take many times longer where a core is shared.
   */
  private static final int DEFAULT_SERIAL_ORDER = 512;

  private final int threads;
  private final int maxBlock;
  private final int serialOrder;

  /**
   * Uses OpenBLAS with a bounded number of threads.
   *
   * @param threads at least 1
   */
  public OpenBlas(int threads) {
    this(threads, DEFAULT_MAX_BLOCK, DEFAULT_SERIAL_ORDER);
  }

  /** Works in blocks of the given sizes. */
  public OpenBlas(int threads, int maxBlock, int serialOrder) {
    if (threads < 1) {
      throw new IllegalArgumentException("at least one thread is needed, not " + threads);
    }
    this.threads = threads;
    this.maxBlock = maxBlock;
    this.serialOrder = serialOrder;
    Loader.load(openblas.class);
  }

  @Override
  public String name() {
    return "openblas";
  }

  @Override
  public int threads() {
    return threads;
  }

  @Override
  public GramMatrix gram(Matrix matrix, int[] rowExponents, Cancellation cancellation) {
    int n = dimension("rows", matrix.rows());
    int c = dimension("columns", matrix.columns());
    if (rowExponents.length != n) {
      throw new IllegalArgumentException(
          rowExponents.length + " row exponents for a matrix of " + n + " rows");
    }
    int panelColumns = panelColumns(n, c);
    NativeDoubles.requireMemoryFor(
        (double) n * c + (double) n * n + (double) n * panelColumns,
        "certifying a matrix of " + n + " x " + c + " f64 by its Gram matrix");
    NativeDoubles gram = NativeDoubles.allocate(n, n, "a Gram matrix");
    try (NativeDoubles panel = NativeDoubles.allocate(n, panelColumns, "a panel of columns")) {
      for (int from = 0; from < c; from += panelColumns) {
        int width = Math.min(panelColumns, c - from);
        copyScaled(matrix, rowExponents, from, width, panel.pointer());
        double beta = from == 0 ? 0 : 1;
        exclusively(
            () ->
                addProductWithTranspose(
                    CblasUpper,
                    n,
                    width,
                    1,
                    panel.pointer(),
                    width,
                    beta,
                    gram.pointer(),
                    n,
                    cancellation));
      }
    } catch (RuntimeException | Error e) {
      gram.close();
      throw e;
    }
    return new Gram(n, gram);
  }

  private static int panelColumns(int n, int c) {
    return (int) Math.min(c, Math.max(MIN_PANEL_COLUMNS, PANEL_ENTRIES / n));
  }

  private void copyScaled(
      Matrix matrix, int[] rowExponents, int from, int width, DoublePointer panel) {
    RowTiles.forEach(
        threads,
        rowExponents.length,
        TILE,
        (part, first, end) -> {
          double[] row = new double[width];
          for (int i = first; i < end; i++) {
            matrix.getScaledRow(i, from, rowExponents[i], row, width);
            panel.getPointer((long) i * width).put(row, 0, width);
          }
        });
  }

  /**
   * Replaces a triangle of C by that of βC + αAAᵀ, in calls that are short enough to be cancelled.
   *
   * @param triangle which, {@link org.bytedeco.openblas.global.openblas#CblasLower} or Upper
   * @param n the rows of A (row-major, n × k) and C (row-major, n × n)
   * @param strideA entries from row to row of A
   * @param strideC entries from row to row of C
   */
  private void addProductWithTranspose(
      int triangle,
      int n,
      int k,
      double alpha,
      DoublePointer a,
      int strideA,
      double beta,
      DoublePointer c,
      int strideC,
      Cancellation cancellation) {
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
            a.getPointer((long) row * strideA),
            strideA,
            a.getPointer((long) column * strideA),
            strideA,
            beta,
            c.getPointer((long) row * strideC + column),
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
          a.getPointer((long) i * strideA),
          strideA,
          beta,
          c.getPointer((long) i * strideC + i),
          strideC);
    }
  }

  @Override
  public Matrix multiply(Matrix a, Matrix b) {
    if (a.columns() != b.rows()) {
      throw new IllegalArgumentException("cannot multiply " + a + " by " + b);
    }
    return product(CblasNoTrans, a, a.rows(), a.columns(), b);
  }

  @Override
  public Matrix multiplyTransposed(Matrix a, Matrix b) {
    if (a.rows() != b.rows()) {
      throw new IllegalArgumentException("cannot multiply the transpose of " + a + " by " + b);
    }
    return product(CblasTrans, a, a.columns(), a.rows(), b);
  }

  private Matrix product(int transA, Matrix a, long rows, long inner, Matrix b) {
    int p = dimension("rows", rows);
    int q = dimension("columns", inner);
    int r = dimension("columns", b.columns());
    Matrix c = Matrix.allocate(p, r);
    exclusively(
        () ->
            cblas_dgemm(
                CblasRowMajor,
                transA,
                CblasNoTrans,
                p,
                r,
                q,
                1,
                a.data(),
                (int) a.columns(),
                b.data(),
                r,
                0,
                c.data(),
                r));
    return c;
  }

  @Override
  public void subtractProduct(MatrixBlock c, MatrixBlock a, MatrixBlock b) {
    if (a.columns() != b.rows() || c.rows() != a.rows() || c.columns() != b.columns()) {
      throw new IllegalArgumentException(
          "cannot subtract the product of " + a + " and " + b + " from " + c);
    }
    if (c.rows() == 0 || c.columns() == 0 || a.columns() == 0) {
      return;
    }
    exclusively(
        () ->
            cblas_dgemm(
                CblasRowMajor,
                CblasNoTrans,
                CblasNoTrans,
                c.rows(),
                c.columns(),
                a.columns(),
                -1,
                a.data(),
                dimension("columns", a.stride()),
                b.data(),
                dimension("columns", b.stride()),
                1,
                c.data(),
                dimension("columns", c.stride())));
  }

  /**
   * Computes the singular values by LAPACK's dgesdd, which works on a copy. They are approximate,
   * with absolute errors of about u·‖Φ‖₂; certificates do not use them.
   *
   * @param matrix (input) Φ, n × c
   * @return min(n, c) singular values, descending
   * @throws InsufficientMemoryException if the copy does not fit
   * @throws IllegalStateException if they do not converge
   */
  public double[] singularValues(Matrix matrix) {
    int n = dimension("rows", matrix.rows());
    int c = dimension("columns", matrix.columns());
    double[] values = new double[Math.min(n, c)];
    try (NativeDoubles copy = NativeDoubles.allocate(n, c, "a copy for singular values")) {
      Pointer.memcpy(copy.pointer(), matrix.data(), (long) n * c * Double.BYTES);
      int[] info = new int[1];
      try (NativeDoubles sigma = NativeDoubles.allocate(values.length, 1, "singular values")) {
        // The row-major matrix is the column-major transpose, with the same singular values.
        exclusively(
            () ->
                info[0] =
                    LAPACKE_dgesdd(
                        LAPACK_COL_MAJOR,
                        (byte) 'N',
                        c,
                        n,
                        copy.pointer(),
                        c,
                        sigma.pointer(),
                        (DoublePointer) null,
                        c,
                        (DoublePointer) null,
                        n));
        sigma.pointer().get(values);
      }
      if (info[0] != 0) {
        throw new IllegalStateException("the singular values of " + matrix + " did not converge");
      }
    }
    return values;
  }

  /** Returns the name and version of the library. */
  public static String version() {
    return openblas.OPENBLAS_VERSION.strip();
  }

  private static int dimension(String name, long value) {
    if (value > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "OpenBLAS takes at most " + Integer.MAX_VALUE + " " + name + ", not " + value);
    }
    return (int) value;
  }

  private void exclusively(Runnable work) {
    PROCESS_WIDE.lock();
    try {
      useThreads(threads);
      work.run();
    } finally {
      PROCESS_WIDE.unlock();
    }
  }

  /** Runs LAPACK on one thread for a matrix of some order; to be called exclusively. */
  private int serially(int order, IntSupplier lapack) {
    if (order <= OPENBLAS_SERIAL_ORDER) {
      return lapack.getAsInt();
    }
    useThreads(1);
    try {
      return lapack.getAsInt();
    } finally {
      useThreads(threads);
    }
  }

  private static void useThreads(int threads) {
    if (blas_get_num_threads() != threads) {
      blas_set_num_threads(threads);
    }
  }

  /**
   * G in the upper triangle, with its diagonal in {@code diagonal}; the factor, when there is one,
   * in the lower triangle.
   */
  private final class Gram implements GramMatrix {

    private final int n;
    private final NativeDoubles entries;
    private final double[] diagonal;
    private boolean factorised;

    /** Takes a matrix whose upper triangle is filled. */
    Gram(int n, NativeDoubles entries) {
      this.n = n;
      this.entries = entries;
      this.diagonal = new double[n];
      for (int i = 0; i < n; i++) {
        diagonal[i] = entries.indexer().get((long) i * n + i);
      }
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
      double[][] sums = new double[threads][n];
      RowTiles.forEach(
          threads,
          n,
          TILE,
          (part, from, to) -> {
            double[] row = new double[n];
            for (int i = from; i < to; i++) {
              int right = n - i - 1;
              entries.pointer().getPointer((long) i * n + i + 1).get(row, 0, right);
              sums[part][i] += diagonal[i] * x[i] + addAbsolute(row, right, i + 1, x, sums[part]);
            }
          });
      for (int part = 1; part < threads; part++) {
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
      exclusively(() -> breakdown[0] = factorise(0, n, cancellation));
      factorised = breakdown[0] == 0;
      return breakdown[0];
    }

    /** Puts SGS − shift·I into the lower triangle. */
    private void copyScaledAndShifted(
        int[] scaleExponents, double shift, Cancellation cancellation) {
      double[] scale = new double[n];
      for (int i = 0; i < n; i++) {
        scale[i] = Math.scalb(1.0, scaleExponents[i]);
      }
      DoubleIndexer g = entries.indexer();
      RowTiles.forEach(
          threads,
          n,
          TILE,
          (part, from, to) -> {
            cancellation.check();
            // By tiles, so that rows and columns both stay in cache.
            for (int columns = 0; columns < to; columns += TILE) {
              for (int i = from; i < to; i++) {
                int end = Math.min(i, columns + TILE);
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

    /**
     * Factorises the diagonal block of rows {@code from} to {@code from + size} by halves, in calls
     * of BLAS 3 that are few and large: OpenBLAS's own parallel {@code potrf} synchronises its
     * threads, which spin, so often that it slows down tenfold where a core is shared.
     *
     * @return as {@link GramMatrix#factorise}
     */
    private int factorise(int from, int size, Cancellation cancellation) {
      cancellation.check();
      if (size <= serialOrder) {
        return factoriseSerially(from, size);
      }
      int head = Math.min(size / 2, maxBlock);
      int breakdown = factorise(from, head, cancellation);
      if (breakdown != 0) {
        return breakdown;
      }
      int below = from + head;
      int end = from + size;
      for (int row = below; row < end; row += maxBlock) {
        cancellation.check();
        cblas_dtrsm(
            CblasRowMajor,
            CblasRight,
            CblasLower,
            CblasTrans,
            CblasNonUnit,
            Math.min(maxBlock, end - row),
            head,
            1,
            block(from, from),
            n,
            block(row, from),
            n);
      }
      addProductWithTranspose(
          CblasLower,
          end - below,
          head,
          -1,
          block(below, from),
          n,
          1,
          block(below, below),
          n,
          cancellation);
      return factorise(below, end - below, cancellation);
    }

    private int factoriseSerially(int from, int size) {
      // The row-major lower triangle is the column-major upper one, which LAPACKE need not copy.
      int info =
          serially(
              size, () -> LAPACKE_dpotrf(LAPACK_COL_MAJOR, (byte) 'U', size, block(from, from), n));
      if (info < 0) {
        // LAPACKE refuses NaN, which only an overflow can have brought in.
        return from + 1;
      }
      int completed = info == 0 ? size : info - 1;
      for (int i = from; i < from + completed; i++) {
        double pivot = entries.indexer().get((long) i * n + i);
        if (!(pivot > 0 && pivot < Double.POSITIVE_INFINITY)) {
          return i + 1;
        }
      }
      return info == 0 ? 0 : from + info;
    }

    @Override
    public double factorError(double conventional, Cancellation cancellation) {
      if (!factorised) {
        throw new IllegalStateException("there is no factor whose error could be bounded");
      }
      return conventional;
    }

    private DoublePointer block(int row, int column) {
      return entries.pointer().getPointer((long) row * n + column);
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
      int k = dimension("columns", rightHandSides.columns());
      DoublePointer x = rightHandSides.data();
      exclusively(
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
      int c = dimension("columns", matrix.columns());
      int panelColumns = panelColumns(n, c);
      NativeDoubles.requireMemoryFor(
          (double) n * c + 2.0 * n * n + (double) n * panelColumns,
          "preconditioning a matrix of " + n + " x " + c + " f64");
      NativeDoubles difference = NativeDoubles.allocate(n, n, "a preconditioned Gram matrix");
      try (NativeDoubles panel = NativeDoubles.allocate(n, panelColumns, "a panel of columns")) {
        factorised = false;
        exclusively(() -> invert(cancellation));
        for (int from = 0; from < c; from += panelColumns) {
          int width = Math.min(panelColumns, c - from);
          copyScaled(matrix, rowExponents, from, width, panel.pointer());
          double beta = from == 0 ? 0 : 1;
          exclusively(
              () -> {
                multiplyByLowerTriangle(panel.pointer(), width, cancellation);
                addProductWithTranspose(
                    CblasUpper,
                    n,
                    width,
                    1,
                    panel.pointer(),
                    width,
                    beta,
                    difference.pointer(),
                    n,
                    cancellation);
              });
        }
        for (int from = 0; from < n; from += panelColumns) {
          int first = from;
          int width = Math.min(panelColumns, n - from);
          copyLowerTriangle(from, width, panel.pointer());
          exclusively(
              () ->
                  addProductWithTranspose(
                      CblasUpper,
                      n - first,
                      width,
                      -s,
                      panel.pointer(),
                      width,
                      1,
                      difference.pointer().getPointer((long) first * n + first),
                      n,
                      cancellation));
        }
        return Optional.of(new Preconditioned(new Gram(n, difference), normOfLowerTriangle()));
      } catch (RuntimeException | Error e) {
        difference.close();
        throw e;
      }
    }

    /**
     * Replaces L by L^{-1}, approximately, block by block of rows: with X the inverse of the blocks
     * above, [P D] becomes [−D^{-1}PX D^{-1}].
     */
    private void invert(Cancellation cancellation) {
      for (int from = 0; from < n; from += serialOrder) {
        int height = Math.min(serialOrder, n - from);
        for (int column = 0; column < from; column += maxBlock) {
          cancellation.check();
          int width = Math.min(maxBlock, from - column);
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
        serially(
            height,
            () -> LAPACKE_dtrtri(LAPACK_COL_MAJOR, (byte) 'U', (byte) 'N', height, corner, n));
      }
    }

    /** Copies columns of the lower triangle, from their first row on, with zeros above. */
    private void copyLowerTriangle(int from, int width, DoublePointer panel) {
      RowTiles.forEach(
          threads,
          n - from,
          TILE,
          (part, first, end) -> {
            double[] row = new double[width];
            for (int i = first; i < end; i++) {
              block(from + i, from).get(row, 0, Math.min(width, i + 1));
              panel.getPointer((long) i * width).put(row, 0, width);
            }
          });
    }

    /** Replaces a panel P by XP, from the bottom, with X in the lower triangle. */
    private void multiplyByLowerTriangle(
        DoublePointer panel, int width, Cancellation cancellation) {
      for (int from = (n - 1) / maxBlock * maxBlock; from >= 0; from -= maxBlock) {
        cancellation.check();
        int height = Math.min(maxBlock, n - from);
        DoublePointer rows = panel.getPointer((long) from * width);
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
              panel,
              width,
              1,
              rows,
              width);
        }
      }
    }

    /** Returns an upper bound on the Frobenius norm of the lower triangle. */
    private double normOfLowerTriangle() {
      double[] squares = new double[n];
      RowTiles.forEach(
          threads,
          n,
          TILE,
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
                      Upward.divide(sum, Math.nextDown(1 - Upward.gamma(n))),
                      n * Double.MIN_NORMAL);
            }
          });
      return Upward.squareRoot(Upward.sum(squares));
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
        exclusively(
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
