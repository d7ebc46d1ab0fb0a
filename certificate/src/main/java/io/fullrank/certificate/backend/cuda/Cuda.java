package io.fullrank.certificate.backend.cuda;

import static org.bytedeco.cuda.global.cublas.CUBLAS_OP_N;
import static org.bytedeco.cuda.global.cublas.CUBLAS_OP_T;
import static org.bytedeco.cuda.global.cudart.cudaDevAttrComputeCapabilityMajor;
import static org.bytedeco.cuda.global.cudart.cudaDevAttrComputeCapabilityMinor;
import static org.bytedeco.cuda.global.cudart.cudaDeviceGetAttribute;
import static org.bytedeco.cuda.global.cudart.cudaGetDeviceCount;
import static org.bytedeco.cuda.global.cudart.cudaGetDeviceProperties;
import static org.bytedeco.cuda.global.cudart.cudaGetErrorString;
import static org.bytedeco.cuda.global.cudart.cudaSuccess;

import io.fullrank.certificate.backend.BackendUnavailableException;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.GramMatrix;
import io.fullrank.certificate.backend.GramSource;
import io.fullrank.certificate.backend.ResidueMatrix;
import io.fullrank.certificate.backend.SmallProducts;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.MatrixBlock;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.InsufficientMemoryException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.cuda.cudart.cudaDeviceProp;
import org.bytedeco.cuda.global.cublas;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.cuda.global.cusolver;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.Loader;

/**
 * Linear algebra on an NVIDIA device, by the cuBLAS and cuSOLVER of an installed CUDA. It uses the
 * first device that the process may see ({@code CUDA_VISIBLE_DEVICES}).
 *
 * <p>The Gram matrix, its factor and the residues modulo primes stay on the device; the matrix
 * itself is streamed there in panels. n rows take 8n² bytes and a few hundred MB, whatever the
 * number of columns. See {@link CudaSession} on layout and arithmetic, and {@link CudaGram} on how
 * the error of the factor is bounded.
 */
public final class Cuda implements DenseLinearAlgebra {

  /** Columns of Ψ, and of G, that are processed at a time. */
  private static final int BLOCK_COLUMNS = 1024;

  /** Entries that are copied or reduced at a time: 128 MiB. */
  private static final long CHUNK_ENTRIES = 1L << 24;

  /** Environment variables that make cuBLAS emulate f64. */
  private static final String[] EMULATION = {
    "CUBLAS_EMULATE_DOUBLE_PRECISION", "CUBLAS_EMULATION_STRATEGY"
  };

  private static final int TEST_ORDER = 512;
  private static final Pattern NOT_FOUND =
      Pattern.compile("([\\w.+-]+\\.so[.\\d]*): cannot open shared object file");

  private final int threads;
  private final int blockColumns;
  private final long chunkEntries;
  private final String device;

  /**
   * Uses the device.
   *
   * @param threads the largest number of threads of the host that it may use, at least 1
   * @throws BackendUnavailableException if CUDA or a usable device is missing
   */
  public Cuda(int threads) {
    this(threads, BLOCK_COLUMNS, CHUNK_ENTRIES);
  }

  /** Uses the device with blocks of other sizes. */
  Cuda(int threads, int blockColumns, long chunkEntries) {
    if (threads < 1) {
      throw new IllegalArgumentException("at least one thread is needed, not " + threads);
    }
    this.threads = threads;
    this.blockColumns = blockColumns;
    this.chunkEntries = chunkEntries;
    Libraries.PROBLEM.ifPresent(
        problem -> {
          throw new BackendUnavailableException("no CUDA: " + problem);
        });
    refuseEmulation(System.getenv());
    this.device = describeDevice();
    requireConventionalProducts();
  }

  /** The libraries, loaded once in a process. */
  private static final class Libraries {
    static final Optional<String> PROBLEM = load();

    private static Optional<String> load() {
      try {
        Loader.load(cudart.class);
        Loader.load(cublas.class);
        Loader.load(cusolver.class);
        return Optional.empty();
      } catch (LinkageError e) {
        return Optional.of(reason(e));
      }
    }
  }

  /** Returns in a few words why a library could not be loaded. */
  public static String reason(LinkageError error) {
    Throwable deepest = error;
    while (deepest.getCause() != null) {
      deepest = deepest.getCause();
    }
    Matcher missing = NOT_FOUND.matcher(String.valueOf(deepest.getMessage()));
    if (missing.find()) {
      String library = missing.group(1);
      return library
          + " not found"
          + (library.startsWith("libcuda.so") ? ", which comes with the NVIDIA driver" : "");
    }
    return deepest == error
        ? "its bindings for " + Loader.getPlatform() + " are not on the class path"
        : deepest.getMessage();
  }

  /** Throws if the environment asks cuBLAS to emulate f64. */
  public static void refuseEmulation(Map<String, String> environment) {
    for (String variable : EMULATION) {
      String value = environment.getOrDefault(variable, "");
      if (!value.isEmpty() && !value.equals("0")) {
        throw new BackendUnavailableException(
            "no CUDA: "
                + variable
                + "="
                + value
                + " lets cuBLAS emulate f64, which no certificate can rest on; unset it");
      }
    }
  }

