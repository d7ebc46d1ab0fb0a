package io.fullrank.cli.bench;

import io.fullrank.certificate.BackendChoice;
import io.fullrank.certificate.CarryOver;
import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.GramMatrix;
import io.fullrank.certificate.backend.cuda.Cuda;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.cholesky.VerifiedCholesky;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.MatrixBlock;
import io.fullrank.certificate.modular.ModularRank;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.cli.failure.ExecutionFailedException;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Supplier;

/**
 * Measures the certificates on one matrix, beside the speed of matrix products and beside LAPACK.
 *
 * <p>All operations are measured in turn, as many rounds as asked for, so that a busy minute slows
 * all of them alike; the best time of each counts.
 */
final class CertificateBenchmark {

  /** Above this, LAPACK would take many minutes. */
  static final int MAX_ROWS_FOR_LAPACK = 8000;

  /** How often a certificate is carried over for one measurement, since once is too short. */
  private static final int CARRY_OVERS = 10;

  private static final int MAX_PRODUCT_ON_DEVICE = 16_384;
  private static final long SEED = 1;

  /** ς of the softplus ln(1 + exp(ςz))/ς. */
  private static final double SHARPNESS = 100;

  private static final String PRODUCT = "dgemm of squares";
  private static final String KERNELS = "Gram matrix and Cholesky";

  private static final String MATRIX =
      "softplus (ς = 100) of Gaussian numbers, seed " + SEED + ", and a column of ones";

  private final int rows;
  private final int columns;
  private final int repeat;
  private final BackendChoice backend;
  private final DenseLinearAlgebra algebra;

  CertificateBenchmark(int rows, int columns, int repeat, BackendChoice backend) {
    this.rows = rows;
    this.columns = columns;
    this.repeat = repeat;
    this.backend = backend;
    this.algebra = backend.algebra();
  }

  /**
   * What was measured, as {@code --json} writes it.
   *
   * @param matrix what the matrix is
   * @param notes what was left out, and why
   */
  record Result(
      Machine machine,
      int rows,
      int columns,
      String matrix,
      List<Measurement> measurements,
      List<String> notes) {}

  /**
   * Where it was measured.
   *
   * @param threads how many were used
   * @param backend what computed
   */
  record Machine(
      String processor,
      int processors,
      int threads,
      long memoryBytes,
      String jdk,
      String backend,
      String openBlas) {}

  /**
   * The times of one operation.
   *
   * @param best seconds of the best repetition, and how fast that is
   * @param seconds of each repetition
   * @param stages of the best repetition
   */
  record Measurement(String name, Speed best, List<Double> seconds, Map<String, Speed> stages) {}

  /**
   * How long something took.
   *
   * @param gflops 10^9 operations per second; null where it makes no sense to count them
   * @param shareOfDgemm of the speed of matrix products in the same run; null as well
   */
  record Speed(double seconds, Double gflops, Double shareOfDgemm) {

    static Speed of(double seconds, double flops, double peak) {
      double speed = flops / seconds;
      return flops > 0
          ? new Speed(seconds, speed / 1e9, speed / peak)
          : new Speed(seconds, null, null);
    }
  }

  /** One operation to be measured. */
  private static final class Case {
    final String name;
    final Map<String, Double> flops;
    final Supplier<Map<String, Duration>> operation;
    final List<Double> seconds = new ArrayList<>();
    double best = Double.POSITIVE_INFINITY;
    Map<String, Duration> stages;

    /**
     * Takes an operation that returns its stages.
     *
     * @param flops floating-point operations of each stage, and of the whole under its own name, as
     *     far as it is worth counting them
     */
    Case(String name, Map<String, Double> flops, Supplier<Map<String, Duration>> operation) {
      this.name = name;
      this.flops = flops;
      this.operation = operation;
    }

    void measure() {
      long start = System.nanoTime();
      Map<String, Duration> measured = operation.get();
      double elapsed = (System.nanoTime() - start) / 1e9;
      seconds.add(elapsed);
      if (elapsed < best) {
        best = elapsed;
        stages = measured;
      }
    }

    Measurement measurement(double peak) {
      Map<String, Speed> speeds = new LinkedHashMap<>();
      stages.forEach((stage, time) -> speeds.put(stage, speed(stage, time.toNanos() / 1e9, peak)));
      return new Measurement(name, speed(name, best, peak), List.copyOf(seconds), speeds);
    }

    private Speed speed(String part, double time, double peak) {
      return Speed.of(time, flops.getOrDefault(part, 0.0), peak);
    }
  }

