package io.fullrank.network.layer;

import io.fullrank.network.activation.ActivationFunction;
import io.fullrank.network.activation.ActivationPass;
import io.fullrank.network.enclosure.Enclosure;
import io.fullrank.network.enclosure.Enclosures;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.tensor.Parts;
import io.fullrank.network.tensor.Scratch;
import io.fullrank.network.tensor.Volume;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * Batch normalisation of each channel, then an activation: y = σ(γ(x − μ)/√(v + ε) + β) with ε =
 * 10⁻⁵ (Ioffe, Szegedy, <i>Batch Normalization</i>, ICML 2015).
 *
 * <p>In training, μ and v are mean and (biased) variance over the pixels of the mini-batch, and
 * move the running statistics: r ← 0.9r + 0.1s, where s is the mean or the unbiased variance, as in
 * PyTorch's {@code BatchNorm2d}. Otherwise μ and v are the statistics that lie with the parameters.
 *
 * @param name prefix of the parameters "scale" (γ) and "shift" (β) and the statistics
 *     "running-mean" and "running-variance", each of one number per channel
 * @param output what it reads and makes
 * @param activation σ
 */
public record BatchNormalization(String name, Volume output, ActivationFunction activation)
    implements Layer {

  private static final double EPSILON = 1e-5;
  private static final double MOMENTUM = 0.1;

  /** Sums of at most this many float32 numbers are as exact as the numbers themselves. */
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
  public LayerPass evaluationPass(int maxSamples, Scratch scratch) {
    return new EvaluationPass();
  }

  @Override
  public LayerPass trainingPass(int maxSamples, Scratch scratch) {
    return new MiniBatchPass(maxSamples);
  }

  @Override
  public LayerPass fixedStatisticsPass(int maxSamples, Scratch scratch) {
    return new FixedStatisticsPass(maxSamples);
  }

  @Override
  public void enclose(Parameters parameters, Enclosures x, Enclosures y, Precision precision) {
    FloatBuffer scale = parameters.values(name + ".scale");
    FloatBuffer shift = parameters.values(name + ".shift");
    FloatBuffer mean = parameters.values(name + ".running-mean");
    FloatBuffer variance = parameters.values(name + ".running-variance");
    for (int c = 0; c < output.channels(); c++) {
      double mu = mean.get(c);
      double beta = shift.get(c);
      Enclosure factor =
          Enclosure.of(scale.get(c))
              .dividedBy(Enclosure.of(variance.get(c)).plus(EPSILON).squareRoot());
      for (int number = c; number < x.numbers(); number += output.channels()) {
        y.setEach(
            number,
            x,
            number,
            z -> activation.enclose(z.plus(-mu).times(factor).plus(beta), precision));
      }
    }
  }

  /** Mean and sum of squared deviations of each channel over pixels seen so far. */
  public final class Statistics {
    private final double[] mean = new double[output.channels()];
    private final double[] squares = new double[output.channels()];
    private final Tiles tiles = new Tiles();
    private long pixels;

    /**
     * Takes in more pixels, by the formula of Chan, Golub, LeVeque, <i>Updating Formulae and a
     * Pairwise Algorithm for Computing Sample Variances</i>, 1979, eq. 2.1.
     */
    public void add(FloatMatrix x) {
      double[] partMean = new double[mean.length];
      double[] partSquares = new double[mean.length];
      int count = x.rows();
      tiles.means(x, partMean);
      tiles.squares(x, partMean, partSquares);
      long total = pixels + count;
      for (int c = 0; c < mean.length; c++) {
        double step = partMean[c] - mean[c];
        mean[c] += step * count / total;
        squares[c] += partSquares[c] + step * step * pixels * count / total;
      }
      pixels = total;
    }

    /** Fixes the statistics of the layer: mean and biased variance, as of one whole batch. */
    public void store(Parameters parameters) {
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
  private final class Tiles {
    final int channels = output.channels();
    final int length = channels * Math.max(1, ActivationFunction.BLOCK / channels);
    private final List<Tile> tiles = Parts.memory(() -> new Tile(length, channels, activation));
    private final float[] centre = new float[length];

    float[] repeat(double[] vector, float[] repeated) {
      for (int i = 0; i < length; i++) {
        repeated[i] = (float) vector[i % channels];
      }
      return repeated;
    }

    /** Works on the tiles of a matrix. */
    void forEach(FloatMatrix matrix, TileWork work) {
      forEachPart(matrix, (tile, first, end) -> tile.forEach(first, end, work));
    }

    /**
     * Adds up two numbers of each channel.
     *
     * @param work adds the numbers of a tile to its sums and other sums
     * @param totals (output) the sums over all pixels
     * @param others (output) the other sums over all pixels
     */
    void sum(FloatMatrix matrix, TileWork work, double[] totals, double[] others) {
      tiles.forEach(Tile::forgetTotals);
      forEachPart(matrix, (tile, first, end) -> tile.inSmallSums(first, end, work));
      Arrays.fill(totals, 0);
      Arrays.fill(others, 0);
      for (Tile tile : tiles) {
        for (int c = 0; c < channels; c++) {
          totals[c] += tile.totals[c];
          others[c] += tile.otherTotals[c];
        }
      }
    }

    private void forEachPart(FloatMatrix matrix, PartWork work) {
      Parts.forEach(
          (matrix.length() + length - 1) / length,
          ActivationPass.PART_NUMBERS / length + 1,
          (part, first, end) ->
              work.on(tiles.get(part), first * length, Math.min(end * length, matrix.length())));
    }

    /** The mean of each channel. */
    void means(FloatMatrix matrix, double[] means) {
      sum(
          matrix,
          (tile, at, count) -> {
            float[] x = tile.x;
            float[] sums = tile.sums;
            matrix.values().get(at, x, 0, count);
            for (int i = 0; i < count; i++) {
              sums[i] += x[i];
            }
          },
          means,
          new double[channels]);
      for (int c = 0; c < channels; c++) {
        means[c] /= matrix.rows();
      }
    }

    /** The sum of squared deviations of each channel from its mean. */
    void squares(FloatMatrix matrix, double[] means, double[] squares) {
      repeat(means, centre);
      sum(
          matrix,
          (tile, at, count) -> {
            float[] x = tile.x;
            float[] sums = tile.sums;
            matrix.values().get(at, x, 0, count);
            for (int i = 0; i < count; i++) {
              float deviation = x[i] - centre[i];
              sums[i] += deviation * deviation;
            }
          },
          squares,
          new double[channels]);
    }
  }

  /** What is done with all tiles of one part; the last tile may be shorter. */
  private interface PartWork {
    void on(Tile tile, int first, int end);
  }

  /** What is done with the numbers of one tile. */
  private interface TileWork {
    void on(Tile tile, int at, int count);
  }

  /** Working memory of one part. */
  private static final class Tile {
    final int channels;
    final int length;
    final ActivationPass.Block activation;
    final float[] x;
    final float[] slopes;
    final float[] dz;
    final float[] sums;
    final float[] otherSums;
    final double[] totals;
    final double[] otherTotals;

    Tile(int length, int channels, ActivationFunction activation) {
      this.channels = channels;
      this.length = length;
      this.activation = new ActivationPass.Block(activation);
      x = new float[length];
      slopes = new float[length];
      dz = new float[length];
      sums = new float[length];
      otherSums = new float[length];
      totals = new double[channels];
      otherTotals = new double[channels];
    }

    void forEach(int first, int end, TileWork work) {
      for (int at = first; at < end; at += length) {
        work.on(this, at, Math.min(length, end - at));
      }
    }

    /**
     * Goes over tiles whose numbers the work adds to the sums; the sums are added to the totals
     * before they have too many terms.
     */
    void inSmallSums(int first, int end, TileWork work) {
      for (int at = first; at < end; at += FLOAT_TERMS * length) {
        Arrays.fill(sums, 0);
        Arrays.fill(otherSums, 0);
        forEach(at, Math.min(at + FLOAT_TERMS * length, end), work);
        for (int i = 0; i < length; i++) {
          totals[i % channels] += sums[i];
          otherTotals[i % channels] += otherSums[i];
        }
      }
    }

    void forgetTotals() {
      Arrays.fill(totals, 0);
      Arrays.fill(otherTotals, 0);
    }
  }

  /** Normalises by the statistics that lie with the parameters. */
  private class EvaluationPass implements LayerPass {
    final Tiles tiles = new Tiles();
    final double[] mean = new double[output.channels()];
    final double[] factor = new double[output.channels()];
    final float[] means = new float[tiles.length];
    final float[] factors = new float[tiles.length];
    final float[] shifts = new float[tiles.length];
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
      tiles.repeat(mean, means);
      tiles.repeat(factor, factors);
      tiles.repeat(shift, shifts);
      tiles.forEach(
          x,
          (tile, at, count) -> {
            float[] values = tile.x;
            x.values().get(at, values, 0, count);
            for (int i = 0; i < count; i++) {
              values[i] = (values[i] - means[i]) * factors[i] + shifts[i];
            }
            tile.activation.apply(values, 0, count, tile.slopes);
            y.values().put(at, values, 0, count);
            keepSlopes(tile, at, count);
          });
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

    void keepSlopes(Tile tile, int at, int count) {
      // Slopes are needed to go backward only.
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

  /** Normalises by the statistics of the mini-batch. */
  private class MiniBatchPass extends EvaluationPass {
    /** σ' at what went into it. */
    private final FloatMatrix derivative;

    /** The mean of dz of each channel, where z is what σ is applied to. */
    final double[] gradientMean = new double[output.channels()];

    /** The mean of dz times the normalised x, of each channel. */
    final double[] correlation = new double[output.channels()];

    final double[] inverseDeviation = new double[output.channels()];
    private final float[] inverseDeviations = new float[tiles.length];
    private final float[] gradientMeans = new float[tiles.length];
    private final float[] correlations = new float[tiles.length];

    MiniBatchPass(int maxSamples) {
      derivative = output.allocate(maxSamples);
    }

    @Override
    void statistics(Parameters parameters, FloatMatrix x, double[] means, double[] variances) {
      tiles.means(x, means);
      tiles.squares(x, means, variances);
      FloatBuffer runningMean = parameters.values(name + ".running-mean");
      FloatBuffer runningVariance = parameters.values(name + ".running-variance");
      for (int c = 0; c < means.length; c++) {
        // A single pixel tells nothing about the variance.
        double unbiased = x.rows() == 1 ? runningVariance.get(c) : variances[c] / (x.rows() - 1);
        variances[c] /= x.rows();
        inverseDeviation[c] = 1 / Math.sqrt(variances[c] + EPSILON);
        runningMean.put(c, (float) ((1 - MOMENTUM) * runningMean.get(c) + MOMENTUM * means[c]));
        runningVariance.put(
            c, (float) ((1 - MOMENTUM) * runningVariance.get(c) + MOMENTUM * unbiased));
      }
    }

    @Override
    void keepSlopes(Tile tile, int at, int count) {
      derivative.values().put(at, tile.slopes, 0, count);
    }

    @Override
    public void parameterGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, Parameters gradient) {
      tiles.repeat(inverseDeviation, inverseDeviations);
      tiles.sum(
          dy, (tile, at, count) -> addGradients(tile, x, dy, at, count), gradientMean, correlation);
      FloatBuffer scale = gradient.values(name + ".scale");
      FloatBuffer shift = gradient.values(name + ".shift");
      for (int c = 0; c < gradientMean.length; c++) {
        shift.put(c, (float) gradientMean[c]);
        scale.put(c, (float) correlation[c]);
        gradientMean[c] /= dy.rows();
        correlation[c] /= dy.rows();
      }
    }

    /** Turns dy into dz, and adds dz and its products with the normalised x to the sums. */
    private void addGradients(Tile tile, FloatMatrix x, FloatMatrix dy, int at, int count) {
      float[] values = tile.x;
      float[] dz = tile.dz;
      float[] slopes = tile.slopes;
      float[] sums = tile.sums;
      float[] products = tile.otherSums;
      x.values().get(at, values, 0, count);
      dy.values().get(at, dz, 0, count);
      derivative.values().get(at, slopes, 0, count);
      for (int i = 0; i < count; i++) {
        dz[i] *= slopes[i];
      }
      for (int i = 0; i < count; i++) {
        sums[i] += dz[i];
      }
      for (int i = 0; i < count; i++) {
        products[i] += dz[i] * ((values[i] - means[i]) * inverseDeviations[i]);
      }
      dy.values().put(at, dz, 0, count);
    }

    @Override
    public void addInputGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, FloatMatrix dx) {
      tiles.repeat(gradientMean, gradientMeans);
      tiles.repeat(correlation, correlations);
      tiles.forEach(dy, (tile, at, count) -> addInputGradient(tile, x, dy, dx, at, count));
    }

    private void addInputGradient(
        Tile tile, FloatMatrix x, FloatMatrix dy, FloatMatrix dx, int at, int count) {
      float[] values = tile.x;
      float[] dz = tile.dz;
      float[] target = tile.slopes;
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

  /** Goes forward and backward by the statistics that lie with the parameters, which stay. */
  private final class FixedStatisticsPass extends MiniBatchPass {
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
