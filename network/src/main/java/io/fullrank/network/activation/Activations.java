package io.fullrank.network.activation;

import io.fullrank.network.description.Choice;
import io.fullrank.proto.v1.Activation;
import java.util.List;
import java.util.Optional;

/** The activations that there are. */
public final class Activations {

  /**
   * All activations; the first is the one that networks have by default. The list is not in the
   * descriptor's own class, since each activation makes its descriptor while its class is
   * initialised, and must not need the others for that.
   */
  public static final List<ActivationChoice> ALL =
      List.of(Softplus.CHOICE, Tanh.CHOICE, Sigmoid.CHOICE, Swish.CHOICE, Gelu.CHOICE, Relu.CHOICE);

  private Activations() {}

  /** The keys and parameters of all activations, in the same order. */
  public static List<Choice> choices() {
    return ALL.stream().map(ActivationChoice::choice).toList();
  }

  /** The activation that a specification chooses; empty if it chooses none. */
  public static Optional<ActivationChoice> chosenBy(Activation spec) {
    return ALL.stream().filter(activation -> activation.choice().isChosenBy(spec)).findFirst();
  }
}
