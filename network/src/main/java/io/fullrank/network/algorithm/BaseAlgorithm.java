package io.fullrank.network.algorithm;

import io.fullrank.network.description.Values;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.AlgorithmSpec;
import java.util.Map;

/**
 * A first-order algorithm on mini-batches (or on all rows at once), "base" in KS21: from a gradient
 * to an update. It keeps what it remembers between updates.
 */
public interface BaseAlgorithm {

  /**
   * Returns the algorithm that a specification describes.
   *
   * @param spec of one of the {@link Algorithms#STANDARD standard algorithms}
   * @param layout layout of the parameters it will update
   * @param stepsPerEpoch mini-batches of one pass over the training set
   * @param totalSteps T
   * @throws IllegalArgumentException if the specification is incomplete
   */
  static BaseAlgorithm of(
      AlgorithmSpec spec, ParameterLayout layout, long stepsPerEpoch, long totalSteps) {
    return of(Algorithms.STANDARD, spec, layout, stepsPerEpoch, totalSteps);
  }

  /** Returns the algorithm that a specification describes, of those that there are. */
  static BaseAlgorithm of(
      Algorithms algorithms,
      AlgorithmSpec spec,
      ParameterLayout layout,
      long stepsPerEpoch,
      long totalSteps) {
    Algorithm algorithm = chosen(algorithms, spec);
    Values values = algorithm.choice().valuesIn(spec);
    return algorithm
        .maker()
        .make(
            values,
            LearningRate.of(
                values.number("learning-rate"),
                algorithm.schedule(spec),
                stepsPerEpoch,
                totalSteps),
            layout);
  }

  /**
   * Returns the rows of a mini-batch that a specification asks for; {@link Integer#MAX_VALUE} for
   * all there are.
   *
   * @throws IllegalArgumentException if it asks for none
   */
  static int batchSize(Algorithms algorithms, AlgorithmSpec spec) {
    long size = chosen(algorithms, spec).batchSize(spec).orElse((long) Integer.MAX_VALUE);
    if (size < 1 || size > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "algorithm: batch size must be 1 to %d, got %d".formatted(Integer.MAX_VALUE, size));
    }
    return (int) size;
  }

  /**
   * Returns how many numbers the algorithm that a specification describes remembers of each
   * parameter.
   */
  static int remembered(Algorithms algorithms, AlgorithmSpec spec) {
    // As many of each parameter as of those of the smallest network.
    ParameterLayout smallest = new ParameterLayout.Builder().output(1, 1);
    return of(algorithms, spec, smallest, 1, 1).memory().size();
  }

  private static Algorithm chosen(Algorithms algorithms, AlgorithmSpec spec) {
    return algorithms
        .chosenBy(spec)
        .orElseThrow(() -> new IllegalArgumentException("algorithm: none is given"));
  }

  /**
   * Prepares the initial weights of a run, before its first update: an algorithm may be about
   * weights of some form only.
   *
   * @param weights (modified) the network's parameters as they were drawn
   */
  default void begin(Parameters weights) {
    // Weights of any form.
  }

  /** Returns the learning rate of update number {@code step}, counted from 0. */
  double learningRate(long step);

  /**
   * Does one update.
   *
   * @param step the update's number, counted from 0
   * @param weights (modified) the network's parameters
   * @param gradient (input) the mini-batch's gradient
   */
  void update(long step, Parameters weights, Parameters gradient);

  /**
   * From the next update on only the output layer moves, and without weight decay: phase 2 of KS21,
   * Algorithm 1, for the unregularised loss.
   */
  void freezeHiddenLayers();

  /**
   * Returns a copy of what it remembers between updates besides their number, by name: arrays of
   * one number per parameter.
   */
  Map<String, float[]> memory();

  /**
   * Continues at the point that an algorithm of the same specification had reached. Frozen hidden
   * layers are not part of what is remembered.
   *
   * @param remembered its memory (copied)
   * @throws IllegalArgumentException if names or lengths are others
   */
  void restore(Map<String, float[]> remembered);
}
