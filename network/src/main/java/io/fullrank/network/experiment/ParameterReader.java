package io.fullrank.network.experiment;

import com.google.protobuf.Message;
import io.fullrank.network.activation.Activations;
import io.fullrank.network.description.Choice;
import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Values;
import io.fullrank.network.experiment.yaml.YamlValue;
import io.fullrank.proto.v1.Activation;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Reads choices and their parameters from an experiment file, as their descriptors say. */
final class ParameterReader {

  private ParameterReader() {}

  /**
   * Reads one of several choices with its parameters.
   *
   * @param specification (modified) the builder of the message that has the oneof
   */
  static void choose(YamlValue value, List<Choice> choices, Message.Builder specification) {
    YamlValue chosen = value.choice(choices.stream().map(Choice::key).toArray(String[]::new));
    Choice choice = byKey(choices, Choice::key, chosen.name());
    choice.choose(specification, values(chosen.section(keys(choice.parameters())), choice));
  }

  /** The descriptor of that key, which there is. */
  static <T> T byKey(List<T> descriptors, Function<T, String> key, String wanted) {
    return descriptors.stream()
        .filter(descriptor -> key.apply(descriptor).equals(wanted))
        .findFirst()
        .orElseThrow();
  }

  /** Words with what each stands for, in the order of the descriptors. */
  static <T> Map<String, T> words(List<T> descriptors, Function<T, String> key) {
    return descriptors.stream()
        .collect(
            Collectors.toMap(key, Function.identity(), (one, other) -> one, LinkedHashMap::new));
  }

  static String[] keys(List<Parameter> parameters, String... more) {
    return Stream.concat(parameters.stream().map(Parameter::key), Stream.of(more))
        .toArray(String[]::new);
  }

  /** The values of a choice's parameters, given or by default. */
  static Values values(YamlValue.Section keys, Choice choice) {
    Values values = values(keys, choice.parameters());
    for (Parameter parameter : choice.parameters()) {
      if (!choice.holds(parameter)) {
        checkHere(keys, parameter, values);
      }
    }
    return values;
  }

  /** A shorthand's own parameters are not part of the specification that is checked later. */
  private static void checkHere(YamlValue.Section keys, Parameter parameter, Values values) {
    keys.optional(parameter.key())
        .ifPresent(
            value ->
                parameter
                    .range()
                    .problem(values.number(parameter.key()))
                    .ifPresent(
                        problem -> {
                          throw value.invalid(problem);
                        }));
  }

  private static Values values(YamlValue.Section keys, List<Parameter> parameters) {
    Map<String, Object> values = new LinkedHashMap<>();
    for (Parameter parameter : parameters) {
      values.put(parameter.key(), value(keys, parameter));
    }
    return new Values(values);
  }

  private static Object value(YamlValue.Section keys, Parameter parameter) {
    if (parameter.kind() == Parameter.Kind.ACTIVATION) {
      return keys.optional(parameter.key())
          .map(ParameterReader::activation)
          .orElseGet(ParameterReader::defaultActivation);
    }
    return parameter.byDefault().isPresent()
        ? keys.optional(parameter.key())
            .map(value -> read(value, parameter))
            .orElse(parameter.byDefault().get())
        : read(keys.required(parameter.key()), parameter);
  }

  private static Object read(YamlValue value, Parameter parameter) {
    return switch (parameter.kind()) {
      case COUNT -> (Object) (long) value.count();
      case NUMBER -> value.number();
      case FLAG -> value.flag();
      case WORD -> value.oneOf(words(parameter.words(), Function.identity()));
      case COUNTS -> value.items().stream().map(item -> (long) item.count()).toList();
      case TEXTS -> value.items().stream().map(YamlValue::text).toList();
      case MAPPINGS ->
          value.items().stream()
              .map(item -> values(item.section(keys(parameter.parts())), parameter.parts()).byKey())
              .toList();
      case ACTIVATION -> activation(value);
    };
  }

  private static Activation activation(YamlValue value) {
    Activation.Builder activation = Activation.newBuilder();
    choose(value, Activations.choices(), activation);
    return activation.build();
  }

  private static Activation defaultActivation() {
    Choice first = Activations.choices().get(0);
    Activation.Builder activation = Activation.newBuilder();
    first.choose(activation, defaults(first.parameters()));
    return activation.build();
  }

  private static Values defaults(List<Parameter> parameters) {
    return new Values(
        parameters.stream()
            .collect(
                Collectors.toMap(
                    Parameter::key, parameter -> parameter.byDefault().orElseThrow())));
  }
}
