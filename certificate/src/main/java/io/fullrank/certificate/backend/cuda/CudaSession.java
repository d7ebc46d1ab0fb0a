package io.fullrank.certificate.backend.cuda;

import static org.bytedeco.cuda.global.cublas.*;
import static org.bytedeco.cuda.global.cudart.*;
import static org.bytedeco.cuda.global.cusolver.*;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Function;
import org.bytedeco.cuda.cublas.cublasContext;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.cusolver.cusolverDnContext;
import org.bytedeco.cuda.cusolver.cusolverDnParams;
import org.bytedeco.javacpp.DoublePointer;

/**
 * One stream of work on the device, with the handles of the libraries and the operations on it.
 *
 * <p><b>Layout.</b> Matrices are column-major on the device, with a leading dimension, as cuBLAS
 * wants them, and 64-bit sizes. A row-major p × q matrix of the host is, in the same order in
 * memory, a column-major q × p matrix on the device: its transpose.
 *
 * <p><b>Arithmetic.</b> The math mode is {@code CUBLAS_PEDANTIC_MATH}: products are sums of
 * products in IEEE f64, as {@link DenseLinearAlgebra} demands. Newer versions of cuBLAS can emulate
 * f64 by integers that share one scale for a row or column, for which no componentwise error bound
 * holds; that takes another math mode, or an environment variable, which {@link Cuda} refuses.
 *
 * <p>Calls return before the work is done; results are read after {@link #synchronise} or by {@link
 * #download}, which wait. Not thread-safe.
 */
final class CudaSession implements AutoCloseable {

  private final cublasContext blas = new cublasContext();
  private final cusolverDnContext solver = new cusolverDnContext();
  private final cusolverDnParams parameters = new cusolverDnParams();
  private final CUstream_st stream = new CUstream_st();

  /** A scalar that cuBLAS has read when the call returns. */
  private final DoublePointer alpha = new DoublePointer(1);

  private final DoublePointer beta = new DoublePointer(1);

  /** Memory to be freed with the session, the newest first. */
  private final Deque<AutoCloseableMemory> memory = new ArrayDeque<>();

  private CudaSession() {}

  /** Memory whose release throws nothing but errors of CUDA. */
  interface AutoCloseableMemory extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Opens a session for an object that will close it; closes it here if making the object fails.
   *
   * @param make makes the object
   */
  static <T> T keepFor(Function<CudaSession, T> make) {
    CudaSession session = open();
    try {
      return make.apply(session);
    } catch (RuntimeException | Error e) {
      try {
        session.close();
      } catch (RuntimeException closing) {
        e.addSuppressed(closing);
      }
      throw e;
    }
  }

  /** Opens a stream of work on the current device, the first one that the process may see. */
  static CudaSession open() {
    CudaSession session = new CudaSession();
    try {
      check(cudaStreamCreateWithFlags(session.stream, cudaStreamNonBlocking), "cudaStreamCreate");
      session.blas(cublasCreate_v2(session.blas), "cublasCreate");
      session.blas(cublasSetStream_v2(session.blas, session.stream), "cublasSetStream");
      session.blas(cublasSetMathMode(session.blas, CUBLAS_PEDANTIC_MATH), "cublasSetMathMode");
      solver(cusolverDnCreate(session.solver), "cusolverDnCreate");
      solver(cusolverDnSetStream(session.solver, session.stream), "cusolverDnSetStream");
      solver(cusolverDnCreateParams(session.parameters), "cusolverDnCreateParams");
      return session;
    } catch (RuntimeException | Error e) {
      session.close();
      throw e;
    }
  }

  /** Returns the stream, for work beside that of the libraries. */
  CUstream_st stream() {
    return stream;
  }

  /** Allocates memory of the device, which is freed with the session. */
  DeviceDoubles allocate(long count, String purpose) {
    return owned(DeviceDoubles.allocate(count, purpose));
  }

  /** Allocates page-locked memory of the host, which is freed with the session or earlier. */
  PinnedDoubles pin(long count) {
    return owned(PinnedDoubles.allocate(count));
  }

  private <T extends AutoCloseableMemory> T owned(T block) {
    memory.push(block);
    return block;
  }

  /** Waits until all work is done. */
  void synchronise() {
    check(cudaStreamSynchronize(stream), "the work on the device");
  }

  /**
   * Copies a rectangle from the host: {@code rows} pieces of {@code length} entries each.
   *
   * @param toStride entries from one piece to the next on the device
   * @param fromStride entries from one piece to the next on the host
   */
  void upload(
      DoublePointer to,
      long toStride,
      DoublePointer from,
      long fromStride,
      long length,
      long rows) {
    copy(to, toStride, from, fromStride, length, rows, cudaMemcpyHostToDevice);
    synchronise();
  }