  Result run() {
    try (Matrix matrix = features();
        CarryOver certified = certified(matrix)) {
      double n = rows;
      double order = productOrder();
      double productFlops = 2 * order * order * order;
      Case product = new Case(PRODUCT, Map.of("product", productFlops), this::multiply);
      List<Case> cases = new ArrayList<>(List.of(product));
      cases.add(
          new Case(
              KERNELS,
              Map.of(
                  KERNELS,
                  n * n * columns + n * n * n / 3,
                  "gram",
                  n * n * columns,
                  "cholesky",
                  n * n * n / 3),
              () -> factorise(matrix)));
      cases.add(
          new Case(
              "verified Cholesky",
              Map.of("gram", n * n * columns),
              () -> certify(new RankCertification(algebra, new VerifiedCholesky()), matrix)));
      cases.add(
          new Case(
              "exact rank modulo a prime",
              Map.of("modular", 2 * n * n * n / 3),
              () -> certify(new RankCertification(algebra, new ModularRank()), matrix)));
      cases.add(new Case("carry-over", Map.of(), () -> carryOver(matrix, certified)));
      List<String> notes = new ArrayList<>();
      if (algebra instanceof OpenBlas openBlas && rows <= MAX_ROWS_FOR_LAPACK) {
        cases.add(
            new Case("LAPACK dsyevd of the Gram matrix", Map.of(), () -> eigenvalues(matrix)));
        cases.add(
            new Case(
                "LAPACK dgesdd",
                Map.of(),
                () -> {
                  openBlas.singularValues(matrix);
                  return Map.of();
                }));
      } else if (algebra instanceof OpenBlas) {
        notes.add(
            "LAPACK's dsyevd and dgesdd are left out above " + MAX_ROWS_FOR_LAPACK + " rows.");
      }
      for (int k = 0; k < repeat; k++) {
        cases.forEach(Case::measure);
      }
      double peak = productFlops / (product.stages.get("product").toNanos() / 1e9);
      return new Result(
          machine(),
          rows,
          columns,
          MATRIX,
          cases.stream().map(each -> each.measurement(peak)).toList(),
          notes);
    }
  }

  private Matrix features() {
    Matrix matrix = Matrix.allocate(rows, columns);
    SplittableRandom random = new SplittableRandom(SEED);
    double[] row = new double[columns];
    row[columns - 1] = 1;
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < columns - 1; j++) {
        double z = random.nextGaussian();
        row[j] = Math.max(z, 0) + Math.log1p(Math.exp(-SHARPNESS * Math.abs(z))) / SHARPNESS;
      }
      matrix.setRow(i, 0, row, 0, columns);
    }
    return matrix;
  }

  /** Large enough for the full speed of products, small enough for three matrices to fit. */
  private int productOrder() {
    return Math.min(rows, algebra instanceof Cuda ? MAX_PRODUCT_ON_DEVICE : MAX_ROWS_FOR_LAPACK);
  }

  /** A product of squares, without what it takes to prepare them. */
  private Map<String, Duration> multiply() {
    int order = productOrder();
    if (algebra instanceof Cuda cuda) {
      return Map.of("product", cuda.timeProduct(order));
    }
    try (Matrix square = uniform(order);
        Matrix result = Matrix.allocate(order, order)) {
      result.fillColumn(0, 1);
      MatrixBlock factor = MatrixBlock.of(square, 0, 0, order, order);
      MatrixBlock into = MatrixBlock.of(result, 0, 0, order, order);
      algebra.subtractProduct(into, factor, factor);
      long start = System.nanoTime();
      algebra.subtractProduct(into, factor, factor);
      return Map.of("product", Duration.ofNanos(System.nanoTime() - start));
    }
  }

  private static Matrix uniform(int order) {
    Matrix square = Matrix.allocate(order, order);
    SplittableRandom random = new SplittableRandom(SEED);
    double[] row = new double[order];
    for (int i = 0; i < order; i++) {
      for (int j = 0; j < order; j++) {
        row[j] = random.nextDouble(-1, 1);
      }
      square.setRow(i, 0, row, 0, order);
    }
    return square;
  }

  /**
   * Carries over from the matrix to itself: computing the distance is all the work, whatever it is.
   */
  private Map<String, Duration> carryOver(Matrix matrix, CarryOver certified) {
    long start = System.nanoTime();
    for (int k = 0; k < CARRY_OVERS; k++) {
      if (certified.certify(matrix, 0, algebra.threads()).isEmpty()) {
        throw new ExecutionFailedException("a certificate was not carried over to its own matrix");
      }
    }
    return Map.of(
        "one of " + CARRY_OVERS, Duration.ofNanos((System.nanoTime() - start) / CARRY_OVERS));
  }

  private Map<String, Duration> factorise(Matrix matrix) {
    int[] unscaled = new int[rows];
    long start = System.nanoTime();
    try (GramMatrix gram = algebra.gram(matrix, unscaled, Cancellation.NEVER)) {
      long between = System.nanoTime();
      gram.factorise(unscaled, 0, Cancellation.NEVER);
      Map<String, Duration> stages = new LinkedHashMap<>();
      stages.put("gram", Duration.ofNanos(between - start));
      stages.put("cholesky", Duration.ofNanos(System.nanoTime() - between));
      return stages;
    }
  }

  private CarryOver certified(Matrix matrix) {
    Certificate certificate =
        new RankCertification(algebra, new VerifiedCholesky()).certify(matrix);
    return CarryOver.from(matrix, certificate, algebra.threads()).orElseThrow();
  }

  private static Map<String, Duration> certify(RankCertification certification, Matrix matrix) {
    Certificate certificate = certification.certify(matrix);
    if (certificate.outcome() != Outcome.CERTIFIED) {
      throw new ExecutionFailedException(
          "the matrix of the benchmark is "
              + certificate.outcome()
              + " by "
              + certificate.method()
              + ": "
              + certificate.reason());
    }
    return certificate.stages();
  }

  private Map<String, Duration> eigenvalues(Matrix matrix) {
    try (GramMatrix gram = algebra.gram(matrix, new int[rows], Cancellation.NEVER)) {
      gram.eigenvalues();
    }
    return Map.of();
  }

  private Machine machine() {
    long memory =
        ManagementFactory.getOperatingSystemMXBean()
                instanceof com.sun.management.OperatingSystemMXBean system
            ? system.getTotalMemorySize()
            : 0;
    return new Machine(
        Processor.model(),
        Runtime.getRuntime().availableProcessors(),
        algebra.threads(),
        memory,
        System.getProperty("java.version"),
        backend.description(),
        OpenBlas.version());
  }
}
