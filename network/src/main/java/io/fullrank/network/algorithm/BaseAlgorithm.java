package io.fullrank.network.algorithm;

import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.Adam;
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
   * @param layout layout of the parameters it will update
   * @param stepsPerEpoch mini-batches of one pass over the training set
   * @param totalSteps T
   * @throws IllegalArgumentException if the specification is incomplete
   */
  static BaseAlgorithm of(
      AlgorithmSpec spec, ParameterLayout layout, long stepsPerEpoch, long totalSteps) {
    return switch (spec.getAlgorithmCase()) {
      case SGD -> {
        var sgd = spec.getSgd();
        yield new ElementwiseAlgorithm(
            new StochasticGradientDescent(sgd.getMomentum(), sgd.getNesterov()),
            LearningRate.of(sgd.getLearningRate(), sgd.getSchedule(), stepsPerEpoch, totalSteps),
            sgd.getWeightDecay(),
            layout);
      }
      case ADAM -> adam(spec.getAdam(), false, layout, stepsPerEpoch, totalSteps);
      case ADAM_W -> adam(spec.getAdamW(), true, layout, stepsPerEpoch, totalSteps);
      case RMSPROP -> {
        var rmsprop = spec.getRmsprop();
        yield new ElementwiseAlgorithm(
            new RootMeanSquarePropagation(
                rmsprop.getAlpha(), rmsprop.getEpsilon(), rmsprop.getMomentum()),
            LearningRate.of(
                rmsprop.getLearningRate(), rmsprop.getSchedule(), stepsPerEpoch, totalSteps),
            rmsprop.getWeightDecay(),
            layout);
      }
      case GRADIENT_DESCENT -> {
        var descent = spec.getGradientDescent();
        yield new ElementwiseAlgorithm(
            new StochasticGradientDescent(0, false),
            LearningRate.of(
                descent.getLearningRate(), descent.getSchedule(), stepsPerEpoch, totalSteps),
            descent.getWeightDecay(),
            layout);
      }
      case ALGORITHM_NOT_SET -> throw new IllegalArgumentException("algorithm: none is given");
    };
  }

  private static BaseAlgorithm adam(
      Adam adam, boolean decoupled, ParameterLayout layout, long stepsPerEpoch, long totalSteps) {
    return new ElementwiseAlgorithm(
        new AdaptiveMoments(adam.getBeta1(), adam.getBeta2(), adam.getEpsilon(), decoupled),
        LearningRate.of(adam.getLearningRate(), adam.getSchedule(), stepsPerEpoch, totalSteps),
        adam.getWeightDecay(),
        layout);
  }

  /**
   * Returns the rows of a mini-batch that a specification asks for; {@link Integer#MAX_VALUE} for
   * all there are.
   *
   * @throws IllegalArgumentException if it asks for none
   */
  static int batchSize(AlgorithmSpec spec) {
    int size =
        switch (spec.getAlgorithmCase()) {
          case SGD -> spec.getSgd().getBatchSize();
          case ADAM -> spec.getAdam().getBatchSize();
          case ADAM_W -> spec.getAdamW().getBatchSize();
          case RMSPROP -> spec.getRmsprop().getBatchSize();
          case GRADIENT_DESCENT -> Integer.MAX_VALUE;
          case ALGORITHM_NOT_SET -> throw new IllegalArgumentException("algorithm: none is given");
        };
    if (size < 1) {
      throw new IllegalArgumentException("algorithm: batch size must be at least 1, got " + size);
    }
    return size;
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
   * Goes on where an algorithm of the same specification had come to. Frozen hidden layers are not
   * part of what is remembered.
   *
   * @param remembered its memory (copied)
   * @throws IllegalArgumentException if names or lengths are others
   */
  void restore(Map<String, float[]> remembered);
}
