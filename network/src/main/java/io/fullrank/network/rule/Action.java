package io.fullrank.network.rule;

import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Range;
import io.fullrank.proto.v1.RuleAction;
import java.util.List;
import java.util.Optional;

/**
 * What a rule does.
 *
 * @param key its word in experiment files
 * @param value its name in specifications
 * @param noise the standard deviation of a perturbation, with the default; empty for all others
 * @param sentence what happens, for documentation in Markdown
 */
public record Action(String key, RuleAction value, Optional<Parameter> noise, String sentence) {

  /** All actions. */
  public static final List<Action> ALL =
      List.of(
          new Action(
              "stop",
              RuleAction.RULE_ACTION_STOP,
              Optional.empty(),
              "the run ends with its weights as they are, as CANCELLED, with the reason and its figures"),
          new Action(
              "checkpoint",
              RuleAction.RULE_ACTION_CHECKPOINT,
              Optional.empty(),
              "a checkpoint is written that stays"),
          new Action(
              "perturb",
              RuleAction.RULE_ACTION_PERTURB,
              Optional.of(
                  Parameter.number(
                          "noise",
                          Range.POSITIVE,
                          "standard deviation of what is added to each parameter")
                      .byDefault(1e-3)),
              "the hidden layers get a Gaussian perturbation, and their features are published as a"
                  + " witness; in phase 1 only"));

  /** The action that a specification names; empty if it names none. */
  public static Optional<Action> of(RuleAction value) {
    return ALL.stream().filter(action -> action.value() == value).findFirst();
  }
}
