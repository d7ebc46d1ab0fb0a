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
 * The n singular values σ_1 ≥ … ≥ σ_n of an n × c matrix Φ (if c &lt; n, the last n − c are 0), for
 * people to look at: estimates, but for the bounds that the certificate proves.
 *
 * <p>They are the roots of the eigenvalues of the Gram matrix, and so carry an error of about (n +
 * √c)·u·σ_1² in their squares: n·u·σ_1² is what LAPACK's eigenvalue solvers cost, and √c·u·σ_1²
 * sums of c rounded products. Nothing below the root of that, the <i>resolution</i>, can be told
 * from 0 this way, and no value is made up for it; such singular values are only counted.
 *
 * @param sigmaMin σ_n, its estimate absent below the resolution
 * @param sigmaMax σ_1 = ‖Φ‖₂
 * @param conditionNumber σ_1/σ_n, its estimate absent if σ_n's is
 * @param effectiveRank exp(−Σ p_i ln p_i) with p_i = σ_i/Σσ_j (Roy and Vetterli, <i>The effective
 *     rank: a measure of effective dimensionality</i>, EUSIPCO 2007, section 2); between 1 and n,
 *     absent if Φ = 0
 * @param stableRank ‖Φ‖_F²/‖Φ‖₂², between 1 and n; absent if Φ = 0
 * @param histogram how many singular values there are of which size
 */
public record Spectrum(
    Figure sigmaMin,
    Figure sigmaMax,
    Figure conditionNumber,
    Figure effectiveRank,
    Figure stableRank,
    Histogram histogram) {

  /** How many bins a histogram has. */
  public static final int BINS = 64;

  /**
   * A number of which something is known.
   *
   * @param estimate about what it is; nothing is proven of it
   * @param lowerBound it is proven to be at least that, rounding included
   * @param upperBound it is proven to be at most that, rounding included
   */
  public record Figure(
      OptionalDouble estimate, OptionalDouble lowerBound, OptionalDouble upperBound) {

    /** Keeps an estimate within what is proven, and absent where it exceeds every double. */
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
   * @param counts how many singular values lie between an edge and the next
   * @param belowResolution how many lie below the first edge, 0 included
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

    /** Returns below which size singular values cannot be told from 0. */
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
   * @param certificate of the same matrix; it gives the bounds
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
