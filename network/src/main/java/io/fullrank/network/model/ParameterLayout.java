package io.fullrank.network.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Names, shapes and places of a network's parameters in one vector. The affine output layer comes
 * last, so that everything before {@link #hiddenLength()} is the θ of the hidden layers and
 * everything after it is (W, b).
 */
public final class ParameterLayout {

  /** Name of the layer that all networks end with. */
  static final String OUTPUT_LAYER = "output";

  /**
   * A parameter tensor.
   *
   * @param layer the layer it belongs to, such as "hidden.1" or "output"
   * @param name its full name, such as "hidden.1.weight"
   * @param shape its dimensions
   * @param offset index of its first element in the vector
   * @param length number of its elements
   */
  public record Slot(String layer, String name, List<Long> shape, int offset, int length) {}

  private final List<Slot> slots;
  private final int hiddenLength;
  private final int length;

  private ParameterLayout(List<Slot> slots, int hiddenLength, int length) {
    this.slots = List.copyOf(slots);
    this.hiddenLength = hiddenLength;
    this.length = length;
  }

  /** Returns all parameters in the order of the vector. */
  public List<Slot> slots() {
    return slots;
  }

  /** Returns the parameter of that name. */
  Slot slot(String name) {
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

  /** Returns how many numbers there are in all. */
  public int length() {
    return length;
  }

  /** Returns the names of the layers in order. */
  public List<String> layers() {
    return slots.stream().map(Slot::layer).distinct().toList();
  }

  /** Collects the slots of a network, hidden layers first. */
  static final class Builder {
    private final List<Slot> slots = new ArrayList<>();
    private long length;

    /** Adds a parameter tensor of a hidden layer or, at the end, of the output layer. */
    Builder add(String layer, String role, long... shape) {
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

    /** Adds the affine output layer and finishes. */
    ParameterLayout output(int features, int classes) {
      int hiddenLength = (int) length;
      add(OUTPUT_LAYER, "weight", features, classes).add(OUTPUT_LAYER, "bias", classes);
      return new ParameterLayout(slots, hiddenLength, (int) length);
    }
  }
}
