package io.fullrank.network.architecture;

import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.description.Choice;
import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Parameter.Kind;
import io.fullrank.network.description.Problem;
import io.fullrank.network.description.Values;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.NetworkSpec;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/**
 * The descriptor of an architecture: all that files, checks, reports and documentation know about
 * it. It becomes available with a line in {@link Architectures}.
 *
 * @param choice its key, message and parameters
 * @param phrase how people call a network of it: {@code {key}} stands for a value, or those of a
 *     list, {@code {key.part}} for one part of each item of a list, and what is in brackets is left
 *     out where a number in it is 0
 * @param network makes the network
 * @param features m_H, the number of features
 * @param spelledOut for a shorthand, the values of the architecture that it stands for
 * @param check what is wrong with parameters that are each in their range, if anything is
 */
public record Architecture(
    Choice choice,
    String phrase,
    Maker network,
    Width features,
    UnaryOperator<Values> spelledOut,
    Function<Values, Optional<Problem>> check) {

  /** Makes the network that a specification describes. */
  @FunctionalInterface
  public interface Maker {
    /**
     * Makes the network.
     *
     * @param shape of a row of the data
     * @param classes number of outputs
     * @throws IllegalArgumentException if a parameter is missing or out of range
     */
    Network make(NetworkSpec spec, ImageShape shape, int classes);
  }

  /** The number of features. */
  @FunctionalInterface
  public interface Width {
    long of(Values values, ImageShape shape);
  }

  static final Parameter ACTIVATION =
      Parameter.of("activation", Kind.ACTIVATION, "activation of every hidden layer");

  static final Parameter INITIALIZATION =
      Parameter.word("initialization", List.of("he", "glorot"), "how weights are drawn");

  Architecture(Choice choice, String phrase, Maker network, Width features) {
    this(choice, phrase, network, features, UnaryOperator.identity(), values -> Optional.empty());
  }

  Architecture withCheck(Function<Values, Optional<Problem>> moreThanRanges) {
    return new Architecture(choice, phrase, network, features, spelledOut, moreThanRanges);
  }

  /** The activation of a network. */
  public static Activation activationOf(Values network) {
    return (Activation) network.part(ACTIVATION.key());
  }
}
