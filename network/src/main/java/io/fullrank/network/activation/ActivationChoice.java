package io.fullrank.network.activation;

import io.fullrank.network.description.Choice;
import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Values;
import io.fullrank.proto.v1.Activation;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * The descriptor of an activation. It becomes available with a line in {@link #ALL}.
 *
 * @param function makes the function from the activation's parameters
 */
public record ActivationChoice(Choice choice, Function<Values, ActivationFunction> function) {

  /** All activations; the first is the one that networks have by default. */
  public static final List<ActivationChoice> ALL =
      List.of(Softplus.CHOICE, Tanh.CHOICE, Sigmoid.CHOICE, Swish.CHOICE, Gelu.CHOICE, Relu.CHOICE);

  static ActivationChoice of(
      String key,
      int field,
      String formula,
      List<Parameter> parameters,
      Function<Values, ActivationFunction> function) {
    return new ActivationChoice(
        Choice.of(key, Activation.getDefaultInstance(), field, parameters, formula), function);
  }

  /** The activation that a specification chooses; empty if it chooses none. */
  public static Optional<ActivationChoice> chosenBy(Activation spec) {
    return ALL.stream().filter(activation -> activation.choice().isChosenBy(spec)).findFirst();
  }

  /**
   * The function that a specification describes.
   *
   * @param spec one that chooses this activation
   */
  public ActivationFunction functionOf(Activation spec) {
    return function.apply(choice.valuesIn(spec));
  }
}
