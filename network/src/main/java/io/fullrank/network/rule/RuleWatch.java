package io.fullrank.network.rule;

import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.CertificateMethod;
import io.fullrank.proto.v1.CheckPosition;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.LayerRank;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Rule;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.RulesPosition;
import io.fullrank.proto.v1.Verdict;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * Decides which rules of an experiment act: folds what one attempt of a run reports, and the
 * verdicts on its snapshots. The same reports in the same order give the same decisions.
 *
 * <p>A verdict that is late changes nothing: one on a step before the last perturbation, and one
 * that comes after another verdict of the same check on the same or a newer step. Skipped snapshots
 * have no verdict, and verdicts on another attempt's snapshots must not be handed in.
 *
 * <p>A rule acts once in a run, but for perturbations: these follow every verdict for which the
 * condition holds, and every time that the loss rises above its limit. Not safe for use by several
 * threads.
 */
public final class RuleWatch {

  /** The names of measures that conditions look at. */
  static final String EFFECTIVE_RANK = "effective-rank";

  static final String GRADIENT_NORM = "gradient-norm";
  static final String GRADIENT_NORM_BOUND = "gradient-norm-lower-bound";

  /** The check whose effective ranks count. */
  public static final String COLLAPSE = "collapse";

  private record Checked(long step, boolean certified) {}

  private record Layer(String check, String name) {}

  private final List<Rule> rules;
  private final Set<Integer> acted = new TreeSet<>();
  private final Set<Integer> diverged = new TreeSet<>();
  private final Map<String, Checked> checks = new HashMap<>();
  private final Map<Layer, Double> greatest = new HashMap<>();
  private OptionalDouble firstLoss = OptionalDouble.empty();
  private int perturbations;
  private OptionalLong perturbedAt = OptionalLong.empty();

  /**
   * Begins before the first report of a run.
   *
   * @param rules of a valid experiment, in their order
   */
  public RuleWatch(List<Rule> rules) {
    this.rules = List.copyOf(rules);
  }

  /** Returns whether there are no rules, so that nothing has to be handed in. */
  public boolean isEmpty() {
    return rules.isEmpty();
  }

  /**
   * Takes progress.
   *
   * @return the rules whose conditions hold, in their order
   */
  public List<Finding> progress(Progress progress) {
    OptionalDouble loss = loss(progress);
    if (loss.isEmpty()) {
      return List.of();
    }
    if (firstLoss.isEmpty() && Double.isFinite(loss.getAsDouble())) {
      firstLoss = loss;
    }
    List<Finding> above =
        find(
            rule ->
                switch (rule.getWhen()) {
                  case RULE_CONDITION_LOSS_DIVERGED -> diverged(rule, progress, loss.getAsDouble());
                  default -> Optional.empty();
                });
    List<Finding> risen =
        above.stream().filter(finding -> !diverged.contains(finding.index())).toList();
    diverged.clear();
    above.forEach(finding -> diverged.add(finding.index()));
    return risen;
  }

  /** Takes a guarantee as it stands at the end of a run, after so many steps. */
  public List<Finding> concluded(Guarantee guarantee, long step) {
    return find(
        rule ->
            switch (rule.getWhen()) {
              case RULE_CONDITION_GUARANTEE_VIOLATED -> violated(guarantee, step);
              default -> Optional.empty();
            });
  }

  /** Takes a verdict on a snapshot of this attempt. */
  public List<Finding> verdict(Verdict verdict) {
    if (isLate(verdict)) {
      return List.of();
    }
    List<Finding> findings =
        find(
            rule ->
                switch (rule.getWhen()) {
                  case RULE_CONDITION_CERTIFICATE_LAPSED -> lapsed(verdict);
                  case RULE_CONDITION_RANK_COLLAPSE -> collapsed(rule, verdict);
                  case RULE_CONDITION_GRADIENT_BOUND_VIOLATED -> boundViolated(verdict);
                  default -> Optional.empty();
                });
    checks.put(
        verdict.getCheck(),
        new Checked(verdict.getStep(), hasCertified(verdict.getCheck()) || isCertified(verdict)));
    if (verdict.getCheck().equals(COLLAPSE)) {
      for (Measure rank : effectiveRanks(verdict)) {
        greatest.merge(layer(verdict, rank), rank.getValue(), Math::max);
      }
    }
    return findings;
  }

  /**
   * Takes note that a rule acts.
   *
   * @param step at which it does
   * @return the event to be told
   */
  public RuleEvent act(Finding finding, long step) {
    Rule rule = finding.rule();
    if (rule.getAction() == RuleAction.RULE_ACTION_PERTURB) {
      perturbations++;
      perturbedAt = OptionalLong.of(step);
    } else {
      acted.add(finding.index());
    }
    return finding.observed().toBuilder().setStep(step).build();
  }

