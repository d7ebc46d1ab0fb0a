package io.fullrank.certificate.backend.cuda;

import static org.bytedeco.cuda.global.cublas.CUBLAS_FILL_MODE_LOWER;
import static org.bytedeco.cuda.global.cublas.CUBLAS_FILL_MODE_UPPER;
import static org.bytedeco.cuda.global.cublas.CUBLAS_OP_N;
import static org.bytedeco.cuda.global.cublas.CUBLAS_OP_T;
import static org.bytedeco.cuda.global.cublas.CUBLAS_SIDE_LEFT;
import static org.bytedeco.cuda.global.cublas.CUBLAS_SIDE_RIGHT;
import static org.bytedeco.cuda.global.cudart.CUDA_R_64F;
import static org.bytedeco.cuda.global.cusolver.CUSOLVER_EIG_MODE_NOVECTOR;
import static org.bytedeco.cuda.global.cusolver.cusolverDnXpotrf;
import static org.bytedeco.cuda.global.cusolver.cusolverDnXpotrf_bufferSize;
import static org.bytedeco.cuda.global.cusolver.cusolverDnXsyevd;
import static org.bytedeco.cuda.global.cusolver.cusolverDnXsyevd_bufferSize;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.GramMatrix;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.result.Cancellation;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.SizeTPointer;

/**
 * A Gram matrix on the device: G in the strict lower triangle of an n × n matrix, its diagonal on
 * the host, and the factor U = Lᵀ, when there is one, in the upper triangle with the diagonal.
 *
 * <p><b>Error of the factor.</b> How cuSOLVER computes it is not documented; blocked triangular
 * solvers that multiply by inverses of diagonal blocks, for one, do not satisfy the componentwise
 * bound of conventional Cholesky. So the residual R = A − UᵀU is computed, by products and
 * additions only, and bounded. A is the matrix that is read then; its entries are those of SGS −
 * shift·I up to the rounding that verified Cholesky allows for.
 *
 * <p>Rows of U are taken in q = ⌈n/b⌉ blocks of b. Each contributes a product with at most b terms,
 * written to memory of its own (β = 0), and subtracted by one addition per entry. So a term passes
 * through at most b roundings in the product, in whatever order, and q later; an entry of A through
 * q. With k = b + q and e for underflow, entry by entry
 *
 * <pre>  |R̂ − R| ≤ γ_k(|A| + |Uᵀ||U|) + e,   |A| ≤ |R̂| + |R̂ − R| + |Uᵀ||U|,   hence
 *   |R̂ − R| ≤ γ'(|R̂| + 2|Uᵀ||U|) + 2e,   γ' = γ_k/(1−γ_k).</pre>
 *
 * As ‖|Uᵀ||U|‖₂ ≤ F = ‖U‖_F² and with ρ ≥ ‖R̂‖_F, ‖A − UᵀU‖₂ ≤ ρ + γ'(ρ + 2F) + 2ne. F = tr(A) −
 * tr(R), and |r_ii| is bounded in the same way, so F(1−2γ') ≤ tr(A) + (1+γ')√n·ρ + 2ne by Cauchy's
 * inequality. At most 3n products, sums and differences make up an entry; each loses less than η =
 * 2^-1022, which later ones at most double: e = 8(n+1)η. ρ² is twice the sum of squares in the
 * upper triangle, each block of columns summed up in any order.
 *
 * <p><b>G itself.</b> {@code Xpotrf} is documented to process one triangle only. That it leaves the
 * other one, where G is, alone, is verified: a product with G has to have the same bits afterwards.
 */
final class CudaGram implements GramMatrix {

  private static final long SEAL_SEED = 60_000;

  private final int n;

  /** b, the number of columns that are processed at a time. */
  private final int block;

  private final int threads;
  private final CudaSession session;
  private final DeviceDoubles entries;
  private final DeviceDoubles scratch;

  /** Two vectors of n entries, and the status that cuSOLVER returns. */
  private final DeviceDoubles vectors;

  private final double[] diagonal;
  private final boolean nonnegative;
  private final double[] seal;

  private double[] scale;
  private double[] shiftedDiagonal;
  private boolean factorised;

