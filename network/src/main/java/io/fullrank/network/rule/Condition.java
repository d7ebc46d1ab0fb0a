package io.fullrank.network.rule;

import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Range;
import io.fullrank.proto.v1.RuleCondition;
import java.util.List;
import java.util.Optional;

/**
 * When a rule acts.
 *
 * @param key its word in experiment files
 * @param value its name in specifications
 * @param threshold the number that it compares with, if it has one, with the default
 * @param sentence when it holds, for documentation in Markdown
 */
public record Condition(
    String key, RuleCondition value, Optional<Parameter> threshold, String sentence) {

  /** All conditions. */
  public static final List<Condition> ALL =
      List.of(
          new Condition(
              "certificate-lapsed",
              RuleCondition.RULE_CONDITION_CERTIFICATE_LAPSED,
              Optional.empty(),
              "a check that certified an earlier snapshot of the run has looked at this one and does"
                  + " not certify it; one that lacks memory or data has not looked"),
          new Condition(
              "rank-collapse",
              RuleCondition.RULE_CONDITION_RANK_COLLAPSE,
              Optional.of(
                  Parameter.number(
                          "threshold",
                          new Range(0, true, 1, true, false),
                          "the fraction of its greatest")
                      .byDefault(0.5)),
              "the effective rank of a layer, as the check `collapse` measures it, has fallen below"
                  + " `threshold` times its greatest so far"),
          new Condition(
              "gradient-bound-violated",
              RuleCondition.RULE_CONDITION_GRADIENT_BOUND_VIOLATED,
              Optional.empty(),
              "the measured gradient norm is below its certified bound, which is a fault of the"
                  + " program"),
          new Condition(
              "loss-diverged",
              RuleCondition.RULE_CONDITION_LOSS_DIVERGED,
              Optional.of(
                  Parameter.number(
                          "threshold",
                          new Range(1, true, Double.POSITIVE_INFINITY, true, false),
                          "the multiple of the first")
                      .byDefault(10.0)),
              "the training loss is not finite, or above `threshold` times the first that was"
                  + " reported"),
          new Condition(
              "guarantee-violated",
              RuleCondition.RULE_CONDITION_GUARANTEE_VIOLATED,
              Optional.empty(),
              "the training loss at the end is above the bound that the guarantee of phase 2 states,"
                  + " which is a fault of the program"));

  /** The condition that a specification names; empty if it names none. */
  public static Optional<Condition> of(RuleCondition value) {
    return ALL.stream().filter(condition -> condition.value() == value).findFirst();
  }
}
