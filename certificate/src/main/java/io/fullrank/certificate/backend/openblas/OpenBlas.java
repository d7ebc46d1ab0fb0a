package io.fullrank.certificate.backend.openblas;

import static org.bytedeco.openblas.global.openblas.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas.CblasTrans;
import static org.bytedeco.openblas.global.openblas.LAPACKE_dgesdd;
import static org.bytedeco.openblas.global.openblas.LAPACK_COL_MAJOR;
import static org.bytedeco.openblas.global.openblas.cblas_dgemm;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.GramMatrix;
import io.fullrank.certificate.backend.GramSource;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.backend.SmallProducts;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.MatrixBlock;
import io.fullrank.certificate.matrix.NativeDoubles;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.InsufficientMemoryException;
import java.util.function.Consumer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.openblas.global.openblas;

/**
 * Linear algebra on the CPU: the OpenBLAS that ND4J uses too, called directly.
 *
 * <p>Its Cholesky factorisation multiplies by reciprocals of diagonal entries (in {@code potf2} and
 * in the packed {@code trsm} kernels) and lets a NaN pivot pass; both are allowed for here.
 */
public final class OpenBlas implements DenseLinearAlgebra {

  /** 2·4096³ operations are 1.4 s at 100 GFLOP/s. */
  private static final int DEFAULT_MAX_BLOCK = 4096;

  private static final int DEFAULT_SERIAL_ORDER = 512;

  private final BlasCalls calls;

  /**
   * Uses OpenBLAS with a bounded number of threads.
   *
   * @param threads at least 1
   * @throws InexactBackendException if a kernel gives a wrong answer where the right one is known
   */
  public OpenBlas(int threads) {
    this(threads, DEFAULT_MAX_BLOCK, DEFAULT_SERIAL_ORDER);
  }

  /** Works in blocks of the given sizes. */
  public OpenBlas(int threads, int maxBlock, int serialOrder) {
    this.calls = new BlasCalls(threads, maxBlock, serialOrder);
    Loader.load(openblas.class);
    calls.exclusively(KnownAnswers::require);
  }

  @Override
  public String name() {
    return "openblas";
  }

  @Override
  public int threads() {
    return calls.threads();
  }

  @Override
  public double gramBytes(long rows, long columns) {
    return OpenBlasGram.bytes(rows, columns);
  }

  @Override
  public GramMatrix gram(Matrix matrix, int[] rowExponents, Cancellation cancellation) {
    return OpenBlasGram.of(calls, matrix, rowExponents, cancellation);
  }

  @Override
  public GramMatrix gram(GramSource source, Cancellation cancellation) {
    return OpenBlasGram.of(calls, source, this, cancellation);
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
    int p = BlasCalls.dimension("rows", rows);
    int q = BlasCalls.dimension("columns", inner);
    int r = BlasCalls.dimension("columns", b.columns());
    Matrix c = Matrix.allocate(p, r);
    calls.exclusively(
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
    calls.exclusively(
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
                BlasCalls.dimension("columns", a.stride()),
                b.data(),
                BlasCalls.dimension("columns", b.stride()),
                1,
                c.data(),
                BlasCalls.dimension("columns", c.stride())));
  }

  @Override
  public void withSmallProducts(Consumer<SmallProducts> work) {
    calls.exclusively(
        () ->
            BlasThreads.ofProcess()
                .partOnOneThread(
                    () -> {
                      work.accept(OpenBlasSmallProducts.tested());
                      return 0;
                    }));
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
    int n = BlasCalls.dimension("rows", matrix.rows());
    int c = BlasCalls.dimension("columns", matrix.columns());
    double[] values = new double[Math.min(n, c)];
    try (NativeDoubles copy = NativeDoubles.allocate(n, c, "a copy for singular values")) {
      Pointer.memcpy(copy.pointer(), matrix.data(), (long) n * c * Double.BYTES);
      int[] info = new int[1];
      try (NativeDoubles sigma = NativeDoubles.allocate(values.length, 1, "singular values")) {
        // The row-major matrix is the column-major transpose, with the same singular values.
        calls.exclusively(
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
}