  /** Copies a rectangle to the host, and waits for it. */
  void download(
      DoublePointer to,
      long toStride,
      DoublePointer from,
      long fromStride,
      long length,
      long rows) {
    copy(to, toStride, from, fromStride, length, rows, cudaMemcpyDeviceToHost);
    synchronise();
  }

  /** Copies a rectangle within the device. */
  void copy(
      DoublePointer to,
      long toStride,
      DoublePointer from,
      long fromStride,
      long length,
      long rows) {
    copy(to, toStride, from, fromStride, length, rows, cudaMemcpyDeviceToDevice);
  }

  private void copy(
      DoublePointer to,
      long toStride,
      DoublePointer from,
      long fromStride,
      long length,
      long rows,
      int kind) {
    if (length == 0 || rows == 0) {
      return;
    }
    check(
        cudaMemcpy2DAsync(
            to,
            toStride * Double.BYTES,
            from,
            fromStride * Double.BYTES,
            length * Double.BYTES,
            rows,
            kind,
            stream),
        "cudaMemcpy2D");
  }

  /** Copies values to the device. */
  void upload(DoublePointer to, double[] values) {
    try (DoublePointer from = new DoublePointer(values)) {
      upload(to, values.length, from, values.length, values.length, 1);
    }
  }

  /** Copies entries from the device. */
  double[] download(DoublePointer from, int count) {
    double[] values = new double[count];
    try (DoublePointer to = new DoublePointer(count)) {
      download(to, count, from, count, count, 1);
      to.get(values);
    }
    return values;
  }

  /** Sets a rectangle of {@code rows} pieces to zero. */
  void clear(DoublePointer to, long stride, long length, long rows) {
    check(
        cudaMemset2DAsync(to, stride * Double.BYTES, 0, length * Double.BYTES, rows, stream),
        "cudaMemset2D");
  }

  /** C ← α·op(A)·op(B) + β·C with op(A) m × k, op(B) k × n; with β = 0, C is not read. */
  void gemm(
      int opA,
      int opB,
      long m,
      long n,
      long k,
      double alpha,
      DoublePointer a,
      long lda,
      DoublePointer b,
      long ldb,
      double beta,
      DoublePointer c,
      long ldc) {
    if (m == 0 || n == 0) {
      return;
    }
    blas(
        cublasDgemm_v2_64(
            blas,
            opA,
            opB,
            m,
            n,
            k,
            this.alpha.put(alpha),
            a,
            lda,
            b,
            ldb,
            this.beta.put(beta),
            c,
            ldc),
        "cublasDgemm");
  }

  /** C ← AᵀA + β·C in the lower triangle of C, with A k × n. */
  void gram(long n, long k, DoublePointer a, long lda, double beta, DoublePointer c, long ldc) {
    blas(
        cublasDsyrk_v2_64(
            blas,
            CUBLAS_FILL_MODE_LOWER,
            CUBLAS_OP_T,
            n,
            k,
            alpha.put(1),
            a,
            lda,
            this.beta.put(beta),
            c,
            ldc),
        "cublasDsyrk");
  }

  /** C ← α·A or α·Aᵀ, where C is m × n and shares no memory with A. */
  void scale(
      int opA, long m, long n, double alpha, DoublePointer a, long lda, DoublePointer c, long ldc) {
    blas(
        cublasDgeam_64(
            blas,
            opA,
            CUBLAS_OP_N,
            m,
            n,
            this.alpha.put(alpha),
            a,
            lda,
            beta.put(0),
            c,
            ldc,
            c,
            ldc),
        "cublasDgeam");
  }

  /** C ← C + β·B in place, both m × n, every entry by one addition of a product. */
  void add(long m, long n, double beta, DoublePointer b, long ldb, DoublePointer c, long ldc) {
    blas(
        cublasDgeam_64(
            blas,
            CUBLAS_OP_N,
            CUBLAS_OP_N,
            m,
            n,
            alpha.put(1),
            c,
            ldc,
            this.beta.put(beta),
            b,
            ldb,
            c,
            ldc),
        "cublasDgeam");
  }

  /** y ← y + α·x for vectors of consecutive entries. */
  void addMultiple(long n, double alpha, DoublePointer x, DoublePointer y) {
    blas(cublasDaxpy_v2_64(blas, n, this.alpha.put(alpha), x, 1, y, 1), "cublasDaxpy");
  }

  /** C ← diag(x)·A or A·diag(x), where C is m × n and shares no memory with A. */
  void scaleBy(
      int side,
      long m,
      long n,
      DoublePointer a,
      long lda,
      DoublePointer x,
      DoublePointer c,
      long ldc) {
    blas(cublasDdgmm_64(blas, side, m, n, a, lda, x, 1, c, ldc), "cublasDdgmm");
  }

