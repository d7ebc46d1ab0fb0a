package io.fullrank.network.algorithm;

import io.fullrank.network.description.Choice;
import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Problem;
import io.fullrank.network.description.Range;
import io.fullrank.network.description.Values;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.LearningRateSchedule;
import io.fullrank.proto.v1.NamedAlgorithm;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * The descriptor of a base algorithm: all that files, checks, reports, documentation and training
 * know about it. It becomes available with a line in {@link Algorithms#STANDARD}.
 *
 * @param choice its key, message and parameters, among them {@code learning-rate} and {@code
 *     weight-decay}, and {@code batch-size} unless a step sees all rows
 * @param maker makes it from its parameters
 * @param check what is wrong with parameters that are each in their range, if anything is
 */
public record Algorithm(Choice choice, Maker maker, Function<Values, Optional<Problem>> check) {

  /** Makes a base algorithm. */
  @FunctionalInterface
  public interface Maker {
    /**
     * Makes the algorithm, before its first update.
     *
     * @param values its parameters
     * @param layout layout of the network's parameters that it will update
     */
    BaseAlgorithm make(Values values, LearningRate learningRate, ParameterLayout layout);

    /** Treats each weight by itself, by a rule that is made of the parameters. */
    private static Maker elementwise(Function<Values, UpdateRule> rule) {
      return (values, learningRate, layout) ->
          new ElementwiseAlgorithm(
              rule.apply(values), learningRate, values.number("weight-decay"), layout);
    }
  }

  /** The key of the rows per step. */
  public static final String BATCH_SIZE_KEY = "batch-size";

  public static final Parameter BATCH_SIZE =
      Parameter.count(BATCH_SIZE_KEY, Range.COUNT, "rows", "rows per step").byDefault(64);

  static final Parameter EPSILON =
      Parameter.number(
              "epsilon",
              // A little above the least normal number of float32, which keeps quotients finite.
              Range.from(1.2e-38),
              "is added to the root of the mean of squares")
          .byDefault(1e-8);

  /** An algorithm that has a message of its own in the oneof of {@link AlgorithmSpec}. */
  static Algorithm of(
      String key,
      int field,
      String sentence,
      List<Parameter> parameters,
      Function<Values, UpdateRule> rule) {
    return new Algorithm(
        Choice.of(key, AlgorithmSpec.getDefaultInstance(), field, parameters, sentence),
        Maker.elementwise(rule),
        values -> Optional.empty());
  }

  /**
   * An algorithm that has no message of its own and treats each weight by itself.
   *
   * @param parameters numbers, counts and flags
   */
  public static Algorithm named(
      String key, String sentence, List<Parameter> parameters, Function<Values, UpdateRule> rule) {
    return named(key, sentence, parameters, Maker.elementwise(rule));
  }

  /**
   * An algorithm that has no message of its own.
   *
   * @param parameters numbers, counts and flags
   */
  public static Algorithm named(
      String key, String sentence, List<Parameter> parameters, Maker maker) {
    NamedAlgorithm prototype = NamedAlgorithm.newBuilder().setName(key).build();
    return new Algorithm(
        new Choice(key, AlgorithmSpec.NAMED_FIELD_NUMBER, prototype, parameters, sentence),
        maker,
        values -> Optional.empty());
  }

  Algorithm withCheck(Function<Values, Optional<Problem>> moreThanRanges) {
    return new Algorithm(choice, maker, moreThanRanges);
  }

  public static Parameter learningRate(double byDefault) {
    return Parameter.number(
            "learning-rate", Range.POSITIVE, "learning rate η that the schedule starts from")
        .byDefault(byDefault);
  }

  public static Parameter weightDecay(double byDefault) {
    return Parameter.number(
            "weight-decay",
            Range.NOT_NEGATIVE,
            "added to the gradient; with `adamw` the weights shrink apart from it")
        .byDefault(byDefault);
  }

  public static Parameter momentum(double byDefault) {
    return Parameter.number("momentum", Range.FRACTION, "momentum").byDefault(byDefault);
  }

  /** The rows per step that a specification asks for; empty if each step sees all rows. */
  public Optional<Long> batchSize(AlgorithmSpec spec) {
    Values values = choice.valuesIn(spec);
    return values.has(BATCH_SIZE_KEY)
        ? Optional.of(values.count(BATCH_SIZE_KEY))
        : Optional.empty();
  }

  /** How the learning rate of a specification goes with time. */
  public LearningRateSchedule schedule(AlgorithmSpec spec) {
    return (LearningRateSchedule) choice.part(spec, "schedule");
  }
}
