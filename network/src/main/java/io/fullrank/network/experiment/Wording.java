package io.fullrank.network.experiment;

import com.google.protobuf.Message;
import io.fullrank.network.activation.Activations;
import io.fullrank.network.algorithm.Algorithm;
import io.fullrank.network.algorithm.Algorithms;
import io.fullrank.network.algorithm.LearningRate;
import io.fullrank.network.architecture.Architecture;
import io.fullrank.network.architecture.Architectures;
import io.fullrank.network.description.Choice;
import io.fullrank.network.description.Values;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.ExternalLayer;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.LearningRateSchedule;
import io.fullrank.proto.v1.NetworkSpec;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * An experiment's choices for reports: in the words of experiment files, as maps, or in a phrase.
 * Values are those of {@link Values}; activations and schedules are maps as well.
 */
public final class Wording {

  private static final Pattern OPTIONAL_PART = Pattern.compile("\\[([^]]*)\\]");
  private static final Pattern PLACE = Pattern.compile("\\{([a-z-]+)(?:\\.([a-z-]+))?\\}");

  /** How people call a network that a program outside Fullrank trains, as architectures have it. */
  static final String EXTERNAL_PHRASE =
      "{model} in {framework}[, last hidden layer of {last-hidden-width}]";

  private static final String EXTERNAL = "external";

  private Wording() {}

  /**
   * The network with the keys of the section {@code network}; empty if none is given. One that a
   * program outside Fullrank trains is as that program describes it.
   */
  public static Map<String, Object> network(NetworkSpec spec) {
    Map<String, Object> network = new LinkedHashMap<>();
    if (spec.hasExternal()) {
      network.put("type", EXTERNAL);
      network.putAll(external(spec.getExternal()).byKey());
      return network;
    }
    Architectures.chosenBy(spec)
        .map(Architecture::choice)
        .ifPresent(
            choice -> {
              network.put("type", choice.key());
              network.putAll(plain(choice.valuesIn(spec)));
            });
    return network;
  }

  private static Values external(ExternalNetwork network) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("framework", network.getFramework());
    values.put("model", network.getModel());
    values.put("layers", network.getLayersList().stream().map(Wording::layer).toList());
    values.put("last-hidden-width", Integer.toUnsignedLong(network.getLastHiddenWidth()));
    values.put("outputs", Integer.toUnsignedLong(network.getOutputs()));
    if (network.hasAnalytic()) {
      values.put("analytic", network.getAnalytic());
    }
    values.put("operators-not-analytic", List.copyOf(network.getOperatorsNotAnalyticList()));
    return new Values(values);
  }

  private static Map<String, Object> layer(ExternalLayer layer) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("name", layer.getName());
    values.put("kind", layer.getKind());
    values.put("parameters", layer.getParameters());
    return values;
  }

  /** Which operators of an external network are not analytic, as far as that is known. */
  public static String analytic(ExternalNetwork network) {
    if (network.getOperatorsNotAnalyticCount() > 0) {
      return "not analytic: " + String.join(", ", network.getOperatorsNotAnalyticList());
    }
    if (!network.hasAnalytic()) {
      return "not known whether they are analytic";
    }
    return network.getAnalytic() ? "all are analytic" : "not all are analytic";
  }

  /** The algorithm with its parameters, by its key; empty if it is none of these. */
  public static Map<String, Object> algorithm(AlgorithmSpec spec, Algorithms algorithms) {
    if (spec.hasExternal()) {
      return Map.of(
          EXTERNAL,
          Map.of(
              "name",
              spec.getExternal().getName(),
              "settings",
              new TreeMap<>(spec.getExternal().getSettingsMap())));
    }
    Optional<Algorithm> algorithm = algorithms.chosenBy(spec);
    if (algorithm.isEmpty()) {
      return Map.of();
    }
    Choice choice = algorithm.get().choice();
    LearningRateSchedule schedule = algorithm.get().schedule(spec);
    Map<String, Object> parameters = plain(choice.valuesIn(spec));
    parameters.put("schedule", chosen(LearningRate.SCHEDULES, schedule));
    parameters.put("warm-up-epochs", Integer.toUnsignedLong(schedule.getWarmUpEpochs()));
    return Map.of(choice.key(), parameters);
  }

  private static Map<String, Object> plain(Values values) {
    Map<String, Object> plain = new LinkedHashMap<>(values.byKey());
    plain.replaceAll(
        (key, value) ->
            value instanceof Activation activation
                ? chosen(Activations.choices(), activation)
                : value);
    return plain;
  }

  /** The choice that a specification makes with its parameters; empty if it makes none. */
  private static Map<String, Object> chosen(List<Choice> choices, Message spec) {
    return choices.stream()
        .filter(choice -> choice.isChosenBy(spec))
        .findFirst()
        .map(choice -> Map.<String, Object>of(choice.key(), choice.valuesIn(spec).byKey()))
        .orElse(Map.of());
  }

  /** The network as a phrase, such as "hidden layers of 64, 1280". */
  public static String phrase(NetworkSpec spec) {
    if (spec.hasExternal()) {
      return phrase(EXTERNAL_PHRASE, external(spec.getExternal()));
    }
    return Architectures.chosenBy(spec)
        .map(architecture -> phrase(architecture.phrase(), architecture.choice().valuesIn(spec)))
        .orElse("no network");
  }

  private static String phrase(String template, Values values) {
    String wanted =
        OPTIONAL_PART
            .matcher(template)
            .replaceAll(
                part ->
                    PLACE.matcher(part.group(1)).results().anyMatch(place -> isZero(place, values))
                        ? ""
                        : part.group(1));
    return PLACE
        .matcher(wanted)
        .replaceAll(place -> Matcher.quoteReplacement(value(place, values)));
  }

  private static boolean isZero(MatchResult place, Values values) {
    return value(place, values).equals("0");
  }

  private static String value(MatchResult place, Values values) {
    Object value = values.byKey().get(place.group(1));
    if (!(value instanceof List<?> items)) {
      return String.valueOf(value);
    }
    return items.stream()
        .map(item -> item instanceof Map<?, ?> parts ? parts.get(place.group(2)) : item)
        .map(String::valueOf)
        .collect(Collectors.joining(", "));
  }
}