  private CudaGram(
      CudaSession session,
      Matrix matrix,
      int[] rowExponents,
      int blockColumns,
      int threads,
      Cancellation cancellation) {
    this.session = session;
    this.n = rowExponents.length;
    this.block = Math.min(n, blockColumns);
    this.threads = threads;
    long columns = (long) n * block;
    long small = 3 * columns + (long) block * (block + 1) / 2;
    String purpose = "a Gram matrix of order " + n + " and what it takes to factorise it";
    DeviceMemory.require((double) n * n + small + 2.0 * n + 1, purpose);
    this.entries = session.allocate((long) n * n, "a Gram matrix of order " + n);
    this.vectors = session.allocate(2L * n + 1, "vectors of " + n + " entries");
    // How much the factorisation needs is known before anything is computed.
    long count = Math.max(small, doubles(potrfWorkspace().device));
    DeviceMemory.require(count, "besides the Gram matrix of order " + n + ", factorising it");
    this.scratch = session.allocate(count, purpose);
    this.nonnegative = multiply(matrix, rowExponents, cancellation);
    session.copyVector(n, entry(0, 0), n + 1L, vector(0), 1);
    this.diagonal = session.download(vector(0), n);
    this.seal = product();
  }

  /**
   * Computes a Gram matrix, as {@link DenseLinearAlgebra#gram}.
   *
   * @param blockColumns b
   * @param threads of the host, for scaling rows
   */
  static CudaGram of(
      Matrix matrix, int[] rowExponents, int blockColumns, int threads, Cancellation cancellation) {
    return CudaSession.keepFor(
        session ->
            new CudaGram(session, matrix, rowExponents, blockColumns, threads, cancellation));
  }

  /**
   * Streams Ψ to the device in panels of b columns and sums up their Gram matrices. While one panel
   * is multiplied, the next is copied, and the one after that is scaled on the host.
   *
   * @return whether no entry of Ψ is negative
   */
  private boolean multiply(Matrix matrix, int[] rowExponents, Cancellation cancellation) {
    long columns = matrix.columns();
    AtomicBoolean negative = new AtomicBoolean();
    try (PanelStream panels = new PanelStream(session, scratch, (long) n * block)) {
      for (long column = 0; column < columns; column += block) {
        cancellation.check();
        long from = column;
        int width = (int) Math.min(block, columns - from);
        panels.next(
            (long) n * width,
            host -> {
              if (copyScaled(matrix, rowExponents, from, width, host)) {
                negative.set(true);
              }
            },
            device -> session.gram(n, width, device, width, from == 0 ? 0 : 1, entry(0, 0), n));
      }
    }
    return !negative.get();
  }

  /**
   * Copies scaled columns into a row-major panel.
   *
   * @return whether an entry is negative
   */
  private boolean copyScaled(
      Matrix matrix, int[] rowExponents, long from, int width, DoublePointer panel) {
    AtomicBoolean negative = new AtomicBoolean();
    RowTiles.forEachPart(
        threads,
        0,
        n,
        width,
        (start, end) -> {
          double[] row = new double[width];
          double least = 0;
          for (int i = start; i < end; i++) {
            matrix.getScaledRow(i, from, rowExponents[i], row, width);
            for (int j = 0; j < width; j++) {
              least = Math.min(least, row[j]);
            }
            panel.getPointer((long) i * width).put(row, 0, width);
          }
          if (least < 0) {
            negative.set(true);
          }
        });
    return negative.get();
  }

  @Override
  public int order() {
    return n;
  }

  @Override
  public double[] diagonal() {
    return diagonal.clone();
  }

  /**
   * {@inheritDoc}
   *
   * <p>cuBLAS has no such product. If no entry of Φ is negative, neither is one of G, and |G| = G;
   * otherwise G is read back and multiplied on the host.
   */
  @Override
  public double[] multiplyAbsolute(double[] x) {
    return nonnegative ? multiplySymmetric(x) : multiplyAbsoluteOnHost(x);
  }

  private double[] multiplySymmetric(double[] x) {
    DoublePointer from = scratch.at(0, n);
    DoublePointer to = scratch.at(n, n);
    session.upload(from, x);
    session.upload(vector(0), diagonal);
    session.swap(n, vector(0), 1, entry(0, 0), n + 1L);
    session.multiplySymmetric(n, entry(0, 0), n, from, to);
    session.swap(n, vector(0), 1, entry(0, 0), n + 1L);
    return session.download(to, n);
  }