  /** Returns how many perturbations there have been. */
  public int perturbations() {
    return perturbations;
  }

  /** Returns the step of the last perturbation. */
  public OptionalLong perturbedAt() {
    return perturbedAt;
  }

  /** Returns what a later attempt needs to go on. */
  public RulesPosition position() {
    RulesPosition.Builder position =
        RulesPosition.newBuilder()
            .addAllActed(acted)
            .addAllDiverged(diverged)
            .setPerturbations(perturbations);
    firstLoss.ifPresent(position::setFirstLoss);
    perturbedAt.ifPresent(position::setPerturbedAt);
    checks.entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .forEach(
            entry ->
                position.addChecks(
                    CheckPosition.newBuilder()
                        .setCheck(entry.getKey())
                        .setStep(entry.getValue().step())
                        .setCertified(entry.getValue().certified())));
    greatest.forEach(
        (layer, rank) ->
            position.addRanks(
                LayerRank.newBuilder()
                    .setCheck(layer.check())
                    .setLayer(layer.name())
                    .setGreatest(rank)));
    return position.build();
  }

  /** Goes on where an earlier attempt was; called before anything is handed in. */
  public void restore(RulesPosition position) {
    acted.addAll(position.getActedList());
    diverged.addAll(position.getDivergedList());
    perturbations = position.getPerturbations();
    if (position.hasFirstLoss()) {
      firstLoss = OptionalDouble.of(position.getFirstLoss());
    }
    if (position.hasPerturbedAt()) {
      perturbedAt = OptionalLong.of(position.getPerturbedAt());
    }
    for (CheckPosition check : position.getChecksList()) {
      checks.put(check.getCheck(), new Checked(check.getStep(), check.getCertified()));
    }
    for (LayerRank rank : position.getRanksList()) {
      greatest.put(new Layer(rank.getCheck(), rank.getLayer()), rank.getGreatest());
    }
  }

  private List<Finding> find(Function<Rule, Optional<RuleEvent.Builder>> condition) {
    List<Finding> findings = new ArrayList<>();
    for (int i = 0; i < rules.size(); i++) {
      if (!acted.contains(i)) {
        int index = i;
        Rule rule = rules.get(i);
        condition
            .apply(rule)
            .ifPresent(
                event ->
                    findings.add(
                        new Finding(
                            index,
                            rule,
                            event
                                .setCondition(rule.getWhen())
                                .setAction(rule.getAction())
                                .build())));
      }
    }
    return findings;
  }

  private boolean isLate(Verdict verdict) {
    Checked newest = checks.get(verdict.getCheck());
    return (newest != null && Long.compareUnsigned(verdict.getStep(), newest.step()) <= 0)
        || (perturbedAt.isPresent()
            && Long.compareUnsigned(verdict.getStep(), perturbedAt.getAsLong()) < 0);
  }

  private boolean hasCertified(String check) {
    return checks.containsKey(check) && checks.get(check).certified();
  }

  private static boolean isCertified(Verdict verdict) {
    return verdict.getCertificate().getOutcome() == Outcome.OUTCOME_CERTIFIED;
  }

  // A check that lacked something, such as memory, has tried no method and found nothing out.
  private static boolean speaksAgainst(Certificate certificate) {
    return switch (certificate.getOutcome()) {
      case OUTCOME_REFUTED -> true;
      case OUTCOME_UNDETERMINED ->
          certificate.getMethod() != CertificateMethod.CERTIFICATE_METHOD_UNSPECIFIED;
      default -> false;
    };
  }

  private Optional<RuleEvent.Builder> lapsed(Verdict verdict) {
    if (!speaksAgainst(verdict.getCertificate()) || !hasCertified(verdict.getCheck())) {
      return Optional.empty();
    }
    return Optional.of(
        RuleEvent.newBuilder()
            .setObservedStep(verdict.getStep())
            .setCheck(verdict.getCheck())
            .setText(
                "%s certified an earlier snapshot; that of step %s is %s"
                    .formatted(
                        verdict.getCheck(),
                        Long.toUnsignedString(verdict.getStep()),
                        verdict.getCertificate().getOutcome().name().replace("OUTCOME_", ""))));
  }

