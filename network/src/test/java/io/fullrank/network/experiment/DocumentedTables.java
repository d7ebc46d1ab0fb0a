package io.fullrank.network.experiment;

import io.fullrank.network.activation.Activations;
import io.fullrank.network.algorithm.Algorithm;
import io.fullrank.network.algorithm.Algorithms;
import io.fullrank.network.algorithm.LearningRate;
import io.fullrank.network.architecture.Architecture;
import io.fullrank.network.architecture.Architectures;
import io.fullrank.network.description.Choice;
import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Parameter.Kind;
import io.fullrank.network.phase.Solvers;
import io.fullrank.network.rule.Action;
import io.fullrank.network.rule.Condition;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The tables that docs/experiments.md has to have, made of the descriptors, in Markdown. */
final class DocumentedTables {

  /** Keys of all networks, which the table of all keys explains. */
  private static final Set<String> COMMON = Set.of("activation", "initialization");

  private DocumentedTables() {}

  static Map<String, String> all() {
    Map<String, String> tables = new LinkedHashMap<>();
    List<Choice> networks = Architectures.ALL.stream().map(Architecture::choice).toList();
    tables.put("architectures", choices("type", "network", networks));
    tables.put("fully-connected", parameters(only(networks, "fully-connected")));
    tables.put("resnet", parameters(only(networks, "resnet")));
    tables.put("resnet-18", parameters(only(networks, "resnet-18")));
    tables.put(
        "du",
        parameters(networks.stream().filter(choice -> choice.key().startsWith("du-")).toList()));
    tables.put("activations", withParameters("name", "σ(z)", Activations.choices()));
    List<Choice> algorithms = Algorithms.STANDARD.all().stream().map(Algorithm::choice).toList();
    tables.put("algorithms", choices("algorithm", "update", algorithms));
    tables.put("parameters of algorithms", parameters(algorithms));
    tables.put("schedules", withParameters("schedule", "learning rate", LearningRate.SCHEDULES));
    tables.put("solvers", solvers());
    tables.put("checks", choices("check", "what it finds out", ChecksSection.ALL));
    tables.put("parameters of checks", parameters(ChecksSection.ALL));
    tables.put("conditions of rules", conditions());
    tables.put("actions of rules", actions());
    return tables;
  }

  private static List<Choice> only(List<Choice> choices, String key) {
    return choices.stream().filter(choice -> choice.key().equals(key)).toList();
  }

  private static String choices(String key, String meaning, List<Choice> choices) {
    List<List<String>> rows = new ArrayList<>();
    choices.forEach(choice -> rows.add(List.of(code(choice.key()), choice.sentence())));
    return table(List.of(key, meaning), rows);
  }

  private static String withParameters(String key, String meaning, List<Choice> choices) {
    List<List<String>> rows = new ArrayList<>();
    for (Choice choice : choices) {
      String parameters =
          choice.parameters().stream()
              .map(
                  parameter ->
                      "%s: %s; %s%s"
                          .formatted(
                              code(parameter.key()),
                              parameter.sentence(),
                              values(parameter),
                              parameter.byDefault().isPresent()
                                  ? ", default " + byDefault(parameter)
                                  : ""))
              .collect(Collectors.joining(". "));
      rows.add(List.of(code(choice.key()), choice.sentence(), parameters));
    }
    return table(List.of(key, meaning, "parameters"), rows);
  }

  private static String solvers() {
    List<List<String>> rows = new ArrayList<>();
    Solvers.ALL.forEach(
        solver -> rows.add(List.of(code(solver.key()), solver.step(), solver.guaranteed())));
    return table(
        List.of("solver", "what a step does", "what is guaranteed if the features are certified"),
        rows);
  }

  private static String conditions() {
    List<List<String>> rows = new ArrayList<>();
    Condition.ALL.forEach(
        condition ->
            rows.add(
                List.of(
                    code(condition.key()),
                    condition.sentence(),
                    condition.threshold().map(DocumentedTables::number).orElse("–"))));
    return table(List.of("`when`", "it holds when", "`threshold`"), rows);
  }

  private static String actions() {
    List<List<String>> rows = new ArrayList<>();
    Action.ALL.forEach(
        action ->
            rows.add(
                List.of(
                    code(action.key()),
                    action.sentence(),
                    action.noise().map(DocumentedTables::number).orElse("–"))));
    return table(List.of("`do`", "what happens", "`noise`"), rows);
  }

  private static String number(Parameter parameter) {
    return "%s; %s, default %s"
        .formatted(parameter.sentence(), values(parameter), byDefault(parameter));
  }

