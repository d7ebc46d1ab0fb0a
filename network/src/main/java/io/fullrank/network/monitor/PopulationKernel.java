package io.fullrank.network.monitor;

import static org.bytedeco.openblas.global.openblas.LAPACKE_dsyev;
import static org.bytedeco.openblas.global.openblas.LAPACK_ROW_MAJOR;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.proto.v1.DuForm;
import io.fullrank.proto.v1.DuNetwork;
import java.util.Optional;

/**
 * The limit of G(0) for width m → ∞ of the networks of DLLWZ18 (§3, §4), K^(H), by recursion over
 * the hidden layers. With c_σ = 1/E[σ(z)²], z ~ N(0, 1), K^(0)_ij = ⟨x_i, x_j⟩, and (u, v) normal
 * with the 2 × 2 block of K^(h−1) that belongs to i and j:
 *
 * <ul>
 *   <li>fully-connected: K^(h) = c_σE[σ(u)σ(v)], and last K^(H) = c_σK^(H−1)E[σ'(u)σ'(v)]
 *   <li>residual: K^(1) as above, b^(1)_i = √c_σ E[σ(u)]; then, with c = c_res/H, K^(h) = K^(h−1) +
 *       cb_jE[σ(u)] + cb_iE[σ(v)] + c²E[σ(u)σ(v)], b^(h)_i = b^(h−1)_i + cE[σ(u)], and last K^(H) =
 *       c²K^(H−1)E[σ'(u)σ'(v)]
 * </ul>
 *
 * <p>The rows need not have norm 1 for this. Expectations are those of {@link HermiteSeries}; each
 * entry has a proven bound on its error: that of the series, plus what the error ε of K^(h−1) does,
 * by ∂E[f(u)f(v)]/∂K_ij = E[f'(u)f'(v)] and ∂/∂K_ii = ½E[f''(u)f(v)]. So has λ_0 = λ_min(K^(H)): it
 * is at most the Rayleigh quotient of any vector, plus n times the bound on the entries; and with
 * approximate eigenvectors V and B = VᵀKV it is at least λ_min(B)/‖V‖₂², if that is positive, less
 * as much, where λ_min(B) follows from Gershgorin's circles.
 *
 * @param lambda λ_0, an estimate
 * @param lowerBound at most λ_0, proven
 * @param upperBound at least λ_0, proven
 * @param entryError at least the error of every entry of the kernel
 * @param entries K^(H) as computed, n × n
 */