  private double[] multiplyAbsoluteOnHost(double[] x) {
    double[] y = new double[n];
    for (int i = 0; i < n; i++) {
      y[i] = diagonal[i] * x[i];
    }
    try (PinnedDoubles panel = PinnedDoubles.allocate((long) n * block)) {
      for (int j = 0; j < n; j += block) {
        int first = j;
        int width = Math.min(block, n - j);
        int height = n - j;
        session.download(panel.at(0), height, entry(j, j), n, height, width);
        RowTiles.forEachPart(
            threads,
            0,
            width,
            height,
            (from, to) -> {
              double[] part = new double[n];
              double[] column = new double[height];
              for (int c = from; c < to; c++) {
                panel.at((long) c * height).get(column);
                double factor = x[first + c];
                double sum = 0;
                for (int r = c + 1; r < height; r++) {
                  double g = Math.abs(column[r]);
                  sum += g * x[first + r];
                  part[first + r] += g * factor;
                }
                part[first + c] += sum;
              }
              synchronized (y) {
                for (int i = first; i < n; i++) {
                  y[i] += part[i];
                }
              }
            });
      }
    }
    return y;
  }

  @Override
  public int factorise(int[] scaleExponents, double shift, Cancellation cancellation) {
    factorised = false;
    scale = new double[n];
    shiftedDiagonal = new double[n];
    for (int i = 0; i < n; i++) {
      scale[i] = Math.scalb(1.0, scaleExponents[i]);
      shiftedDiagonal[i] = diagonal[i] * scale[i] * scale[i] - shift;
    }
    uploadVectors();
    for (int j = 0; j < n; j += block) {
      cancellation.check();
      int width = Math.min(block, n - j);
      int height = j + width;
      DoublePointer a = shiftedColumns(j, width);
      session.copy(entry(0, j), n, a, height, j, width);
      session.copyUpperTriangle(width, a.getPointer(j), height, packed(), entry(j, j), n);
    }
    int breakdown = potrf();
    factorised = breakdown == 0;
    return breakdown;
  }

  private void uploadVectors() {
    session.upload(vector(0), scale);
    session.upload(vector(1), shiftedDiagonal);
  }

  /**
   * Computes columns of A, down to the diagonal, in the first of three parts of the scratch memory;
   * uses the second. The entries below the diagonal of A are undefined.
   */
  private DoublePointer shiftedColumns(int column, int width) {
    int height = column + width;
    DoublePointer a = part(0);
    DoublePointer other = part(1);
    session.scale(CUBLAS_OP_T, height, width, 1, entry(column, 0), n, a, height);
    session.scaleBy(CUBLAS_SIDE_LEFT, height, width, a, height, vector(0), other, height);
    session.scaleBy(
        CUBLAS_SIDE_RIGHT, height, width, other, height, vector(0).getPointer(column), a, height);
    session.copyVector(width, vector(1).getPointer(column), 1, a.getPointer(column), height + 1L);
    return a;
  }

  private int potrf() {
    Workspace workspace = potrfWorkspace();
    int info;
    try (BytePointer host = new BytePointer(Math.max(1, workspace.host))) {
      CudaSession.solver(
          cusolverDnXpotrf(
              session.solver(),
              session.parameters(),
              CUBLAS_FILL_MODE_UPPER,
              n,
              CUDA_R_64F,
              entry(0, 0),
              n,
              CUDA_R_64F,
              scratch.at(0, doubles(workspace.device)),
              workspace.device,
              host,
              workspace.host,
              info()),
          "cusolverDnXpotrf");
      info = downloadInfo();
    }
    if (info < 0) {
      throw new IllegalStateException("cusolverDnXpotrf failed: parameter " + -info + " is wrong");
    }
    session.copyVector(n, entry(0, 0), n + 1L, vector(0), 1);
    double[] pivots = session.download(vector(0), n);
    int completed = info == 0 ? n : info - 1;
    for (int i = 0; i < completed; i++) {
      if (!(pivots[i] > 0 && pivots[i] < Double.POSITIVE_INFINITY)) {
        return i + 1;
      }
    }
    return info;
  }

