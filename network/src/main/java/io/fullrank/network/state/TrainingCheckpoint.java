package io.fullrank.network.state;

import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.TrainingPosition;
import java.util.List;
import java.util.stream.Stream;

/**
 * All that a run needs to go on from a step as if it had never stopped: {@code TrainingRun.resume}
 * then gives the same bits. Features are not part of it: they are computed anew from the weights
 * and compared by their SHA-256. Neither are random generators: the seed and the number of draws
 * settle their state.
 *
 * @param position how far the run has come
 * @param tensors copies of its numbers, each named after the part of the state that it belongs to:
 *     "parameters/hidden.1.weight", "gradient/output.bias", "base/velocity", "phase/look-ahead"
 */
public record TrainingCheckpoint(TrainingPosition position, List<Tensor> tensors) {

  /** A part of the state. */
  public enum Part {
    /** The network's parameters and statistics. */
    PARAMETERS("parameters/"),
    /** The gradient of the last step. */
    GRADIENT("gradient/"),
    /** What the base algorithm remembers. */
    BASE("base/"),
    /** What the phase remembers. */
    PHASE("phase/");

    private final String prefix;

    Part(String prefix) {
      this.prefix = prefix;
    }

    /** The tensors as those of this part. */
    public Stream<Tensor> named(List<Tensor> tensors) {
      return tensors.stream()
          .map(tensor -> tensor.toBuilder().setName(prefix + tensor.getName()).build());
    }
  }

  /** Copies the list. */
  public TrainingCheckpoint {
    tensors = List.copyOf(tensors);
  }

  /** The tensors of one part, under their own names. */
  public List<Tensor> tensors(Part part) {
    return tensors.stream()
        .filter(tensor -> tensor.getName().startsWith(part.prefix))
        .map(
            tensor ->
                tensor.toBuilder()
                    .setName(tensor.getName().substring(part.prefix.length()))
                    .build())
        .toList();
  }
}