public record PopulationKernel(
    double lambda, double lowerBound, double upperBound, double entryError, double[][] entries) {

  /** More than the rounding of the bounds themselves, and of the few operations on each entry. */
  private static final double SLACK = 1 + 1e-6;

  /**
   * Computes the kernel.
   *
   * @param samples the rows x_i
   * @return empty of a convolutional network, and of activations whose derivatives have no bounds
   *     here: GELU and ReLU
   */
  public static Optional<PopulationKernel> of(DuNetwork spec, Samples samples) {
    Optional<Smoothness> activation = Smoothness.of(spec.getActivation());
    return spec.getForm() == DuForm.DU_FORM_CONVOLUTIONAL_RESIDUAL
        ? Optional.empty()
        : activation.map(sigma -> new Recursion(spec, sigma, samples).kernel());
  }

  /** The layers, one after the other. */
  private static final class Recursion {
    private final DuNetwork spec;
    private final Smoothness sigma;
    private final int n;
    private final double[] means;
    private double[][] kernel;

    /** At least the error of each entry of the kernel, and of each mean. */
    private double error;

    private double meanError;

    Recursion(DuNetwork spec, Smoothness sigma, Samples samples) {
      this.spec = spec;
      this.sigma = sigma;
      this.n = samples.rows();
      this.means = new double[n];
      this.kernel = new double[n][n];
      float[] values = samples.values();
      int d = samples.inputs();
      for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) {
          double sum = 0;
          for (int k = 0; k < d; k++) {
            sum += (double) values[i * d + k] * values[j * d + k];
          }
          kernel[i][j] = sum;
          kernel[j][i] = sum;
        }
      }
      this.error = SLACK * Upward.gamma(d) * largest();
    }

    /** The largest entry of the diagonal, which no other entry exceeds. */
    private double largest() {
      double most = 0;
      for (int i = 0; i < n; i++) {
        most = Math.max(most, kernel[i][i]);
      }
      return most;
    }

    PopulationKernel kernel() {
      HermiteSeries unit = new HermiteSeries(sigma, 1);
      double scale = 1 / unit.secondMoment;
      double scaleError =
          SLACK * scale * unit.secondMomentError / (unit.secondMoment - unit.secondMomentError);
      int layers = spec.getLayers();
      boolean residual = spec.getForm() == DuForm.DU_FORM_RESIDUAL;
      double constant = spec.getResidualConstant() / layers;
      for (int layer = 1; layer < layers; layer++) {
        if (residual && layer > 1) {
          addBlock(constant);
        } else {
          multiply(scale, scaleError);
        }
      }
      boolean scaled = !residual || layers == 1;
      differentiate(scaled ? scale : constant * constant, scaled ? scaleError : 0);
      return result();
    }

    /** K ← c_σE[σ(u)σ(v)], and the means of what the layer makes. */
    private void multiply(double scale, double scaleError) {
      Expectations found = expectations(sigma);
      double size = sigma.rootMeanSquare(largest() + error);
      double root = Math.sqrt(scale);
      for (int i = 0; i < n; i++) {
        means[i] = root * found.series[i].coefficients[0];
        for (int j = 0; j < n; j++) {
          kernel[i][j] = scale * found.values[i][j];
        }
      }
      error = SLACK * ((scale + scaleError) * found.error + scaleError * size * size) + rounding();
      meanError = SLACK * ((root + scaleError / root) * found.meanError + scaleError / root * size);
    }

    /** A residual block. */
    private void addBlock(double constant) {
      Expectations found = expectations(sigma);
      double mean = sigma.rootMeanSquare(largest() + error);
      double most = 0;
      for (int i = 0; i < n; i++) {
        most = Math.max(most, Math.abs(means[i]));
        for (int j = 0; j < n; j++) {
          kernel[i][j] +=
              constant
                  * (means[j] * found.series[i].coefficients[0]
                      + means[i] * found.series[j].coefficients[0]
                      + constant * found.values[i][j]);
        }
      }
      double cross = (most + meanError) * found.meanError + mean * meanError;
      error += SLACK * constant * (2 * cross + constant * found.error);
      error += rounding();
      for (int i = 0; i < n; i++) {
        means[i] += constant * found.series[i].coefficients[0];
      }
      meanError += SLACK * constant * (found.meanError + 1e-15 * mean);
    }

    /** K ← scale·K·E[σ'(u)σ'(v)]. */
    private void differentiate(double scale, double scaleError) {
      Expectations found = expectations(sigma.differentiated());
      double slope = sigma.derivative(1) * sigma.derivative(1);
      double size = largest() + error;
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
          kernel[i][j] *= scale * found.values[i][j];
        }
      }
      error =
          SLACK
                  * ((scale + scaleError) * (size * found.error + slope * error)
                      + scaleError * size * slope)
              + rounding();
    }

    /** What a few operations on each entry may round. */
    private double rounding() {
      return 64 * Upward.UNIT_ROUNDOFF * (largest() + 1);
    }

    /**
     * E[f(u)f(v)] for all pairs, with bounds on all errors: of the series, and of the kernel that
     * variances and covariances are taken from.
     */
    private Expectations expectations(Smoothness f) {
      HermiteSeries[] series = new HermiteSeries[n];
      double worstMean = 0;
      for (int i = 0; i < n; i++) {
        series[i] = new HermiteSeries(f, kernel[i][i]);
        worstMean = Math.max(worstMean, series[i].error);
      }
      double[][] values = new double[n][n];
      double worst = 0;
      for (int i = 0; i < n; i++) {
        values[i][i] = series[i].secondMoment;
        worst = Math.max(worst, series[i].secondMomentError);
        for (int j = 0; j < i; j++) {
          double variances = Math.sqrt(kernel[i][i] * kernel[j][j]);
          double rho = variances > 0 ? kernel[i][j] / variances : 0;
          double correlation = Math.max(-1, Math.min(1, rho));
          values[i][j] = series[i].expectation(series[j], correlation);
          values[j][i] = values[i][j];
          worst = Math.max(worst, series[i].expectationError(series[j], correlation));
        }
      }
      double size = f.rootMeanSquare(largest() + error);
      double first = f.derivative(1);
      double second = f.derivative(2);
      // Clamping and rounding the correlation move the covariance by a few units in the last place.
      double moved = error + 8 * Upward.UNIT_ROUNDOFF * largest();
      double byKernel = (first * first + second * size) * moved;
      return new Expectations(
          series, values, SLACK * (worst + byKernel), SLACK * (worstMean + second * moved / 2));
    }

    private PopulationKernel result() {
      double[] packed = new double[Math.multiplyExact(n, n)];
      for (int i = 0; i < n; i++) {
        System.arraycopy(kernel[i], 0, packed, i * n, n);
      }
      double[] eigenvalues = new double[n];
      if (LAPACKE_dsyev(LAPACK_ROW_MAJOR, (byte) 'V', (byte) 'L', n, packed, n, eigenvalues) != 0) {
        throw new IllegalStateException("the eigenvalues of the population kernel do not converge");
      }
      // Row k is the k-th eigenvector.
      double[][] vectors = new double[n][n];
      for (int i = 0; i < n; i++) {
        for (int k = 0; k < n; k++) {
          vectors[k][i] = packed[i * n + k];
        }
      }
      double distance = SLACK * n * error;
      return new PopulationKernel(
          eigenvalues[0],
          Math.max(0, leastEigenvalue(vectors)) - distance,
          rayleigh(vectors[0]) + distance,
          error,
          kernel);
    }

    /** At most the least eigenvalue of the kernel as computed, if that is positive. */
    private double leastEigenvalue(double[][] vectors) {
      double[][] images = new double[n][n];
      double squares = 0;
      for (int k = 0; k < n; k++) {
        for (int i = 0; i < n; i++) {
          images[k][i] = product(kernel[i], vectors[k]);
          squares += kernel[i][k] * kernel[i][k];
        }
      }
      double least = Double.POSITIVE_INFINITY;
      double stretch = 0;
      for (int k = 0; k < n; k++) {
        double circle = 0;
        double lengths = Math.abs(product(vectors[k], vectors[k]) - 1);
        for (int l = 0; l < n; l++) {
          if (l != k) {
            circle += Math.abs(product(vectors[l], images[k]));
            lengths += Math.abs(product(vectors[l], vectors[k]));
          }
        }
        least = Math.min(least, product(vectors[k], images[k]) - circle);
        stretch = Math.max(stretch, lengths);
      }
      // Roundings of all these products, with vectors of lengths below 2.
      double rounding = 8 * Upward.gamma(3L * n + 8) * n;
      return (least - rounding * Math.sqrt(squares)) / (1 + stretch + rounding) * (1 - 1e-15);
    }

    private static double product(double[] a, double[] b) {
      double sum = 0;
      for (int i = 0; i < a.length; i++) {
        sum += a[i] * b[i];
      }
      return sum;
    }

    /** At least the Rayleigh quotient of the kernel as computed. */
    private double rayleigh(double[] vector) {
      double sum = 0;
      double magnitudes = 0;
      double squares = 0;
      for (int i = 0; i < n; i++) {
        double row = 0;
        for (int j = 0; j < n; j++) {
          row += kernel[i][j] * vector[j];
          magnitudes += Math.abs(kernel[i][j] * vector[j] * vector[i]);
        }
        sum += row * vector[i];
        squares += vector[i] * vector[i];
      }
      double rounding = 4 * Upward.gamma((long) n * n + n + 8) * magnitudes;
      return (sum + rounding) / squares + 4 * Upward.gamma(n + 4L) * Math.abs(sum / squares);
    }
  }

  /**
   * E[f(u)f(v)] for all pairs of rows.
   *
   * @param error at least the error of each value
   * @param meanError at least the error of each E[f(u)]
   */
  private record Expectations(
      HermiteSeries[] series, double[][] values, double error, double meanError) {}
}