  @Override
  public double factorError(double conventional, Cancellation cancellation) {
    requireFactor();
    if (!Arrays.equals(product(), seal)) {
      throw new InexactBackendException(
          "cuSOLVER's Cholesky factorisation has changed the Gram matrix that it must leave alone,"
              + " so it cannot be used for certificates");
    }
    double squares = residual(cancellation);
    int blocks = (n + block - 1) / block;
    double gamma = Upward.gammaOverOneMinusGamma((long) block + blocks);
    double underflow = Upward.multiply(Upward.multiply(2.0 * n, 8.0 * (n + 1)), Double.MIN_NORMAL);
    double rho = Upward.squareRoot(Upward.multiply(2, squares));
    double trace = 0;
    for (double a : shiftedDiagonal) {
      trace = Upward.add(trace, Math.max(0, a));
    }
    double factor =
        Upward.divide(
            Upward.add(
                trace,
                Upward.add(
                    Upward.multiply(
                        Upward.add(1, gamma), Upward.multiply(Upward.squareRoot(n), rho)),
                    underflow)),
            Math.nextDown(1 - 2 * gamma));
    return Upward.add(
        rho,
        Upward.add(Upward.multiply(gamma, Upward.add(rho, Upward.multiply(2, factor))), underflow));
  }

  /** Returns a bound on the sum of the squares in the upper triangle of R̂. */
  private double residual(Cancellation cancellation) {
    uploadVectors();
    DoublePointer diagonalBlocks = part(2);
    session.clear(diagonalBlocks, n, n, block);
    for (int l = 0; l < n; l += block) {
      int height = Math.min(block, n - l);
      session.copyUpperTriangle(height, entry(l, l), n, packed(), diagonalBlock(l), height);
    }
    double squares = 0;
    for (int j = 0; j < n; j += block) {
      int width = Math.min(block, n - j);
      int rows = j + width;
      DoublePointer r = shiftedColumns(j, width);
      for (int l = 0; l <= j; l += block) {
        cancellation.check();
        subtractBlockRow(r, rows, j, width, l);
      }
      // The entries below the diagonal belong neither to A nor to the factor.
      DoublePointer corner = r.getPointer(j);
      session.scale(CUBLAS_OP_N, width, width, 1, corner, rows, part(1), width);
      session.clear(corner, rows, width, width);
      session.copyUpperTriangle(width, part(1), width, packed(), corner, rows);
      long count = (long) rows * width;
      double sum = session.sumOfSquares(count, r);
      // All terms are positive; underflow costs η per product and per sum.
      double lost = Upward.multiply(2.0 * count, Double.MIN_NORMAL);
      sum = Upward.divide(Upward.add(sum, lost), Math.nextDown(1 - Upward.gamma(count)));
      squares = Upward.add(squares, sum);
    }
    return squares;
  }

  /** Subtracts the products of U's rows from {@code l} on from columns of A. */
  private void subtractBlockRow(DoublePointer r, int rows, int j, int width, int l) {
    int terms = Math.min(block, n - l);
    int below = l + terms;
    DoublePointer product = part(1);
    int height = rows - l;
    DoublePointer right = l < j ? entry(l, j) : diagonalBlock(j);
    long rightLd = l < j ? n : width;
    session.gemm(
        CUBLAS_OP_T,
        CUBLAS_OP_N,
        terms,
        width,
        terms,
        1,
        diagonalBlock(l),
        terms,
        right,
        rightLd,
        0,
        product,
        height);
    if (below < rows) {
      session.gemm(
          CUBLAS_OP_T,
          CUBLAS_OP_N,
          rows - below,
          width,
          terms,
          1,
          entry(l, below),
          n,
          right,
          rightLd,
          0,
          product.getPointer(terms),
          height);
    }
    session.add(height, width, -1, product, height, r.getPointer(l), rows);
  }

  /**
   * Returns the product of a fixed vector with I plus G's strict lower triangle, where no entry of
   * U lies.
   */
  private double[] product() {
    SplittableRandom random = new SplittableRandom(SEAL_SEED);
    double[] x = random.doubles(n, 1, 2).toArray();
    session.upload(vector(0), x);
    session.multiplyLower(n, entry(0, 0), n, vector(0));
    return session.download(vector(0), n);
  }

