package io.fullrank.certificate.cholesky;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.GramMatrix;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import java.util.Arrays;
import java.util.OptionalDouble;

/**
 * The n singular values σ_1 ≥ … ≥ σ_n of an n × c matrix Φ (if c &lt; n, the last n − c are 0), to
 * be shown to people. They are estimates, except for the bounds that the certificate proves.
 *
 * <p>They are the roots of the eigenvalues of the Gram matrix, and so carry an error of about (n +
 * √c)·u·σ_1² in their squares: n·u·σ_1² is the error of LAPACK's eigenvalue solvers, and √c·u·σ_1²
 * that of sums of c rounded products. A singular value below the root of that error, the
 * <i>resolution</i>, cannot be told from 0 this way; it is counted, but gets no value.
 *
 * @param sigmaMin σ_n, its estimate absent below the resolution
 * @param sigmaMax σ_1 = ‖Φ‖₂
 * @param conditionNumber σ_1/σ_n, its estimate absent if σ_n's is
 * @param effectiveRank exp(−Σ p_i ln p_i) with p_i = σ_i/Σσ_j (Roy and Vetterli, <i>The effective
 *     rank: a measure of effective dimensionality</i>, EUSIPCO 2007, section 2); between 1 and n,
 *     absent if Φ = 0
 * @param stableRank ‖Φ‖_F²/‖Φ‖₂², between 1 and n; absent if Φ = 0
 * @param histogram the number of singular values by size
 */
