package io.fullrank.network.training;

import io.fullrank.network.model.ParameterLayout;
import io.fullrank.network.model.Parameters;
import io.fullrank.proto.v1.AlgorithmSpec;

/**
 * A first-order mini-batch algorithm, "base" in KS21: from a gradient to an update. It keeps what
 * it remembers between updates.
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
      case SGD -> new StochasticGradientDescent(spec.getSgd(), layout, stepsPerEpoch, totalSteps);
      case ALGORITHM_NOT_SET -> throw new IllegalArgumentException("algorithm: none is given");
    };
  }

  /**
   * Returns the rows of a mini-batch that a specification asks for.
   *
   * @throws IllegalArgumentException if it asks for none
   */
  static int batchSize(AlgorithmSpec spec) {
    int size =
        switch (spec.getAlgorithmCase()) {
          case SGD -> spec.getSgd().getBatchSize();
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
}