  /** y ← x, with strides. */
  void copyVector(long n, DoublePointer x, long xStride, DoublePointer y, long yStride) {
    blas(cublasDcopy_v2_64(blas, n, x, xStride, y, yStride), "cublasDcopy");
  }

  /** Swaps two vectors with strides. */
  void swap(long n, DoublePointer x, long xStride, DoublePointer y, long yStride) {
    blas(cublasDswap_v2_64(blas, n, x, xStride, y, yStride), "cublasDswap");
  }

  /** Returns the sum of the squares of consecutive entries. */
  double sumOfSquares(long n, DoublePointer x) {
    try (DoublePointer result = new DoublePointer(1)) {
      blas(cublasDdot_v2_64(blas, n, x, 1, x, 1, result), "cublasDdot");
      synchronise();
      return result.get();
    }
  }

  /** y ← A·x for a symmetric A of which the lower triangle and the diagonal are read. */
  void multiplySymmetric(long n, DoublePointer a, long lda, DoublePointer x, DoublePointer y) {
    blas(
        cublasDsymv_v2_64(
            blas, CUBLAS_FILL_MODE_LOWER, n, alpha.put(1), a, lda, x, 1, beta.put(0), y, 1),
        "cublasDsymv");
  }

  /** x ← (I + T)·x, T being the strict lower triangle of A, of which nothing else is read. */
  void multiplyLower(long n, DoublePointer a, long lda, DoublePointer x) {
    blas(
        cublasDtrmv_v2_64(
            blas, CUBLAS_FILL_MODE_LOWER, CUBLAS_OP_N, CUBLAS_DIAG_UNIT, n, a, lda, x, 1),
        "cublasDtrmv");
  }

  /** B ← B·op(U)^{-1}, B being m × n and U the upper triangle of an n × n matrix. */
  void solveFromTheRight(
      int op, long m, long n, DoublePointer u, long ldu, DoublePointer b, long ldb) {
    blas(
        cublasDtrsm_v2_64(
            blas,
            CUBLAS_SIDE_RIGHT,
            CUBLAS_FILL_MODE_UPPER,
            op,
            CUBLAS_DIAG_NON_UNIT,
            m,
            n,
            alpha.put(1),
            u,
            ldu,
            b,
            ldb),
        "cublasDtrsm");
  }

  /**
   * Copies the upper triangle of an n × n matrix into that of another one, whose other entries are
   * kept.
   *
   * @param packed (output) n(n+1)/2 entries in between
   */
  void copyUpperTriangle(
      int n, DoublePointer from, long fromLd, DoublePointer packed, DoublePointer to, long toLd) {
    blas(
        cublasDtrttp(blas, CUBLAS_FILL_MODE_UPPER, n, from, Math.toIntExact(fromLd), packed),
        "cublasDtrttp");
    blas(
        cublasDtpttr(blas, CUBLAS_FILL_MODE_UPPER, n, packed, to, Math.toIntExact(toLd)),
        "cublasDtpttr");
  }

  /** Returns the handle of cuSOLVER. */
  cusolverDnContext solver() {
    return solver;
  }

  /** Returns the parameters of cuSOLVER's 64-bit functions, which are the defaults. */
  cusolverDnParams parameters() {
    return parameters;
  }

  private void blas(int status, String what) {
    if (status != CUBLAS_STATUS_SUCCESS) {
      throw new IllegalStateException(
          what + " failed: " + cublasGetStatusString(status).getString());
    }
  }

  static void solver(int status, String what) {
    if (status != CUSOLVER_STATUS_SUCCESS) {
      throw new IllegalStateException(what + " failed: cuSOLVER status " + status);
    }
  }

  static void check(int error, String what) {
    if (error != cudaSuccess) {
      throw new IllegalStateException(what + " failed: " + cudaGetErrorString(error).getString());
    }
  }

  @Override
  public void close() {
    if (!memory.isEmpty()) {
      synchronise();
    }
    while (!memory.isEmpty()) {
      memory.pop().close();
    }
    if (!parameters.isNull()) {
      solver(cusolverDnDestroyParams(parameters), "cusolverDnDestroyParams");
      parameters.setNull();
    }
    if (!solver.isNull()) {
      solver(cusolverDnDestroy(solver), "cusolverDnDestroy");
      solver.setNull();
    }
    if (!blas.isNull()) {
      blas(cublasDestroy_v2(blas), "cublasDestroy");
      blas.setNull();
    }
    if (!stream.isNull()) {
      check(cudaStreamDestroy(stream), "cudaStreamDestroy");
      stream.setNull();
    }
    alpha.close();
    beta.close();
  }
}
