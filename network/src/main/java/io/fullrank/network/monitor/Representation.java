package io.fullrank.network.monitor;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.GramMatrix;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.NonFiniteEntryException;
import java.util.Arrays;
import java.util.List;

/**
 * How rich what a layer makes of some examples is. All of it is estimated in floating point: with
 * the singular values σ_1 ≥ … ≥ σ_r of the matrix Z of outputs, N examples × M numbers, r = min(N,
 * M). No rank can exceed the number of examples. Of a Z of zeros all ranks are 0.
 *
 * @param effectiveRank exp(−Σ p_k ln p_k) with p_k = σ_k/Σσ_j + ε, ε = {@value #EPSILON} (RankMe:
 *     Garrido, Balestriero, Najman, LeCun, <i>RankMe: assessing the downstream performance of
 *     pretrained self-supervised representations by their rank</i>, ICML 2023, eq. 1, after Roy and
 *     Vetterli, EUSIPCO 2007)
 * @param srank the least k with σ_1 + … + σ_k ≥ (1 − δ)Σσ_j, δ = {@value #DELTA} (Kumar, Agarwal,
 *     Ghosh, Levine, <i>Implicit under-parameterization inhibits data-efficient deep reinforcement
 *     learning</i>, ICLR 2021, §3)
 * @param stableRank ‖Z‖_F²/‖Z‖₂² (Rudelson, Vershynin, <i>Sampling from large matrices</i>, JACM
 *     54, 2007)
 * @param scores of each unit: the mean of |output| over examples and pixels, divided by the mean of
 *     that over the layer's units (Sokar, Agarwal, Castro, Evci, <i>The dormant neuron phenomenon
 *     in deep reinforcement learning</i>, ICML 2023, def. 3.1); 0 where all outputs are 0
 */
public record Representation(
    double effectiveRank, int srank, double stableRank, List<Double> scores) {

  /** The thresholds τ of dormancy that are reported; the literature uses the last two. */
  public static final List<Double> THRESHOLDS = List.of(0.0, 0.025, 0.1);

  private static final double EPSILON = 1e-7;
  private static final double DELTA = 0.01;

  /**
   * Looks at a layer's outputs.
   *
   * @param outputs (input) Z, N × M
   * @param units neurons, or channels, of which there are M/units pixels one after the other
   * @param algebra does the heavy work
   * @throws NonFiniteEntryException if an output is NaN or infinite
   */
  public static Representation of(Matrix outputs, int units, DenseLinearAlgebra algebra) {
    double[] magnitudes = new double[units];
    double largest = 0;
    double[] row = new double[Math.toIntExact(outputs.columns())];
    for (long i = 0; i < outputs.rows(); i++) {
      outputs.getRow(i, 0, row, 0, row.length);
      for (int j = 0; j < row.length; j++) {
        if (!Double.isFinite(row[j])) {
          throw new NonFiniteEntryException(i, j, row[j]);
        }
        magnitudes[j % units] += Math.abs(row[j]);
        largest = Math.max(largest, Math.abs(row[j]));
      }
    }
    double mean = Arrays.stream(magnitudes).sum() / units;
    List<Double> scores =
        Arrays.stream(magnitudes).mapToObj(sum -> mean > 0 ? sum / mean : 0).toList();
    if (largest == 0) {
      return new Representation(0, 0, 0, scores);
    }
    double[] sigmas = singularValues(outputs, Math.getExponent(largest) + 1, algebra);
    return new Representation(
        effectiveRank(sigmas), srank(sigmas), stableRank(sigmas), List.copyOf(scores));
  }

  /** The fraction of units whose score is at most τ: the τ-dormant ones. */
  public double dormant(double threshold) {
    return (double) scores.stream().filter(score -> score <= threshold).count() / scores.size();
  }

  /**
   * The singular values times 2^-exponent, descending, as roots of the eigenvalues of the smaller
   * Gram matrix; 0 where they are below the errors of these.
   */
  private static double[] singularValues(Matrix outputs, int exponent, DenseLinearAlgebra algebra) {
    boolean wide = outputs.rows() <= outputs.columns();
    try (Matrix turned = wide ? Matrix.allocate(1, 1) : transposed(outputs)) {
      Matrix flat = wide ? outputs : turned;
      int[] exponents = new int[Math.toIntExact(flat.rows())];
      Arrays.fill(exponents, exponent);
      try (GramMatrix gram = algebra.gram(flat, exponents, Cancellation.NEVER)) {
        double[] ascending = gram.eigenvalues();
        int r = ascending.length;
        double resolution = (r + Math.sqrt(flat.columns())) * 0x1p-53 * ascending[r - 1];
        double[] sigmas = new double[r];
        for (int k = 0; k < r; k++) {
          double lambda = ascending[r - 1 - k];
          sigmas[k] = lambda < resolution ? 0 : Math.sqrt(lambda);
        }
        return sigmas;
      }
    }
  }

  private static Matrix transposed(Matrix matrix) {
    Matrix turned = Matrix.allocate(matrix.columns(), matrix.rows());
    for (long i = 0; i < matrix.rows(); i++) {
      for (long j = 0; j < matrix.columns(); j++) {
        turned.set(j, i, matrix.get(i, j));
      }
    }
    return turned;
  }

  private static double effectiveRank(double[] sigmas) {
    double sum = Arrays.stream(sigmas).sum();
    double entropy = 0;
    for (double sigma : sigmas) {
      double p = sigma / sum + EPSILON;
      entropy -= p * Math.log(p);
    }
    return Math.exp(entropy);
  }

  private static int srank(double[] sigmas) {
    double enough = (1 - DELTA) * Arrays.stream(sigmas).sum();
    double sum = 0;
    int k = 0;
    while (sum < enough) {
      sum += sigmas[k++];
    }
    return k;
  }

  private static double stableRank(double[] sigmas) {
    double squares = Arrays.stream(sigmas).map(sigma -> sigma * sigma).sum();
    return squares / (sigmas[0] * sigmas[0]);
  }
}
