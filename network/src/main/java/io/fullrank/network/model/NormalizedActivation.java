package io.fullrank.network.model;

import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * Batch normalisation of each channel, then an activation: y = σ(γ(x − μ)/√(v + ε) + β) with ε =
 * 10⁻⁵ (Ioffe, Szegedy, <i>Batch Normalization</i>, ICML 2015).
 *
 * <p>In training, μ and v are mean and (biased) variance over the pixels of the mini-batch, and
 * move the running statistics: r ← 0.9r + 0.1s, where s is the mean or the unbiased variance, as in
 * PyTorch's {@code BatchNorm2d}. Else μ and v are the statistics that lie with the parameters.
 *
 * @param name prefix of the parameters "scale" (γ) and "shift" (β) and the statistics
 *     "running-mean" and "running-variance", each of one number per channel
 * @param output what it reads and makes
 * @param activation σ
 */
record NormalizedActivation(String name, Volume output, ActivationFunction activation)
    implements Layer {

  private static final double EPSILON = 1e-5;
  private static final double MOMENTUM = 0.1;

  /** Float32 sums of so few terms are as good as their terms. */
  private static final int FLOAT_TERMS = 16;

  @Override
  public boolean analytic() {
    return activation.analytic();
  }

  @Override
  public void declare(ParameterLayout.Builder layout) {
    layout
        .add(name, "scale", output.channels())
        .add(name, "shift", output.channels())
        .addStatistic(name, "running-mean", output.channels())
        .addStatistic(name, "running-variance", output.channels());
  }

  @Override
  public LayerPass evaluationPass(int maxSamples) {
    return new Pass();
  }

  @Override
  public LayerPass trainingPass(int maxSamples) {
    return new TrainingPass(maxSamples);
  }

  @Override
  public LayerPass fixedStatisticsPass(int maxSamples) {
    return new FixedStatisticsPass(maxSamples);
  }

  /** Mean and sum of squared deviations of each channel over pixels seen so far. */
  final class Statistics {
    private final double[] mean = new double[output.channels()];
    private final double[] squares = new double[output.channels()];
    private long pixels;
    private final Tile tile = new Tile();

    /**
     * Takes in more pixels, by the formula of Chan, Golub, LeVeque, <i>Updating Formulae and a
     * Pairwise Algorithm for Computing Sample Variances</i>, 1979, eq. 2.1.
     */
    void add(FloatMatrix x) {
      double[] partMean = new double[mean.length];
      double[] partSquares = new double[mean.length];
      int count = x.rows();
      tile.means(x, partMean);
      tile.squares(x, partMean, partSquares);
      long total = pixels + count;
      for (int c = 0; c < mean.length; c++) {
        double step = partMean[c] - mean[c];
        mean[c] += step * count / total;
        squares[c] += partSquares[c] + step * step * pixels * count / total;
      }
      pixels = total;
    }

    /** Fixes the statistics of the layer: mean and biased variance, as of one whole batch. */
    void store(Parameters parameters) {
      FloatBuffer means = parameters.values(name + ".running-mean");
      FloatBuffer variances = parameters.values(name + ".running-variance");
      for (int c = 0; c < mean.length; c++) {
        means.put(c, (float) mean[c]);
        variances.put(c, (float) (squares[c] / pixels));
      }
    }
  }

  /**
   * Some whole pixels at a time, in the first-level cache; vectors over the channels are repeated
   * for each of them, so that all loops are long and simple enough to become vector instructions.
   */
  private final class Tile {
    final int channels = output.channels();
    final int length = channels * Math.max(1, ActivationFunction.BLOCK / channels);
    final float[] x = new float[length];
    private final float[] centre = new float[length];
    private final float[] sums = new float[length];

    float[] repeat(double[] vector, float[] repeated) {
      for (int i = 0; i < length; i++) {
        repeated[i] = (float) vector[i % channels];
      }
      return repeated;
    }

    /** The mean of each channel. */
    void means(FloatMatrix matrix, double[] means) {
      Arrays.fill(means, 0);
      for (int first = 0; first < matrix.length(); first += FLOAT_TERMS * length) {
        Arrays.fill(sums, 0);
        int end = Math.min(first + FLOAT_TERMS * length, matrix.length());
        for (int at = first; at < end; at += length) {
          int count = Math.min(length, end - at);
          matrix.values().get(at, x, 0, count);
          for (int i = 0; i < count; i++) {
            sums[i] += x[i];
          }
        }
        fold(sums, means);
      }
      for (int c = 0; c < channels; c++) {
        means[c] /= matrix.rows();
      }
    }

    /** The sum of squared deviations of each channel from its mean. */
    void squares(FloatMatrix matrix, double[] means, double[] squares) {
      Arrays.fill(squares, 0);
      repeat(means, centre);
      for (int first = 0; first < matrix.length(); first += FLOAT_TERMS * length) {
        Arrays.fill(sums, 0);
        int end = Math.min(first + FLOAT_TERMS * length, matrix.length());
        for (int at = first; at < end; at += length) {
          int count = Math.min(length, end - at);
          matrix.values().get(at, x, 0, count);
          for (int i = 0; i < count; i++) {
            float deviation = x[i] - centre[i];
            sums[i] += deviation * deviation;
          }
        }
        fold(sums, squares);
      }
    }

    /** Adds what lies over each channel. */
    void fold(float[] tile, double[] totals) {
      for (int i = 0; i < length; i++) {
        totals[i % channels] += tile[i];
      }
    }
  }

  /** By the statistics that lie with the parameters. */
  private class Pass implements LayerPass {
    final Tile tile = new Tile();
    final ActivationPass activationPass = new ActivationPass(activation);
    final double[] mean = new double[output.channels()];
    final double[] factor = new double[output.channels()];
    final float[] means = new float[tile.length];
    final float[] factors = new float[tile.length];
    final float[] shifts = new float[tile.length];
    final float[] slopes = new float[tile.length];
    private final double[] variance = new double[output.channels()];
    private final double[] shift = new double[output.channels()];

    @Override
    public void forward(Parameters parameters, FloatMatrix x, FloatMatrix y) {
      statistics(parameters, x, mean, variance);
      FloatBuffer scale = parameters.values(name + ".scale");
      FloatBuffer shiftValues = parameters.values(name + ".shift");
      for (int c = 0; c < mean.length; c++) {
        factor[c] = scale.get(c) / Math.sqrt(variance[c] + EPSILON);
        shift[c] = shiftValues.get(c);
      }
      tile.repeat(mean, means);
      tile.repeat(factor, factors);
      tile.repeat(shift, shifts);
      float[] values = tile.x;
      for (int at = 0; at < x.length(); at += tile.length) {
        int count = Math.min(tile.length, x.length() - at);
        x.values().get(at, values, 0, count);
        for (int i = 0; i < count; i++) {
          values[i] = (values[i] - means[i]) * factors[i] + shifts[i];
        }
        activationPass.apply(values, 0, count, slopes);
        y.values().put(at, values, 0, count);
        keepSlopes(at, count);
      }
    }

    /** What to normalise by. */
    void statistics(Parameters parameters, FloatMatrix x, double[] means, double[] variances) {
      fixedStatistics(parameters, means, variances);
    }

    final void fixedStatistics(Parameters parameters, double[] means, double[] variances) {
      FloatBuffer runningMean = parameters.values(name + ".running-mean");
      FloatBuffer runningVariance = parameters.values(name + ".running-variance");
      for (int c = 0; c < means.length; c++) {
        means[c] = runningMean.get(c);
        variances[c] = runningVariance.get(c);
      }
    }

    void keepSlopes(int at, int count) {
      // Only needed to go backward.
    }

    @Override
    public void parameterGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, Parameters gradient) {
      throw new IllegalStateException("an evaluation pass does not go backward");
    }

    @Override
    public void addInputGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, FloatMatrix dx) {
      throw new IllegalStateException("an evaluation pass does not go backward");
    }
  }

  /** By the statistics of the mini-batch. */
  private class TrainingPass extends Pass {
    /** σ' at what went into it. */
    private final FloatMatrix derivative;

    /** Of each channel: mean of dz, and of dz times the normalised x, where z goes into σ. */
    final double[] gradientMean = new double[output.channels()];

    final double[] correlation = new double[output.channels()];
    final double[] inverseDeviation = new double[output.channels()];
    private final float[] inverseDeviations = new float[tile.length];
    private final float[] gradientMeans = new float[tile.length];
    private final float[] correlations = new float[tile.length];
    private final float[] dz = new float[tile.length];
    private final float[] gradientSums = new float[tile.length];
    private final float[] correlationSums = new float[tile.length];

    TrainingPass(int maxSamples) {
      derivative = output.allocate(maxSamples);
    }

    @Override
    void statistics(Parameters parameters, FloatMatrix x, double[] means, double[] variances) {
      tile.means(x, means);
      tile.squares(x, means, variances);
      FloatBuffer runningMean = parameters.values(name + ".running-mean");
      FloatBuffer runningVariance = parameters.values(name + ".running-variance");
      for (int c = 0; c < means.length; c++) {
        // Of a single pixel nothing is known about the variance.
        double unbiased = x.rows() == 1 ? runningVariance.get(c) : variances[c] / (x.rows() - 1);
        variances[c] /= x.rows();
        inverseDeviation[c] = 1 / Math.sqrt(variances[c] + EPSILON);
        runningMean.put(c, (float) ((1 - MOMENTUM) * runningMean.get(c) + MOMENTUM * means[c]));
        runningVariance.put(
            c, (float) ((1 - MOMENTUM) * runningVariance.get(c) + MOMENTUM * unbiased));
      }
    }

    @Override
    void keepSlopes(int at, int count) {
      derivative.values().put(at, slopes, 0, count);
    }

    @Override
    public void parameterGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, Parameters gradient) {
      tile.repeat(inverseDeviation, inverseDeviations);
      Arrays.fill(gradientMean, 0);
      Arrays.fill(correlation, 0);
      float[] values = tile.x;
      for (int first = 0; first < dy.length(); first += FLOAT_TERMS * tile.length) {
        Arrays.fill(gradientSums, 0);
        Arrays.fill(correlationSums, 0);
        int end = Math.min(first + FLOAT_TERMS * tile.length, dy.length());
        for (int at = first; at < end; at += tile.length) {
          int count = Math.min(tile.length, end - at);
          x.values().get(at, values, 0, count);
          dy.values().get(at, dz, 0, count);
          derivative.values().get(at, slopes, 0, count);
          for (int i = 0; i < count; i++) {
            dz[i] *= slopes[i];
          }
          for (int i = 0; i < count; i++) {
            gradientSums[i] += dz[i];
          }
          for (int i = 0; i < count; i++) {
            correlationSums[i] += dz[i] * ((values[i] - means[i]) * inverseDeviations[i]);
          }
          dy.values().put(at, dz, 0, count);
        }
        tile.fold(gradientSums, gradientMean);
        tile.fold(correlationSums, correlation);
      }
      FloatBuffer scale = gradient.values(name + ".scale");
      FloatBuffer shift = gradient.values(name + ".shift");
      for (int c = 0; c < gradientMean.length; c++) {
        shift.put(c, (float) gradientMean[c]);
        scale.put(c, (float) correlation[c]);
        gradientMean[c] /= dy.rows();
        correlation[c] /= dy.rows();
      }
    }

    @Override
    public void addInputGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, FloatMatrix dx) {
      tile.repeat(gradientMean, gradientMeans);
      tile.repeat(correlation, correlations);
      float[] values = tile.x;
      float[] target = slopes;
      for (int at = 0; at < dy.length(); at += tile.length) {
        int count = Math.min(tile.length, dy.length() - at);
        x.values().get(at, values, 0, count);
        dy.values().get(at, dz, 0, count);
        dx.values().get(at, target, 0, count);
        for (int i = 0; i < count; i++) {
          float normalized = (values[i] - means[i]) * inverseDeviations[i];
          target[i] += factors[i] * (dz[i] - gradientMeans[i] - normalized * correlations[i]);
        }
        dx.values().put(at, target, 0, count);
      }
    }
  }

  /** By the statistics that lie with the parameters, which do not move with the samples. */
  private final class FixedStatisticsPass extends TrainingPass {
    FixedStatisticsPass(int maxSamples) {
      super(maxSamples);
    }

    @Override
    void statistics(Parameters parameters, FloatMatrix x, double[] means, double[] variances) {
      fixedStatistics(parameters, means, variances);
      for (int c = 0; c < variances.length; c++) {
        inverseDeviation[c] = 1 / Math.sqrt(variances[c] + EPSILON);
      }
    }

    @Override
    public void parameterGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, Parameters gradient) {
      super.parameterGradient(parameters, x, dy, gradient);
      // What the samples do to the loss through the statistics of their mini-batch: here nothing.
      Arrays.fill(gradientMean, 0);
      Arrays.fill(correlation, 0);
    }
  }
}