  private static String describeDevice() {
    int[] count = new int[1];
    int error = cudaGetDeviceCount(count);
    if (error != cudaSuccess) {
      throw new BackendUnavailableException("no CUDA: " + cudaGetErrorString(error).getString());
    }
    if (count[0] == 0) {
      throw new BackendUnavailableException("no CUDA: there is no device");
    }
    try (cudaDeviceProp properties = new cudaDeviceProp()) {
      int[] major = new int[1];
      int[] minor = new int[1];
      CudaSession.check(
          cudaDeviceGetAttribute(major, cudaDevAttrComputeCapabilityMajor, 0),
          "cudaDeviceGetAttribute");
      CudaSession.check(
          cudaDeviceGetAttribute(minor, cudaDevAttrComputeCapabilityMinor, 0),
          "cudaDeviceGetAttribute");
      CudaSession.check(cudaGetDeviceProperties(properties, 0), "cudaGetDeviceProperties");
      return String.format(
          Locale.ROOT,
          "%s, compute capability %d.%d, %.1f GiB",
          properties.name().getString(),
          major[0],
          minor[0],
          DeviceMemory.now().total() / (double) (1L << 30));
    } catch (IllegalStateException e) {
      throw new BackendUnavailableException("no CUDA: " + e.getMessage(), e);
    }
  }

  /**
   * Tests that products are conventional: sums of products, in f64. In a product of a row with 1
   * and 2^-80 by a column with 0 and 1, both a common scale for the row and the sums of a fast
   * algorithm of Strassen's kind, which adds the halves of the row, lose the result.
   */
  private static void requireConventionalProducts() {
    int n = TEST_ORDER;
    double[] a = new double[n * n];
    double[] b = new double[n * n];
    for (int i = 0; i < n; i++) {
      a[i] = 1;
      a[i + n * (n / 2)] = 0x1p-80;
      b[n / 2 + i * n] = 1;
    }
    double[] c;
    try (CudaSession session = CudaSession.open()) {
      long count = (long) n * n;
      DoublePointer left = session.allocate(count, "a test").at(0, count);
      DoublePointer right = session.allocate(count, "a test").at(0, count);
      DoublePointer product = session.allocate(count, "a test").at(0, count);
      session.upload(left, a);
      session.upload(right, b);
      session.gemm(CUBLAS_OP_N, CUBLAS_OP_N, n, n, n, 1, left, n, right, n, 0, product, n);
      c = session.download(product, n * n);
    } catch (IllegalStateException | InsufficientMemoryException e) {
      throw new BackendUnavailableException(
          "no CUDA: a first product on the device failed: " + e.getMessage(), e);
    }
    if (Arrays.stream(c).anyMatch(entry -> entry != 0x1p-80)) {
      throw new BackendUnavailableException(
          "no CUDA: products of cuBLAS are not sums of products in f64");
    }
  }

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public int threads() {
    return threads;
  }

  /** The Gram matrix lies on the device. */
  @Override
  public double gramBytes(long rows, long columns) {
    return 0;
  }

  /** Returns the name of the device, its compute capability and the size of its memory. */
  public String device() {
    return device;
  }

  /**
   * Measures one product of square matrices that lie on the device, for comparison with the times
   * of certificates.
   *
   * @param order n, the product takes 2n³ operations
   * @throws InsufficientMemoryException if three such matrices do not fit
   */
  public Duration timeProduct(int order) {
    long count = (long) order * order;
    String purpose = "a product of matrices of order " + order;
    DeviceMemory.require(3.0 * count, purpose);
    double[] column = new SplittableRandom(order).doubles(order, -1, 1).toArray();
    try (CudaSession session = CudaSession.open()) {
      DoublePointer left = session.allocate(count, purpose).at(0, count);
      DoublePointer right = session.allocate(count, purpose).at(0, count);
      DoublePointer product = session.allocate(count, purpose).at(0, count);
      for (long j = 0; j < order; j++) {
        session.upload(left.getPointer(j * order), column);
        session.upload(right.getPointer(j * order), column);
      }
      session.synchronise();
      long start = System.nanoTime();
      session.gemm(
          CUBLAS_OP_N,
          CUBLAS_OP_N,
          order,
          order,
          order,
          1,
          left,
          order,
          right,
          order,
          0,
          product,
          order);
      session.synchronise();
      return Duration.ofNanos(System.nanoTime() - start);
    }
  }

  /** Works on the host: the rows that a device would need are not formed. */
  @Override
  public GramMatrix gram(GramSource source, Cancellation cancellation) {
    return new OpenBlas(threads).gram(source, cancellation);
  }

  @Override
  public GramMatrix gram(Matrix matrix, int[] rowExponents, Cancellation cancellation) {
    if (rowExponents.length != matrix.rows()) {
      throw new IllegalArgumentException(
          rowExponents.length + " row exponents for a matrix of " + matrix.rows() + " rows");
    }
    return CudaGram.of(matrix, rowExponents, blockColumns, threads, cancellation);
  }

