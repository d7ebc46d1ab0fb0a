package io.fullrank.certificate;

import static org.bytedeco.openblas.global.openblas.CblasLeft;
import static org.bytedeco.openblas.global.openblas.CblasLower;
import static org.bytedeco.openblas.global.openblas.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas.CblasNonUnit;
import static org.bytedeco.openblas.global.openblas.CblasRight;
import static org.bytedeco.openblas.global.openblas.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas.CblasTrans;
import static org.bytedeco.openblas.global.openblas.LAPACKE_dpotrf;
import static org.bytedeco.openblas.global.openblas.LAPACKE_dsyevd;
import static org.bytedeco.openblas.global.openblas.LAPACK_COL_MAJOR;
import static org.bytedeco.openblas.global.openblas.blas_get_num_threads;
import static org.bytedeco.openblas.global.openblas.blas_set_num_threads;
import static org.bytedeco.openblas.global.openblas.cblas_dgemm;
import static org.bytedeco.openblas.global.openblas.cblas_dsyrk;
import static org.bytedeco.openblas.global.openblas.cblas_dtrsm;

import java.util.concurrent.locks.ReentrantLock;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.Loader;
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

  /** Columns that are scaled and multiplied at a time: at most 128 MiB of them where n allows. */
  private static final long PANEL_ENTRIES = 1L << 24;

  private static final int MIN_PANEL_COLUMNS = 256;
  private static final int TILE = 64;

  /** OpenBLAS factorises up to this order on one thread. */
  private static final int SERIAL_CHOLESKY_ORDER = 127;

  private final int threads;

  /**
   * Uses OpenBLAS with a bounded number of threads.
   *
   * @param threads at least 1
   */
  public OpenBlas(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("at least one thread is needed, not " + threads);
    }
    this.threads = threads;
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
  public GramMatrix gram(FeatureMatrix matrix, int[] rowExponents, Cancellation cancellation) {
    int n = dimension("rows", matrix.rows());
    int c = dimension("columns", matrix.columns());
    if (rowExponents.length != n) {
      throw new IllegalArgumentException(
          rowExponents.length + " row exponents for a matrix of " + n + " rows");
    }
    int panelColumns = (int) Math.min(c, Math.max(MIN_PANEL_COLUMNS, PANEL_ENTRIES / n));
    NativeDoubles gram = NativeDoubles.allocate(n, n, "a Gram matrix");
    try (NativeDoubles panel = NativeDoubles.allocate(n, panelColumns, "a panel of columns")) {
      for (int from = 0; from < c; from += panelColumns) {
        cancellation.check();
        int width = Math.min(panelColumns, c - from);
        copyScaled(matrix, rowExponents, from, width, panel.pointer());
        double beta = from == 0 ? 0 : 1;
        exclusively(
            () ->
                cblas_dsyrk(
                    CblasRowMajor,
                    CblasLower,
                    CblasNoTrans,
                    n,
                    width,
                    1,
                    panel.pointer(),
                    width,
                    beta,
                    gram.pointer(),
                    n));
      }
    } catch (RuntimeException | Error e) {
      gram.close();
      throw e;
    }
    return new Gram(n, gram);
  }

  private static void copyScaled(
      FeatureMatrix matrix, int[] rowExponents, int from, int width, DoublePointer panel) {
    double[] row = new double[width];
    for (int i = 0; i < rowExponents.length; i++) {
      matrix.getRow(i, from, row, 0, width);
      // Two factors, because 2^-e alone may not be a double.
      int half = rowExponents[i] / 2;
      double first = Math.scalb(1.0, -half);
      double second = Math.scalb(1.0, -(rowExponents[i] - half));
      for (int j = 0; j < width; j++) {
        row[j] = row[j] * first * second;
      }
      panel.getPointer((long) i * width).put(row, 0, width);
    }
  }

  @Override
  public FeatureMatrix multiply(FeatureMatrix a, FeatureMatrix b) {
    if (a.columns() != b.rows()) {
      throw new IllegalArgumentException("cannot multiply " + a + " by " + b);
    }
    return product(CblasNoTrans, a, a.rows(), a.columns(), b);
  }

  @Override
  public FeatureMatrix multiplyTransposed(FeatureMatrix a, FeatureMatrix b) {
    if (a.rows() != b.rows()) {
      throw new IllegalArgumentException("cannot multiply the transpose of " + a + " by " + b);
    }
    return product(CblasTrans, a, a.columns(), a.rows(), b);
  }

  private FeatureMatrix product(
      int transA, FeatureMatrix a, long rows, long inner, FeatureMatrix b) {
    int p = dimension("rows", rows);
    int q = dimension("columns", inner);
    int r = dimension("columns", b.columns());
    FeatureMatrix c = FeatureMatrix.allocate(p, r);
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
      if (blas_get_num_threads() != threads) {
        blas_set_num_threads(threads);
      }
      work.run();
    } finally {
      PROCESS_WIDE.unlock();
    }
  }

  /**
   * G in the strict upper triangle and {@code diagonal}; the factor, when there is one, in the
   * lower triangle.
   */
  private final class Gram implements GramMatrix {

    private final int n;
    private final NativeDoubles entries;
    private final double[] diagonal;
    private boolean factorised;

    /** Takes a matrix whose lower triangle dsyrk has filled. */
    Gram(int n, NativeDoubles entries) {
      this.n = n;
      this.entries = entries;
      this.diagonal = new double[n];
      DoubleIndexer g = entries.indexer();
      forEachTileOfLowerTriangle(
          (i, j) -> {
            double value = g.get((long) i * n + j);
            if (i == j) {
              diagonal[i] = value;
            } else {
              g.put((long) j * n + i, value);
            }
          });
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
      double[] y = new double[n];
      double[] row = new double[n];
      for (int i = 0; i < n; i++) {
        int right = n - i - 1;
        entries.pointer().getPointer((long) i * n + i + 1).get(row, 0, right);
        double xi = x[i];
        double sum = diagonal[i] * xi;
        for (int k = 0; k < right; k++) {
          double g = Math.abs(row[k]);
          sum += g * x[i + 1 + k];
          y[i + 1 + k] += g * xi;
        }
        y[i] += sum;
      }
      return y;
    }

    @Override
    public int factorise(int[] scaleExponents, double shift, Cancellation cancellation) {
      factorised = false;
      double[] scale = new double[n];
      for (int i = 0; i < n; i++) {
        scale[i] = Math.scalb(1.0, scaleExponents[i]);
      }
      DoubleIndexer g = entries.indexer();
      forEachTileOfLowerTriangle(
          (i, j) -> {
            double value = i == j ? diagonal[i] : g.get((long) j * n + i);
            double scaled = value * scale[i] * scale[j];
            g.put((long) i * n + j, i == j ? scaled - shift : scaled);
          });
      int[] breakdown = new int[1];
      exclusively(() -> breakdown[0] = factorise(0, n, cancellation));
      factorised = breakdown[0] == 0;
      return breakdown[0];
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
      if (size <= SERIAL_CHOLESKY_ORDER) {
        return factoriseSerially(from, size);
      }
      int head = size / 2;
      int tail = size - head;
      int breakdown = factorise(from, head, cancellation);
      if (breakdown != 0) {
        return breakdown;
      }
      DoublePointer topLeft = block(from, from);
      DoublePointer bottomLeft = block(from + head, from);
      DoublePointer bottomRight = block(from + head, from + head);
      cblas_dtrsm(
          CblasRowMajor,
          CblasRight,
          CblasLower,
          CblasTrans,
          CblasNonUnit,
          tail,
          head,
          1,
          topLeft,
          n,
          bottomLeft,
          n);
      cblas_dsyrk(
          CblasRowMajor,
          CblasLower,
          CblasNoTrans,
          tail,
          head,
          -1,
          bottomLeft,
          n,
          1,
          bottomRight,
          n);
      return factorise(from + head, tail, cancellation);
    }

    private int factoriseSerially(int from, int size) {
      // The row-major lower triangle is the column-major upper one, which LAPACKE need not copy.
      int info = LAPACKE_dpotrf(LAPACK_COL_MAJOR, (byte) 'U', size, block(from, from), n);
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
    public void solve(FeatureMatrix rightHandSides) {
      if (!factorised) {
        throw new IllegalStateException("there is no factor to solve with");
      }
      if (rightHandSides.rows() != n) {
        throw new IllegalArgumentException(
            "a Gram matrix of order " + n + " cannot be solved for " + rightHandSides);
      }
      int k = dimension("columns", rightHandSides.columns());
      exclusively(
          () -> {
            for (int transpose : new int[] {CblasNoTrans, CblasTrans}) {
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
                  rightHandSides.data(),
                  k);
            }
          });
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

    /** Visits every (i, j) with j ≤ i, tile by tile so that rows and columns both stay in cache. */
    private void forEachTileOfLowerTriangle(EntryVisitor visitor) {
      for (int rowTile = 0; rowTile < n; rowTile += TILE) {
        for (int columnTile = 0; columnTile <= rowTile; columnTile += TILE) {
          for (int i = rowTile; i < Math.min(n, rowTile + TILE); i++) {
            for (int j = columnTile; j < Math.min(i + 1, columnTile + TILE); j++) {
              visitor.visit(i, j);
            }
          }
        }
      }
    }
  }

  private interface EntryVisitor {
    void visit(int row, int column);
  }
}
