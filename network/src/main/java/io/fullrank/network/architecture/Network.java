package io.fullrank.network.architecture;

import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.enclosure.Enclosures;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.network.layer.LinearMap;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.NetworkSpec;
import java.util.List;

/**
 * An architecture: hidden layers h(x; θ) and an affine output layer f(x) = W h(x; θ) + b. It holds
 * no parameters.
 */
public interface Network {

  /**
   * Returns the network that a specification describes.
   *
   * @param shape of a row of the data
   * @param classes number of outputs
   * @throws IllegalArgumentException if the specification is incomplete or a size is not positive
   */
  static Network of(NetworkSpec spec, ImageShape shape, int classes) {
    return Architectures.chosenBy(spec)
        .orElseThrow(() -> new IllegalArgumentException("network: no architecture is given"))
        .network()
        .make(spec, shape, classes);
  }

  /** Returns how many numbers a row of data has. */
  int inputs();

  /** Returns m_H, the width of the last hidden layer. */
  int features();

  /** Returns the number of outputs. */
  int classes();

  /** Returns names, shapes and places of the parameters. */
  ParameterLayout layout();

  /**
   * Returns whether the features are a real-analytic function of θ, so that full rank at one θ
   * settles the expressivity condition (KS21, §3).
   */
  boolean analytic();

  /**
   * Returns the linear parts of the layers that have one, in the order of the parameters; the last
   * is the output layer.
   */
  List<LinearMap> linearMaps();

  /**
   * Returns how many samples go through the layers together when {@link Features} are computed:
   * part of the features' definition, as rounding may depend on it.
   */
  int evaluatedTogether();

  /**
   * Returns whether the output layer has a bias while all layers train; otherwise it stays 0. Phase
   * 2 trains it in any case: it belongs to the condition's column of ones.
   */
  boolean outputBias();

  /**
   * Returns whether, with an output bias of 0, the outputs are positively homogeneous in the
   * weights of each layer: multiplied by c, if all weights of one layer are multiplied by c &gt; 0.
   */
  boolean homogeneous();

  /** Returns the initial parameters for a seed: the same numbers for the same seed, everywhere. */
  Parameters initialParameters(long seed);

  /**
   * Returns a pass forward through the hidden layers as the finished network has them.
   *
   * @param maxRows most rows that one call gets
   */
  FeaturePass featurePass(int maxRows);

  /**
   * What a hidden layer makes of some samples.
   *
   * @param layer its name among the parameters, or that of the layer before it if it has none
   * @param units neurons, or channels: the numbers of a sample are those of all units at the first
   *     pixel, then at the second, …
   * @param values samples × numbers
   */
  record LayerOutput(String layer, int units, FloatMatrix values) {}

  /**
   * Returns what each hidden layer makes of some samples, as the finished network has them, from
   * the first layer to the last; the last one's are the features. Their bits may differ from those
   * of {@link Features}, as rounding depends on how many rows are multiplied together.
   *
   * @param parameters (input) θ and statistics
   * @param x (input) samples × inputs
   */
  List<LayerOutput> layerOutputs(Parameters parameters, FloatMatrix x);

  /**
   * Encloses the features of some samples in exact arithmetic: the real function of the float32
   * parameters and inputs (theory §10).
   *
   * @param parameters (input) θ and statistics
   * @param samples (input) rows of the network's shape
   * @param first the first row
   * @param count how many rows
   * @param precision of sums of products and elementary functions
   */
  Enclosures enclose(
      Parameters parameters, Samples samples, int first, int count, Precision precision);

  /**
   * Returns how many numbers the layers make of a sample, all together: {@link #enclose} holds them
   * all for each row.
   */
  long layerNumbers();

  /**
   * Returns a pass forward and backward through the hidden layers.
   *
   * @param maxRows most rows that one call gets
   */
  TrainingPass trainingPass(int maxRows);

  /**
   * Returns a pass forward and backward through the hidden layers as the finished network has them:
   * batch normalisation by the statistics that lie with the parameters, which stay as they are.
   *
   * @param maxRows most rows that one call gets
   */
  TrainingPass fixedStatisticsPass(int maxRows);

  /**
   * Fixes the statistics of batch normalisation at those of a whole data set, layer by layer: each
   * normalises to mean 0 and variance 1 what the earlier ones, with their statistics fixed, make of
   * the data. The features are then those of a training pass on the data set as one mini-batch, up
   * to rounding. The bits are the same for the same data, as those of {@link Features}. Does
   * nothing where there is no batch normalisation.
   *
   * @param parameters (modified) θ is read, the statistics are set
   * @param samples (input) rows of the network's shape
   */
  void fixStatistics(Parameters parameters, Samples samples);

  /** Refuses a size that is not positive. */
  static void requirePositive(String field, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(
          "network: %s must be at least 1, got %d".formatted(field, value));
    }
  }
}
