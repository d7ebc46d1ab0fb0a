package io.fullrank.network.tensor;

import io.fullrank.network.tensor.ParameterLayout.Slot;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.Tensor;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntToDoubleFunction;

/**
 * The numbers of a network as float32 in one vector: its parameters and statistics, a gradient, or
 * a velocity. Mutable.
 */
public final class Parameters {

  private final ParameterLayout layout;
  private final FloatMatrix vector;
  private final FloatBuffer values;

  /** Views, made when they are first asked for, which may be on several threads at once. */
  private final Map<String, AffineLayer> affineLayers = new ConcurrentHashMap<>();

  private final Map<String, FloatMatrix> weights = new ConcurrentHashMap<>();

  private Parameters(ParameterLayout layout) {
    this.layout = layout;
    this.vector = FloatMatrix.zeros(1, layout.totalLength());
    this.values = vector.values();
  }

  /** Returns zeros. */
  public static Parameters zeros(ParameterLayout layout) {
    return new Parameters(layout);
  }

  /**
   * Returns the parameters that the tensors hold, each found by its name.
   *
   * @throws IllegalArgumentException if a parameter is missing, is there twice, or has another
   *     shape or element type, or a tensor belongs to no parameter
   */
  public static Parameters of(ParameterLayout layout, List<Tensor> tensors) {
    Map<String, Tensor> byName = new HashMap<>();
    for (Tensor tensor : tensors) {
      if (byName.put(tensor.getName(), tensor) != null) {
        throw new IllegalArgumentException(
            "tensor '%s' is there twice".formatted(tensor.getName()));
      }
    }
    Parameters parameters = zeros(layout);
    for (Slot slot : layout.slots()) {
      Tensor tensor = byName.remove(slot.name());
      if (tensor == null) {
        throw new IllegalArgumentException("tensor '%s' is missing".formatted(slot.name()));
      }
      if (!tensor.getShapeList().equals(slot.shape())) {
        throw new IllegalArgumentException(
            "tensor '%s' has shape %s, the network needs %s"
                .formatted(slot.name(), tensor.getShapeList(), slot.shape()));
      }
      try {
        parameters.values.put(slot.offset(), Tensors.toFloats(tensor));
      } catch (WireFormatException e) {
        throw new IllegalArgumentException(e.getMessage(), e);
      }
    }
    if (!byName.isEmpty()) {
      throw new IllegalArgumentException(
          "the network has no parameter '%s'".formatted(byName.keySet().iterator().next()));
    }
    return parameters;
  }

  /** Returns the names, shapes and places. */
  public ParameterLayout layout() {
    return layout;
  }

  /**
   * Returns the numbers themselves, not a copy. Valid as long as these parameters are reachable.
   */
  public FloatBuffer values() {
    return values;
  }

  /** Returns the numbers of one parameter tensor, not a copy. */
  public FloatBuffer values(Slot slot) {
    return values.slice(slot.offset(), slot.length());
  }

  /** Returns weight and bias of the affine layer of that name, not copies. */
  public AffineLayer affineLayer(String layer) {
    return affineLayers.computeIfAbsent(
        layer,
        name -> {
          FloatBuffer bias = values(layout.slot(name + ".bias"));
          return new AffineLayer(weight(name), bias);
        });
  }

  /**
   * Returns the weights of the layer of that name as a matrix with one column per output, not a
   * copy.
   */
  public FloatMatrix weight(String layer) {
    return weights.computeIfAbsent(
        layer,
        name -> {
          Slot weight = layout.slot(name + ".weight");
          int columns = weight.shape().get(weight.shape().size() - 1).intValue();
          return vector.view(weight.offset(), weight.length() / columns, columns);
        });
  }

  /** Returns the numbers of the tensor of that name, not a copy. */
  public FloatBuffer values(String name) {
    return values(layout.slot(name));
  }

  /** Returns copies of all tensors, the statistics included. */
  public List<Tensor> toTensors() {
    return layout.slots().stream().map(this::toTensor).toList();
  }

  /** Returns copies of the tensors of trained parameters. */
  public List<Tensor> trainedToTensors() {
    return layout.trainedSlots().stream().map(this::toTensor).toList();
  }

  /** Returns copies of the output layer's parameter tensors. */
  public List<Tensor> outputToTensors() {
    return layout.trainedSlots().stream()
        .filter(slot -> slot.offset() >= layout.hiddenLength())
        .map(this::toTensor)
        .toList();
  }

  private Tensor toTensor(Slot slot) {
    float[] copy = new float[slot.length()];
    values.get(slot.offset(), copy);
    return Tensors.of(
        slot.name(), slot.shape().stream().mapToLong(Long::longValue).toArray(), copy);
  }

  /** Returns the name of the first tensor that holds a NaN or an infinity. */
  public Optional<String> firstNonFinite() {
    for (Slot slot : layout.slots()) {
      for (int i = slot.offset(); i < slot.offset() + slot.length(); i++) {
        if (!Float.isFinite(values.get(i))) {
          return Optional.of(slot.name());
        }
      }
    }
    return Optional.empty();
  }

  /** Returns the Euclidean norm over all trained parameters of one layer. */
  public double norm(String layer) {
    return norm(layer, values::get);
  }

  /**
   * Returns the Euclidean distance over all trained parameters of one layer.
   *
   * @param other of the same layout
   */
  public double distance(Parameters other, String layer) {
    return norm(layer, i -> (double) values.get(i) - other.values.get(i));
  }

  private double norm(String layer, IntToDoubleFunction number) {
    double squares = 0;
    for (Slot slot : layout.trainedSlots()) {
      if (slot.layer().equals(layer)) {
        for (int i = slot.offset(); i < slot.offset() + slot.length(); i++) {
          double value = number.applyAsDouble(i);
          squares += value * value;
        }
      }
    }
    return Math.sqrt(squares);
  }
}