  @Override
  public ResidueMatrix residues(Matrix matrix, int rows, int columns, int panelRows, int modulus) {
    return CudaResidues.allocate(rows, columns, panelRows, modulus, chunkEntries, threads);
  }

  @Override
  public Matrix multiply(Matrix a, Matrix b) {
    if (a.columns() != b.rows()) {
      throw new IllegalArgumentException("cannot multiply " + a + " by " + b);
    }
    Matrix c = Matrix.allocate(a.rows(), b.columns());
    try {
      product(1, whole(a), whole(b), 0, whole(c));
    } catch (RuntimeException | Error e) {
      c.close();
      throw e;
    }
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
    product(-1, a, b, 1, c);
  }

  /** Multiplies on the host: blocks of bytes that come and go are not worth the way. */
  @Override
  public void withSmallProducts(Consumer<SmallProducts> work) {
    new OpenBlas(threads).withSmallProducts(work);
  }

  private static MatrixBlock whole(Matrix matrix) {
    return MatrixBlock.of(
        matrix, 0, 0, Math.toIntExact(matrix.rows()), Math.toIntExact(matrix.columns()));
  }

  /** C ← α·A·B + β·C, in pieces of some rows of A and some columns of B. */
  private void product(double alpha, MatrixBlock a, MatrixBlock b, double beta, MatrixBlock c) {
    int inner = a.columns();
    int columns = (int) Math.max(1, Math.min(c.columns(), chunkEntries / inner));
    int rows = (int) Math.max(1, Math.min(c.rows(), chunkEntries / Math.max(inner, columns)));
    long needed = (long) rows * inner + (long) inner * columns + (long) rows * columns;
    DeviceMemory.require(needed, "a product of " + a + " and " + b);
    try (CudaSession session = CudaSession.open()) {
      DeviceDoubles memory = session.allocate(needed, "a product of " + a + " and " + b);
      DoublePointer left = memory.at(0, (long) rows * inner);
      DoublePointer right = left.getPointer((long) rows * inner);
      DoublePointer into = right.getPointer((long) inner * columns);
      for (int j = 0; j < c.columns(); j += columns) {
        int width = Math.min(columns, c.columns() - j);
        session.upload(right, width, b.data().getPointer(j), b.stride(), width, inner);
        for (int i = 0; i < c.rows(); i += rows) {
          int height = Math.min(rows, c.rows() - i);
          DoublePointer from = a.data().getPointer(i * a.stride());
          DoublePointer to = c.data().getPointer(i * c.stride() + j);
          session.upload(left, inner, from, a.stride(), inner, height);
          if (beta != 0) {
            session.upload(into, width, to, c.stride(), width, height);
          }
          // Row-major as they are, they are the transposes: Cᵀ = BᵀAᵀ.
          session.gemm(
              CUBLAS_OP_N,
              CUBLAS_OP_N,
              width,
              height,
              inner,
              alpha,
              right,
              width,
              left,
              inner,
              beta,
              into,
              width);
          session.download(to, c.stride(), into, width, width, height);
        }
      }
    }
  }

  @Override
  public Matrix multiplyTransposed(Matrix a, Matrix b) {
    if (a.rows() != b.rows()) {
      throw new IllegalArgumentException("cannot multiply the transpose of " + a + " by " + b);
    }
    Matrix c = Matrix.allocate(a.columns(), b.columns());
    try {
      transposedProduct(a, b, c);
    } catch (RuntimeException | Error e) {
      c.close();
      throw e;
    }
    return c;
  }

  /** C ← AᵀB, summed up over pieces of some rows of A and B, for some columns of B at a time. */
  private void transposedProduct(Matrix a, Matrix b, Matrix c) {
    long p = a.columns();
    long columns = Math.max(1, Math.min(b.columns(), chunkEntries / p));
    long rows = Math.max(1, Math.min(a.rows(), chunkEntries / Math.max(p, columns)));
    long needed = rows * p + rows * columns + p * columns;
    DeviceMemory.require(needed, "a product of the transpose of " + a + " and " + b);
    try (CudaSession session = CudaSession.open()) {
      DeviceDoubles memory = session.allocate(needed, "a product of " + a + " and " + b);
      DoublePointer left = memory.at(0, rows * p);
      DoublePointer right = left.getPointer(rows * p);
      DoublePointer into = right.getPointer(rows * columns);
      for (long j = 0; j < b.columns(); j += columns) {
        long width = Math.min(columns, b.columns() - j);
        for (long k = 0; k < a.rows(); k += rows) {
          long terms = Math.min(rows, a.rows() - k);
          session.upload(left, p, a.data().getPointer(k * p), p, p, terms);
          DoublePointer from = b.data().getPointer(k * b.columns() + j);
          session.upload(right, width, from, b.columns(), width, terms);
          // Row-major as they are, they are the transposes: Cᵀ = BᵀA.
          session.gemm(
              CUBLAS_OP_N,
              CUBLAS_OP_T,
              width,
              p,
              terms,
              1,
              right,
              width,
              left,
              p,
              k == 0 ? 0 : 1,
              into,
              width);
        }
        session.download(c.data().getPointer(j), b.columns(), into, width, width, p);
      }
    }
  }
}
