package io.fullrank.network.experiment;

import io.fullrank.network.description.Parameter;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import io.fullrank.network.experiment.yaml.YamlValue;
import io.fullrank.network.rule.Action;
import io.fullrank.network.rule.Condition;
import io.fullrank.network.rule.RuleWatch;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Rule;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleCondition;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The section {@code rules} of an experiment: a list of conditions, each with an action. */
final class RulesSection {

  private static final String WHEN = "when";
  private static final String DO = "do";
  private static final String THRESHOLD = "threshold";
  private static final String NOISE = "noise";

  private RulesSection() {}

  /** Reads the section. What is not given has its default. */
  static List<Rule> read(YamlValue value) {
    return value.items().stream().map(RulesSection::rule).toList();
  }

  private static Rule rule(YamlValue value) {
    YamlValue.Section keys = value.section(WHEN, THRESHOLD, DO, NOISE);
    Map<String, Condition> conditions = ParameterReader.words(Condition.ALL, Condition::key);
    Map<String, Action> actions = ParameterReader.words(Action.ALL, Action::key);
    Action action = keys.required(DO).oneOf(actions);
    Rule.Builder rule =
        Rule.newBuilder()
            .setWhen(keys.required(WHEN).oneOf(conditions).value())
            .setAction(action.value());
    keys.optional(THRESHOLD).map(YamlValue::number).ifPresent(rule::setThreshold);
    keys.optional(NOISE)
        .map(YamlValue::number)
        .or(() -> action.noise().flatMap(Parameter::byDefault).map(Double.class::cast))
        .ifPresent(rule::setNoise);
    return rule.build();
  }

  /**
   * Checks the section.
   *
   * @throws InvalidExperimentException naming the first field that is missing or out of range
   */
  static void check(List<Rule> rules) {
    List<String> seen = new ArrayList<>();
    for (int i = 0; i < rules.size(); i++) {
      Rule rule = rules.get(i);
      String path = "rules[" + i + "]";
      Condition condition =
          ParameterCheck.chosen(
              path + "." + WHEN, Condition.of(rule.getWhen()), Condition.ALL, Condition::key);
      Action action =
          ParameterCheck.chosen(
              path + "." + DO, Action.of(rule.getAction()), Action.ALL, Action::key);
      checkNumber(
          path + "." + THRESHOLD,
          condition.threshold(),
          rule.hasThreshold() ? Optional.of(rule.getThreshold()) : Optional.empty(),
          condition.key() + " compares with nothing");
      checkNumber(
          path + "." + NOISE,
          action.noise(),
          action.noise().isPresent() || rule.getNoise() != 0
              ? Optional.of(rule.getNoise())
              : Optional.empty(),
          action.key() + " adds no noise");
      require(
          rule.getAction() != RuleAction.RULE_ACTION_PERTURB
              || rule.getWhen() != RuleCondition.RULE_CONDITION_GUARANTEE_VIOLATED,
          path + "." + DO,
          "perturb acts in phase 1, but a guarantee is about the end of phase 2; use stop or"
              + " checkpoint");
      String pair = condition.key() + ", " + action.key();
      require(
          !seen.contains(pair),
          path,
          "has the condition and action of rules[%d]; keep one".formatted(seen.indexOf(pair)));
      seen.add(pair);
    }
  }

  /** Rules that can never act. */
  static List<String> warnings(ExperimentSpec spec) {
    boolean measured =
        spec.getChecks().getNamedList().stream()
            .anyMatch(check -> check.getName().equals(RuleWatch.COLLAPSE));
    return spec.getRulesList().stream()
        .filter(rule -> rule.getWhen() == RuleCondition.RULE_CONDITION_RANK_COLLAPSE && !measured)
        .map(
            rule ->
                "rank-collapse looks at what the check collapse measures, which is not among the"
                    + " checks: that rule never acts (add collapse: {} to checks)")
        .distinct()
        .toList();
  }

  private static void checkNumber(
      String field, Optional<Parameter> parameter, Optional<Double> given, String otherwise) {
    given.ifPresent(
        value -> {
          require(parameter.isPresent(), field, otherwise + "; leave the key out");
          parameter
              .flatMap(known -> known.range().problem(value))
              .ifPresent(
                  problem -> {
                    throw new InvalidExperimentException(field, problem);
                  });
        });
  }

  private static void require(boolean holds, String field, String problem) {
    if (!holds) {
      throw new InvalidExperimentException(field, problem);
    }
  }
}