  /** One row for each key of any of the choices. */
  private static String parameters(List<Choice> choices) {
    Map<String, Map<String, Parameter>> byKey = new LinkedHashMap<>();
    for (Choice choice : choices) {
      for (Parameter parameter : choice.parameters()) {
        if (!COMMON.contains(parameter.key())) {
          byKey
              .computeIfAbsent(parameter.key(), key -> new LinkedHashMap<>())
              .put(choice.key(), parameter);
        }
      }
    }
    List<List<String>> rows = new ArrayList<>();
    byKey.forEach(
        (key, of) -> {
          List<String> row = new ArrayList<>(List.of(code(key)));
          if (choices.size() > 1) {
            row.add(owners(choices, of.keySet()));
          }
          row.add(each(of, Parameter::sentence));
          row.add(each(of, DocumentedTables::values));
          row.add(each(of, DocumentedTables::byDefault));
          rows.add(row);
        });
    return table(
        choices.size() > 1
            ? List.of("key", "of", "meaning", "values", "default")
            : List.of("key", "meaning", "values", "default"),
        rows);
  }

  private static String owners(List<Choice> choices, Set<String> owners) {
    List<String> others =
        choices.stream().map(Choice::key).filter(key -> !owners.contains(key)).toList();
    return others.isEmpty()
        ? "all"
        : others.size() == 1 ? "all but " + code(others.get(0)) : codes(List.copyOf(owners));
  }

  /** The text of all parameters of that key, or where they differ, of each. */
  private static String each(Map<String, Parameter> of, Function<Parameter, String> text) {
    Map<String, List<String>> owners = new LinkedHashMap<>();
    of.forEach(
        (owner, parameter) ->
            owners.computeIfAbsent(text.apply(parameter), same -> new ArrayList<>()).add(owner));
    return owners.size() == 1
        ? owners.keySet().iterator().next()
        : owners.entrySet().stream()
            .map(entry -> codes(entry.getValue()) + ": " + entry.getKey())
            .collect(Collectors.joining("; "));
  }

  private static String values(Parameter parameter) {
    return switch (parameter.kind()) {
      case COUNT, NUMBER ->
          (parameter.unit().isEmpty() ? "" : parameter.unit() + ", ")
              + parameter.range().inSymbols();
      case FLAG -> "`true`, `false`";
      case WORD -> codes(parameter.words());
      case COUNTS ->
          "list of %s %s, each %s"
              .formatted(
                  parameter.size().inSymbols(), parameter.unit(), parameter.range().inSymbols());
      case TEXTS -> "list of %s %s".formatted(parameter.size().inSymbols(), parameter.unit());
      case MAPPINGS ->
          "list of %s %s: %s"
              .formatted(
                  parameter.size().inSymbols(),
                  parameter.unit(),
                  parameter.parts().stream()
                      .map(
                          part ->
                              code(part.key())
                                  + " "
                                  + part.range().inSymbols()
                                  + (part.byDefault().isPresent()
                                      ? " (default " + byDefault(part) + ")"
                                      : ""))
                      .collect(Collectors.joining(", ")));
      case ACTIVATION -> "an activation";
    };
  }

  private static String byDefault(Parameter parameter) {
    if (parameter.byDefault().isEmpty()) {
      return "–";
    }
    Object value = parameter.byDefault().get();
    if (parameter.kind() == Kind.TEXTS) {
      return "none";
    }
    return parameter.kind() == Kind.FLAG || parameter.kind() == Kind.WORD
        ? code(value.toString())
        : value instanceof Double number ? number(number) : value.toString();
  }

  /** 0.05, 1e-3. */
  private static String number(double value) {
    if (value == 0 || Math.abs(value) >= 0.01) {
      return new BigDecimal(String.valueOf(value)).stripTrailingZeros().toPlainString();
    }
    return String.valueOf(value).contains("E")
        ? String.valueOf(value).replace(".0E", "e").replace('E', 'e')
        : number(value * 1000) + "e-3";
  }

  private static String code(String text) {
    return "`" + text + "`";
  }

  private static String codes(List<String> texts) {
    return texts.stream().map(DocumentedTables::code).collect(Collectors.joining(", "));
  }

  private static String table(List<String> head, List<List<String>> rows) {
    StringBuilder table = new StringBuilder();
    table.append("| ").append(String.join(" | ", head)).append(" |\n");
    table.append("|").append("---|".repeat(head.size())).append("\n");
    rows.forEach(row -> table.append("| ").append(String.join(" | ", row)).append(" |\n"));
    return table.toString();
  }
}
