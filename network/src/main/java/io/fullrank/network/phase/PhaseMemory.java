package io.fullrank.network.phase;

import io.fullrank.network.state.TrainingState;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.HiddenLayersPosition;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.TrainingPosition;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a phase remembers from step to step besides the {@link TrainingState}, as vectors by name.
 *
 * @param numbers copies, which are not changed afterwards
 * @param hiddenLayers where the hidden layers are, if they move and preserve the rank; empty if
 *     they do not
 */
public record PhaseMemory(
    Map<String, double[]> numbers, Optional<HiddenLayersPosition> hiddenLayers) {

  static final PhaseMemory NONE = new PhaseMemory(Map.of());

  /** A memory of vectors alone. */
  PhaseMemory(Map<String, double[]> numbers) {
    this(numbers, Optional.empty());
  }

  /** The vector of that name. Refuses another length than the phase needs. */
  double[] vector(String name, long length) {
    double[] vector = numbers.get(name);
    if (vector == null) {
      throw new IllegalArgumentException("'%s' is missing".formatted(name));
    }
    if (vector.length != length) {
      throw new IllegalArgumentException(
          "'%s' has %d numbers, the phase needs %d".formatted(name, vector.length, length));
    }
    return vector;
  }

  /** The only number of the vector of that name. */
  public double number(String name) {
    return vector(name, 1)[0];
  }

  public boolean has(String name) {
    return numbers.containsKey(name);
  }

  public List<Tensor> toTensors() {
    return numbers.entrySet().stream()
        .map(
            entry ->
                Tensors.of(entry.getKey(), new long[] {entry.getValue().length}, entry.getValue()))
        .toList();
  }

  /**
   * What a checkpoint says.
   *
   * @param tensors of the part that is the phase's
   * @throws WireFormatException if a tensor is damaged
   */
  public static PhaseMemory of(List<Tensor> tensors, TrainingPosition position)
      throws WireFormatException {
    Map<String, double[]> numbers = new LinkedHashMap<>();
    for (Tensor tensor : tensors) {
      numbers.put(tensor.getName(), Tensors.toDoubles(tensor));
    }
    return new PhaseMemory(
        numbers,
        position.hasHiddenLayers() ? Optional.of(position.getHiddenLayers()) : Optional.empty());
  }
}
