package io.fullrank.network.experiment;

import com.google.protobuf.Message;
import io.fullrank.network.activation.ActivationChoice;
import io.fullrank.network.activation.Activations;
import io.fullrank.network.description.Choice;
import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Problem;
import io.fullrank.network.description.Values;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import io.fullrank.proto.v1.Activation;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Checks the parameters of choices, as their descriptors say. */
final class ParameterCheck {

  private static final int MAX_TEXT_CHARACTERS = 100;

  private ParameterCheck() {}

  /**
   * Checks a choice's parameters.
   *
   * @param path of the choice in experiment files
   * @throws InvalidExperimentException naming the first that is out of range
   */
  static Values check(String path, Choice choice, Message specification) {
    refuse(path, choice.problem(specification));
    Values values = choice.valuesIn(specification);
    check(path, choice.parameters(), values);
    return values;
  }

  /** Refuses values with which something is wrong, although each is in its range. */
  static void refuse(String path, Optional<Problem> problem) {
    problem.ifPresent(
        wrong -> {
          throw new InvalidExperimentException(path + "." + wrong.key(), wrong.text());
        });
  }

  /** The descriptor that a specification chooses; refuses one that chooses none of them. */
  static <T> T chosen(
      String path, Optional<T> chosen, List<T> descriptors, Function<T, String> key) {
    return chosen.orElseThrow(
        () ->
            new InvalidExperimentException(
                path, "must be " + oneOf(descriptors.stream().map(key).toList())));
  }

  /** "a, b or c". */
  static String oneOf(List<String> words) {
    int last = words.size() - 1;
    return last == 0
        ? words.get(0)
        : String.join(", ", words.subList(0, last)) + " or " + words.get(last);
  }

  private static void check(String path, List<Parameter> parameters, Values values) {
    for (Parameter parameter : parameters) {
      String field = path + "." + parameter.key();
      switch (parameter.kind()) {
        case COUNT -> checkCount(field, parameter, values.count(parameter.key()));
        case NUMBER -> checkNumber(field, parameter, values.number(parameter.key()));
        case FLAG -> {
          // Both are allowed.
        }
        case WORD ->
            require(
                parameter.words().contains(values.word(parameter.key())),
                field,
                "must be " + oneOf(parameter.words()));
        case COUNTS -> {
          List<Long> counts = values.counts(parameter.key());
          checkSize(field, parameter, counts.size());
          for (int i = 0; i < counts.size(); i++) {
            checkNumber(field + "[" + i + "]", parameter, counts.get(i));
          }
        }
        case TEXTS -> {
          List<String> texts = values.texts(parameter.key());
          checkSize(field, parameter, texts.size());
          for (int i = 0; i < texts.size(); i++) {
            require(
                !texts.get(i).isBlank() && texts.get(i).length() <= MAX_TEXT_CHARACTERS,
                field + "[" + i + "]",
                "must be 1 to %d characters".formatted(MAX_TEXT_CHARACTERS));
          }
        }
        case MAPPINGS -> {
          List<Values> mappings = values.mappings(parameter.key());
          checkSize(field, parameter, mappings.size());
          for (int i = 0; i < mappings.size(); i++) {
            check(field + "[" + i + "]", parameter.parts(), mappings.get(i));
          }
        }
        case ACTIVATION -> checkActivation(field, (Activation) values.part(parameter.key()));
      }
    }
  }

  private static void checkCount(String field, Parameter parameter, long value) {
    // A default may lie outside: 0 for none.
    if (!parameter.byDefault().equals(Optional.of(value))) {
      checkNumber(field, parameter, value);
    }
  }

  private static void checkNumber(String field, Parameter parameter, double value) {
    parameter
        .range()
        .problem(value)
        .ifPresent(
            problem -> {
              throw new InvalidExperimentException(field, problem);
            });
  }

  private static void checkSize(String field, Parameter parameter, int size) {
    require(
        parameter.size().problem(size).isEmpty(),
        field,
        "must have %d to %d %s, got %d"
            .formatted(
                (long) parameter.size().least(),
                (long) parameter.size().most(),
                parameter.unit(),
                size));
  }

  private static void checkActivation(String field, Activation activation) {
    Choice choice =
        chosen(
            field,
            Activations.chosenBy(activation).map(ActivationChoice::choice),
            Activations.choices(),
            Choice::key);
    check(field + "." + choice.key(), choice, activation);
  }

  private static void require(boolean holds, String field, String problem) {
    if (!holds) {
      throw new InvalidExperimentException(field, problem);
    }
  }
}
