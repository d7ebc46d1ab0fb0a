package io.fullrank.network.activation;

import io.fullrank.network.description.Choice;
import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Values;
import io.fullrank.proto.v1.Activation;
import java.util.List;
import java.util.function.Function;

/**
 * The descriptor of an activation. It becomes available with a line in {@link Activations}.
 *
 * @param function makes the function from the activation's parameters
 */
public record ActivationChoice(Choice choice, Function<Values, ActivationFunction> function) {

  static ActivationChoice of(
      String key,
      int field,
      String formula,
      List<Parameter> parameters,
      Function<Values, ActivationFunction> function) {
    return new ActivationChoice(
        Choice.of(key, Activation.getDefaultInstance(), field, parameters, formula), function);
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
