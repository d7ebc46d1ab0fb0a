package io.fullrank.network.tensor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Names, shapes and places of a network's numbers in one vector. First come the trained parameters:
 * θ of the hidden layers before {@link #hiddenLength()}, then (W, b) of the affine output layer up
 * to {@link #length()}. After them come the statistics of batch normalisation, which are measured,
 * not trained: no gradient, perturbation or weight decay touches them.
 */
public final class ParameterLayout {

  /** Name of the layer that all networks end with. */
  public static final String OUTPUT_LAYER = "output";

  /**
   * A tensor.
   *
   * @param layer the layer it belongs to, such as "hidden.1" or "output"
   * @param name its full name, such as "hidden.1.weight"; what follows the layer is its role
   * @param shape its dimensions
   * @param offset index of its first element in the vector
   * @param length number of its elements
   */
  public record Slot(String layer, String name, List<Long> shape, int offset, int length) {

    /** Returns what it is in its layer, such as "weight". */
    public String role() {
      return name.substring(layer.length() + 1);
    }
  }

  private final List<Slot> slots;
  private final int hiddenLength;
  private final int length;
  private final int totalLength;

  private ParameterLayout(List<Slot> slots, int hiddenLength, int length, int totalLength) {
    this.slots = List.copyOf(slots);
    this.hiddenLength = hiddenLength;
    this.length = length;
    this.totalLength = totalLength;
  }

  /** Returns all tensors in the order of the vector, statistics last. */
  public List<Slot> slots() {
    return slots;
  }

  /** Returns the tensors of trained parameters, in the order of the vector. */
  public List<Slot> trainedSlots() {
    return slots.stream().filter(slot -> slot.offset() < length).toList();
  }

  /** Returns the parameter of that name. */
  public Slot slot(String name) {
    return slots.stream()
        .filter(slot -> slot.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException("the network has no parameter '%s'".formatted(name)));
  }

  /** Returns how many numbers the hidden layers have; the output layer's begin at this index. */
  public int hiddenLength() {
    return hiddenLength;
  }

  /** Returns how many numbers are trained; the statistics' begin at this index. */
  public int length() {
    return length;
  }

  /** Returns how many numbers there are in all. */
  public int totalLength() {
    return totalLength;
  }

  /** Returns the names of the layers that have trained parameters, in order. */
  public List<String> layers() {
    return trainedSlots().stream().map(Slot::layer).distinct().toList();
  }

  /** Collects the slots of a network, hidden layers first. */
  public static final class Builder {
    private record Statistic(String layer, String role, int length) {}

    private final List<Slot> slots = new ArrayList<>();
    private final List<Statistic> statistics = new ArrayList<>();
    private long length;

    /** Adds a vector of statistics of a hidden layer; it gets its place at the end. */
    public Builder addStatistic(String layer, String role, int elements) {
      statistics.add(new Statistic(layer, role, elements));
      return this;
    }

    /** Adds a parameter tensor of a hidden layer or, at the end, of the output layer. */
    public Builder add(String layer, String role, long... shape) {
      long elements = 1;
      for (long dimension : shape) {
        elements = Math.multiplyExact(elements, dimension);
      }
      if (length + elements > Integer.MAX_VALUE / Float.BYTES) {
        throw new IllegalArgumentException(
            "layer '%s': with a %s of shape %s the network has more parameters than one 2 GiB block holds"
                .formatted(layer, role, Arrays.toString(shape)));
      }
      List<Long> dimensions = Arrays.stream(shape).boxed().toList();
      slots.add(new Slot(layer, layer + "." + role, dimensions, (int) length, (int) elements));
      length += elements;
      return this;
    }

    /** Adds the affine output layer and the statistics, and finishes. */
    public ParameterLayout output(int features, int classes) {
      int hiddenLength = (int) length;
      add(OUTPUT_LAYER, "weight", features, classes).add(OUTPUT_LAYER, "bias", classes);
      int trainedLength = (int) length;
      statistics.forEach(statistic -> add(statistic.layer, statistic.role, statistic.length));
      return new ParameterLayout(slots, hiddenLength, trainedLength, (int) length);
    }
  }
}