public record Spectrum(
    Figure sigmaMin,
    Figure sigmaMax,
    Figure conditionNumber,
    Figure effectiveRank,
    Figure stableRank,
    Histogram histogram) {

  /** The number of bins of a histogram. */
  public static final int BINS = 64;

  /**
   * A number that is known by an estimate, by bounds, or by both.
   *
   * @param estimate an estimate, of which nothing is proven
   * @param lowerBound a proven lower bound, rounding included
   * @param upperBound a proven upper bound, rounding included
   */
  public record Figure(
      OptionalDouble estimate, OptionalDouble lowerBound, OptionalDouble upperBound) {

    /** Moves an estimate into the proven bounds, and drops one that exceeds every double. */
    static Figure of(double estimate, OptionalDouble lowerBound, OptionalDouble upperBound) {
      double within =
          Math.min(
              Math.max(estimate, lowerBound.orElse(0)),
              upperBound.orElse(Double.POSITIVE_INFINITY));
      return new Figure(
          Double.isFinite(within) ? OptionalDouble.of(within) : OptionalDouble.empty(),
          lowerBound,
          upperBound);
    }

    private static Figure estimate(double estimate) {
      return of(estimate, OptionalDouble.empty(), OptionalDouble.empty());
    }

    private static Figure unresolved(OptionalDouble lowerBound, OptionalDouble upperBound) {
      return new Figure(OptionalDouble.empty(), lowerBound, upperBound);
    }
  }

  /**
   * Singular values by size, in {@link #BINS} bins of equal width on a logarithmic scale.
   *
   * @param edges ascending, from the resolution to σ_1, one more than there are bins; infinite
   *     where they exceed every double, and all 0 if Φ = 0
   * @param counts the number of singular values between each edge and the next
   * @param belowResolution the number of those below the first edge, 0 included
   */
  public record Histogram(double[] edges, int[] counts, int belowResolution) {

    /** Copies the arrays. */
    public Histogram {
      edges = edges.clone();
      counts = counts.clone();
    }

    /** Returns a copy. */
    @Override
    public double[] edges() {
      return edges.clone();
    }

    /** Returns a copy. */
    @Override
    public int[] counts() {
      return counts.clone();
    }

    /** Returns the size below which singular values cannot be told from 0. */
    public double resolution() {
      return edges[0];
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Histogram that
          && Arrays.equals(edges, that.edges)
          && Arrays.equals(counts, that.counts)
          && belowResolution == that.belowResolution;
    }

    @Override
    public int hashCode() {
      return 31 * (31 * Arrays.hashCode(edges) + Arrays.hashCode(counts)) + belowResolution;
    }

    @Override
    public String toString() {
      return "Histogram[edges="
          + Arrays.toString(edges)
          + ", counts="
          + Arrays.toString(counts)
          + ", belowResolution="
          + belowResolution
          + "]";
    }
  }

  /**
   * Computes the spectrum, in the time of a Gram matrix and its eigenvalues: n²c + (4/3)n³
   * operations.
   *
   * @param matrix (input) Φ, n × c
   * @param certificate the certificate of the same matrix, which has the bounds
   * @param algebra does the heavy work
   * @param cancellation is asked between blocks of work, but not while the eigenvalues are computed
   * @throws NonFiniteEntryException if an entry is NaN or infinite
   * @throws InsufficientMemoryException if an n × n matrix does not fit
   * @throws CertificationCancelledException if cancelled
   */
  public static Spectrum of(
      Matrix matrix,
      Certificate certificate,
      DenseLinearAlgebra algebra,
      Cancellation cancellation) {
    int n = Math.toIntExact(matrix.rows());
    // One exponent for all rows, so that the singular values keep their proportions.
    int exponent = exponentAboveEntries(matrix);
    int[] exponents = new int[n];
    Arrays.fill(exponents, exponent);
    double squares;
    double[] eigenvalues;
    try (GramMatrix gram = algebra.gram(matrix, exponents, cancellation)) {
      squares = Arrays.stream(gram.diagonal()).sum();
      cancellation.check();
      eigenvalues = gram.eigenvalues();
    }
    double largest = eigenvalues[n - 1];
    if (!(largest > 0)) {
      return ofZero(n, certificate);
    }
    double relativeError = (n + Math.sqrt(matrix.columns())) * Upward.UNIT_ROUNDOFF;
    double resolution = Math.sqrt(relativeError * largest);
    // Ascending, at most 0 where they are not resolved.
    double[] sigmas =
        Arrays.stream(eigenvalues)
            .map(lambda -> lambda < relativeError * largest ? 0 : Math.sqrt(lambda))
            .toArray();
    return new Spectrum(
        sigmaMin(sigmas[0], exponent, certificate),
        Figure.of(
            Math.scalb(Math.sqrt(largest), exponent),
            OptionalDouble.empty(),
            certificate.sigmaMaxUpperBound()),
        conditionNumber(sigmas, certificate),
        Figure.estimate(effectiveRank(sigmas)),
        Figure.estimate(squares / largest),
        histogram(sigmas, resolution, exponent));
  }

  private static int exponentAboveEntries(Matrix matrix) {
    double[] row = new double[Math.toIntExact(matrix.columns())];
    double max = 0;
    for (long i = 0; i < matrix.rows(); i++) {
      matrix.getRow(i, 0, row, 0, row.length);
      for (int j = 0; j < row.length; j++) {
        if (!Double.isFinite(row[j])) {
          throw new NonFiniteEntryException(i, j, row[j]);
        }
        max = Math.max(max, Math.abs(row[j]));
      }
    }
    return Math.getExponent(max) + 1;
  }

  private static Spectrum ofZero(int n, Certificate certificate) {
    Figure none = Figure.unresolved(OptionalDouble.empty(), OptionalDouble.empty());
    return new Spectrum(
        Figure.of(0, certificate.sigmaMinLowerBound(), OptionalDouble.empty()),
        Figure.of(0, OptionalDouble.empty(), certificate.sigmaMaxUpperBound()),
        none,
        none,
        none,
        new Histogram(new double[BINS + 1], new int[BINS], n));
  }

  private static Figure sigmaMin(double smallest, int exponent, Certificate certificate) {
    return smallest > 0
        ? Figure.of(
            Math.scalb(smallest, exponent),
            certificate.sigmaMinLowerBound(),
            OptionalDouble.empty())
        : new Figure(
            certificate.sigmaMinEstimate(),
            certificate.sigmaMinLowerBound(),
            OptionalDouble.empty());
  }

  private static Figure conditionNumber(double[] sigmas, Certificate certificate) {
    OptionalDouble upper = OptionalDouble.empty();
    if (certificate.sigmaMaxUpperBound().isPresent()
        && certificate.sigmaMinLowerBound().isPresent()) {
      double bound =
          Upward.divide(
              certificate.sigmaMaxUpperBound().getAsDouble(),
              certificate.sigmaMinLowerBound().getAsDouble());
      upper = Double.isFinite(bound) ? OptionalDouble.of(bound) : OptionalDouble.empty();
    }
    return sigmas[0] > 0
        ? Figure.of(sigmas[sigmas.length - 1] / sigmas[0], OptionalDouble.empty(), upper)
        : Figure.unresolved(OptionalDouble.empty(), upper);
  }

  private static double effectiveRank(double[] sigmas) {
    double sum = Arrays.stream(sigmas).sum();
    double entropy = 0;
    for (double sigma : sigmas) {
      double p = sigma / sum;
      entropy -= p > 0 ? p * Math.log(p) : 0;
    }
    return Math.exp(entropy);
  }

  private static Histogram histogram(double[] sigmas, double resolution, int exponent) {
    double largest = sigmas[sigmas.length - 1];
    double perBin = Math.log(largest / resolution) / BINS;
    double[] edges = new double[BINS + 1];
    for (int k = 0; k < BINS; k++) {
      edges[k] = Math.scalb(resolution * Math.exp(k * perBin), exponent);
    }
    edges[BINS] = Math.scalb(largest, exponent);
    int[] counts = new int[BINS];
    int below = 0;
    for (double sigma : sigmas) {
      if (sigma == 0) {
        below++;
      } else {
        int bin = (int) (Math.log(sigma / resolution) / perBin);
        counts[Math.min(Math.max(bin, 0), BINS - 1)]++;
      }
    }
    return new Histogram(edges, counts, below);
  }
}
