package io.fullrank.network.layer;

import io.fullrank.network.enclosure.Enclosures;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.tensor.Scratch;
import io.fullrank.network.tensor.Volume;
import java.util.Optional;

/** A layer of a network: a map from samples to samples with parameters. It holds no parameters. */
public interface Layer {

  /** What it makes of a sample. */
  Volume output();

  /** Whether it is real-analytic in its parameters and in what it reads. */
  boolean analytic();

  /** Adds the layer's parameters and statistics to a network's. */
  void declare(ParameterLayout.Builder layout);

  /** Its linear part, if it has one. */
  default Optional<LinearMap> linearMap() {
    return Optional.empty();
  }

  /**
   * A pass that only goes forward, as the finished network computes: batch normalisation by the
   * fixed statistics.
   *
   * @param maxSamples most samples of a batch
   * @param scratch shared by the layers
   */
  LayerPass evaluationPass(int maxSamples, Scratch scratch);

  /**
   * A pass that also goes backward.
   *
   * @param maxSamples most samples of a batch
   * @param scratch shared by the layers
   */
  LayerPass trainingPass(int maxSamples, Scratch scratch);

  /**
   * A pass that also goes backward, with batch normalisation by the fixed statistics, which it
   * leaves as they are.
   *
   * @param maxSamples most samples of a batch
   * @param scratch shared by the layers
   */
  default LayerPass fixedStatisticsPass(int maxSamples, Scratch scratch) {
    return trainingPass(maxSamples, scratch);
  }

  /**
   * Encloses what the layer makes of some samples in exact arithmetic, as the finished network has
   * it: the real function of the float32 parameters, with batch normalisation by the fixed
   * statistics.
   *
   * @param parameters (input) the layer's parameters
   * @param x (input) the samples
   * @param y (output) what the layer makes of them
   * @param precision of sums of products and elementary functions
   */
  void enclose(Parameters parameters, Enclosures x, Enclosures y, Precision precision);
}
