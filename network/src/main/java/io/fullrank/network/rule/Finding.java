package io.fullrank.network.rule;

import io.fullrank.proto.v1.Rule;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleEvent;

/**
 * That the condition of a rule holds.
 *
 * @param index the rule's place in the experiment, counted from 0
 * @param observed all of the event but the step at which the rule acts
 */
public record Finding(int index, Rule rule, RuleEvent observed) {

  public RuleAction action() {
    return rule.getAction();
  }
}