  @Override
  public void solve(Matrix rightHandSides) {
    requireFactor();
    if (rightHandSides.rows() != n) {
      throw new IllegalArgumentException(
          "a Gram matrix of order " + n + " cannot be solved for " + rightHandSides);
    }
    long columns = rightHandSides.columns();
    for (long from = 0; from < columns; from += block) {
      long width = Math.min(block, columns - from);
      DoublePointer host = rightHandSides.data().getPointer(from);
      DoublePointer device = part(0);
      session.upload(device, width, host, columns, width, n);
      // XᵀUᵀU = Bᵀ, and the row-major B is a column-major Bᵀ.
      session.solveFromTheRight(CUBLAS_OP_N, width, n, entry(0, 0), n, device, width);
      session.solveFromTheRight(CUBLAS_OP_T, width, n, entry(0, 0), n, device, width);
      session.download(host, columns, device, width, width, n);
    }
  }

  private void requireFactor() {
    if (!factorised) {
      throw new IllegalStateException("there is no factor");
    }
  }

  @Override
  public double[] eigenvalues() {
    factorised = false;
    session.upload(vector(0), diagonal);
    session.copyVector(n, vector(0), 1, entry(0, 0), n + 1L);
    try (SizeTPointer deviceBytes = new SizeTPointer(1);
        SizeTPointer hostBytes = new SizeTPointer(1)) {
      CudaSession.solver(
          cusolverDnXsyevd_bufferSize(
              session.solver(),
              session.parameters(),
              CUSOLVER_EIG_MODE_NOVECTOR,
              CUBLAS_FILL_MODE_LOWER,
              n,
              CUDA_R_64F,
              entry(0, 0),
              n,
              CUDA_R_64F,
              vector(0),
              CUDA_R_64F,
              deviceBytes,
              hostBytes),
          "cusolverDnXsyevd_bufferSize");
      long count = doubles(deviceBytes.get());
      DoublePointer workspace =
          count <= scratch.count()
              ? scratch.at(0, count)
              : session
                  .allocate(count, "computing the eigenvalues of a matrix of order " + n)
                  .at(0, count);
      try (BytePointer host = new BytePointer(Math.max(1, hostBytes.get()))) {
        CudaSession.solver(
            cusolverDnXsyevd(
                session.solver(),
                session.parameters(),
                CUSOLVER_EIG_MODE_NOVECTOR,
                CUBLAS_FILL_MODE_LOWER,
                n,
                CUDA_R_64F,
                entry(0, 0),
                n,
                CUDA_R_64F,
                vector(0),
                CUDA_R_64F,
                workspace,
                deviceBytes.get(),
                host,
                hostBytes.get(),
                info()),
            "cusolverDnXsyevd");
        if (downloadInfo() != 0) {
          throw new IllegalStateException(
              "the eigenvalues of a Gram matrix of order " + n + " did not converge");
        }
      }
    }
    return session.download(vector(0), n);
  }

  /** The memory that cuSOLVER needs besides the matrix, in bytes. */
  private record Workspace(long device, long host) {}

  private Workspace potrfWorkspace() {
    try (SizeTPointer device = new SizeTPointer(1);
        SizeTPointer host = new SizeTPointer(1)) {
      CudaSession.solver(
          cusolverDnXpotrf_bufferSize(
              session.solver(),
              session.parameters(),
              CUBLAS_FILL_MODE_UPPER,
              n,
              CUDA_R_64F,
              entry(0, 0),
              n,
              CUDA_R_64F,
              device,
              host),
          "cusolverDnXpotrf_bufferSize");
      return new Workspace(device.get(), host.get());
    }
  }

  private static long doubles(long bytes) {
    return (bytes + Double.BYTES - 1) / Double.BYTES;
  }

  private DoublePointer entry(long row, long column) {
    return entries.at(row + column * n, 1);
  }

  /** Returns one of the two vectors of n entries. */
  private DoublePointer vector(int k) {
    return vectors.at((long) k * n, n);
  }

  private IntPointer info() {
    return new IntPointer(vectors.at(2L * n, 1));
  }

  private int downloadInfo() {
    double[] bits = session.download(vectors.at(2L * n, 1), 1);
    return (int) Double.doubleToRawLongBits(bits[0]);
  }

  /** Returns one of the three parts of the scratch memory, each with room for b columns. */
  private DoublePointer part(int k) {
    long columns = (long) n * block;
    return scratch.at(k * columns, columns);
  }

  /** The upper triangle of the diagonal block of U at row {@code l}, with zeros below. */
  private DoublePointer diagonalBlock(int l) {
    return part(2).getPointer((long) l * block);
  }

  private DoublePointer packed() {
    return scratch.at(3L * n * block, (long) block * (block + 1) / 2);
  }

  @Override
  public void close() {
    session.close();
  }
}
