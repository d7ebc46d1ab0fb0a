package io.fullrank.network.algorithm;

import io.fullrank.proto.v1.AlgorithmSpec;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The base algorithms that there are.
 *
 * @param all with keys that differ; the first is that of experiments that name none
 */
public record Algorithms(List<Algorithm> all) {

  public static final Algorithms STANDARD =
      new Algorithms(
          List.of(
              StochasticGradientDescent.SGD,
              AdaptiveMoments.ADAM,
              AdaptiveMoments.ADAMW,
              RootMeanSquarePropagation.RMSPROP,
              StochasticGradientDescent.GRADIENT_DESCENT,
              BlendedCoarseGradientDescent.BCGD));

  public Algorithms {
    all = List.copyOf(all);
  }

  /** These algorithms and one more. */
  public Algorithms with(Algorithm another) {
    return new Algorithms(Stream.concat(all.stream(), Stream.of(another)).toList());
  }

  /** The algorithm that a specification chooses; empty if it chooses none of these. */
  public Optional<Algorithm> chosenBy(AlgorithmSpec spec) {
    return all.stream().filter(algorithm -> algorithm.choice().isChosenBy(spec)).findFirst();
  }
}
