package io.fullrank.network.state;

import io.fullrank.network.algorithm.BaseAlgorithm;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.loss.DivergenceException;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.state.TrainingCheckpoint.Part;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.LayerNorm;
import io.fullrank.proto.v1.Tensor;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The state that both phases work on.
 *
 * @param parameters the weights, which the phases change
 * @param gradient the last step's gradient
 * @param base the base algorithm with its memory
 * @param batches the rows of each step
 */
public record TrainingState(
    Network network,
    LossFunction loss,
    DataSet data,
    int batchSize,
    Parameters parameters,
    Parameters gradient,
    BaseAlgorithm base,
    MiniBatches batches) {

  public LayerNorm gradientNorm(String layer) {
    return LayerNorm.newBuilder().setLayer(layer).setNorm(gradient.norm(layer)).build();
  }

  public List<String> layers() {
    return parameters.layout().layers();
  }

  /** Copies of all that the run's seed does not settle. */
  public Stream<Tensor> toTensors() {
    List<Tensor> remembered =
        base.memory().entrySet().stream()
            .map(
                entry ->
                    Tensors.of(
                        entry.getKey(), new long[] {entry.getValue().length}, entry.getValue()))
            .toList();
    return Stream.of(
            Part.PARAMETERS.named(parameters.toTensors()),
            Part.GRADIENT.named(gradient.toTensors()),
            Part.BASE.named(remembered))
        .flatMap(part -> part);
  }

  /**
   * Continues at the point that a run of the same seed had reached; called before the first step.
   *
   * @throws IllegalArgumentException if the tensors are those of another network or algorithm
   */
  public void restore(TrainingCheckpoint checkpoint) throws WireFormatException {
    restore(checkpoint.tensors(Part.PARAMETERS), parameters);
    restore(checkpoint.tensors(Part.GRADIENT), gradient);
    Map<String, float[]> remembered = new HashMap<>();
    for (Tensor tensor : checkpoint.tensors(Part.BASE)) {
      remembered.put(tensor.getName(), Tensors.toFloats(tensor));
    }
    base.restore(remembered);
    batches.skip(checkpoint.position().getBatches());
  }

  private static void restore(List<Tensor> tensors, Parameters target) {
    target
        .values()
        .put(0, Parameters.of(target.layout(), tensors).values(), 0, target.layout().totalLength());
  }

  /** Refuses a number that is not finite, and says which tensor went first. */
  public void requireFinite(long step, String what, double value) throws DivergenceException {
    if (!Double.isFinite(value)) {
      throw diverged(step, "the %s is %s".formatted(what, value));
    }
  }

  /** Refuses weights that are not finite. */
  public void requireFiniteParameters(long step) throws DivergenceException {
    if (parameters.firstNonFinite().isPresent()) {
      throw diverged(step, "the weights are no longer finite");
    }
  }

  private DivergenceException diverged(long step, String what) {
    Optional<String> weight = parameters.firstNonFinite();
    Optional<String> derivative = gradient.firstNonFinite();
    String where =
        weight
            .map(name -> "first non-finite weight tensor: '%s'".formatted(name))
            .or(
                () ->
                    derivative.map(
                        name ->
                            "weights are finite, first non-finite gradient: '%s'".formatted(name)))
            .orElse("all weights are finite, the network's outputs overflow");
    return new DivergenceException(
        "diverged after %d steps: %s (%s); lower the learning rate".formatted(step, what, where));
  }
}