  /** The layer that has lost the greatest part of its rank, if one has lost enough. */
  private Optional<RuleEvent.Builder> collapsed(Rule rule, Verdict verdict) {
    if (!verdict.getCheck().equals(COLLAPSE)) {
      return Optional.empty();
    }
    Optional<RuleEvent.Builder> worst = Optional.empty();
    double least = Double.POSITIVE_INFINITY;
    for (Measure rank : effectiveRanks(verdict)) {
      double most = greatest.getOrDefault(layer(verdict, rank), rank.getValue());
      double limit = threshold(rule) * most;
      if (rank.getValue() < limit && rank.getValue() / most < least) {
        least = rank.getValue() / most;
        worst =
            Optional.of(
                RuleEvent.newBuilder()
                    .setObservedStep(verdict.getStep())
                    .setCheck(verdict.getCheck())
                    .setLayer(rank.getLayer())
                    .setValue(rank.getValue())
                    .setLimit(limit)
                    .setText(
                        "layer '%s' has an effective rank of %s at step %s, below %s of its greatest, %s"
                            .formatted(
                                rank.getLayer(),
                                number(rank.getValue()),
                                Long.toUnsignedString(verdict.getStep()),
                                number(threshold(rule)),
                                number(most))));
      }
    }
    return worst;
  }

  private static Optional<RuleEvent.Builder> boundViolated(Verdict verdict) {
    for (Measure bound : verdict.getMeasuresList()) {
      if (bound.getName().equals(GRADIENT_NORM_BOUND)
          && bound.getKind() == MeasureKind.MEASURE_KIND_LOWER_BOUND) {
        for (Measure norm : verdict.getMeasuresList()) {
          if (norm.getName().equals(GRADIENT_NORM)
              && norm.getKind() == MeasureKind.MEASURE_KIND_MEASURED
              && norm.getLayer().equals(bound.getLayer())
              && norm.getValue() < bound.getValue()) {
            return Optional.of(
                RuleEvent.newBuilder()
                    .setObservedStep(verdict.getStep())
                    .setCheck(verdict.getCheck())
                    .setLayer(norm.getLayer())
                    .setValue(norm.getValue())
                    .setLimit(bound.getValue())
                    .setText(
                        "the measured gradient norm at step %s, %s, is below its certified bound, %s"
                            .formatted(
                                Long.toUnsignedString(verdict.getStep()),
                                norm.getValue(),
                                bound.getValue())));
          }
        }
      }
    }
    return Optional.empty();
  }

  private Optional<RuleEvent.Builder> diverged(Rule rule, Progress progress, double loss) {
    RuleEvent.Builder event =
        RuleEvent.newBuilder().setObservedStep(progress.getStep()).setValue(loss);
    String step = Long.toUnsignedString(progress.getStep());
    if (!Double.isFinite(loss)) {
      return Optional.of(event.setText("the training loss at step %s is %s".formatted(step, loss)));
    }
    double limit = threshold(rule) * firstLoss.orElse(loss);
    return loss > limit
        ? Optional.of(
            event
                .setLimit(limit)
                .setText(
                    "the training loss at step %s is %s, above %s times the first, %s"
                        .formatted(
                            step,
                            number(loss),
                            number(threshold(rule)),
                            number(firstLoss.orElse(loss)))))
        : Optional.empty();
  }

  private static Optional<RuleEvent.Builder> violated(Guarantee guarantee, long step) {
    if (!guarantee.hasHeld() || guarantee.getHeld()) {
      return Optional.empty();
    }
    RuleEvent.Builder event =
        RuleEvent.newBuilder()
            .setObservedStep(step)
            .setLimit(guarantee.getLossBound())
            .setText(
                "the training loss at step %s is above the bound that was guaranteed, %s"
                    .formatted(Long.toUnsignedString(step), guarantee.getLossBound()));
    if (guarantee.hasOptimalityGap()) {
      event.setValue(guarantee.getOptimalityGap() + guarantee.getLossInfimum());
    }
    return Optional.of(event);
  }

  private static OptionalDouble loss(Progress progress) {
    if (progress.hasTrainLoss()) {
      return OptionalDouble.of(progress.getTrainLoss());
    }
    return progress.hasBatchLoss()
        ? OptionalDouble.of(progress.getBatchLoss())
        : OptionalDouble.empty();
  }

  private static List<Measure> effectiveRanks(Verdict verdict) {
    return verdict.getMeasuresList().stream()
        .filter(measure -> measure.getName().equals(EFFECTIVE_RANK))
        .filter(measure -> !measure.getLayer().isEmpty() && Double.isFinite(measure.getValue()))
        .toList();
  }

  private static Layer layer(Verdict verdict, Measure measure) {
    return new Layer(verdict.getCheck(), measure.getLayer());
  }

  private static double threshold(Rule rule) {
    return rule.hasThreshold()
        ? rule.getThreshold()
        : Condition.of(rule.getWhen())
            .flatMap(Condition::threshold)
            .flatMap(threshold -> threshold.byDefault())
            .map(Double.class::cast)
            .orElseThrow();
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.4g", value);
  }
}
