package io.fullrank.network.rule;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.CertificateMethod;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Rule;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleCondition;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.Verdict;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each condition, at its limit and beside it, and which verdicts count. */
class RuleWatchTest {

  private static final Rule LAPSED =
      rule(RuleCondition.RULE_CONDITION_CERTIFICATE_LAPSED, RuleAction.RULE_ACTION_PERTURB);
  private static final Rule COLLAPSED =
      rule(RuleCondition.RULE_CONDITION_RANK_COLLAPSE, RuleAction.RULE_ACTION_STOP);
  private static final Rule DIVERGED =
      rule(RuleCondition.RULE_CONDITION_LOSS_DIVERGED, RuleAction.RULE_ACTION_STOP);

  @ParameterizedTest
  @EnumSource(names = {"OUTCOME_REFUTED", "OUTCOME_UNDETERMINED"})
  void aCertificateLapsesAfterOneOfTheSameCheck(Outcome outcome) {
    RuleWatch watch = new RuleWatch(List.of(LAPSED));
    assertThat(watch.verdict(verdict("expressivity", 10, outcome))).isEmpty();
    assertThat(watch.verdict(verdict("tangent-kernel", 10, Outcome.OUTCOME_CERTIFIED))).isEmpty();
    assertThat(watch.verdict(verdict("expressivity", 20, outcome))).isEmpty();

    List<Finding> findings = watch.verdict(verdict("tangent-kernel", 20, outcome));

    assertThat(findings).hasSize(1);
    RuleEvent event = watch.act(findings.get(0), 23);
    assertThat(event)
        .isEqualTo(
            RuleEvent.newBuilder()
                .setCondition(RuleCondition.RULE_CONDITION_CERTIFICATE_LAPSED)
                .setAction(RuleAction.RULE_ACTION_PERTURB)
                .setStep(23)
                .setObservedStep(20)
                .setCheck("tangent-kernel")
                .setText(
                    "tangent-kernel certified an earlier snapshot; that of step 20 is "
                        + outcome.name().replace("OUTCOME_", ""))
                .build());
  }

  @Test
  void nothingLapsesForWantOfMemoryOrData() {
    RuleWatch watch = new RuleWatch(List.of(LAPSED));
    watch.verdict(verdict("x", 10, Outcome.OUTCOME_CERTIFIED));
    Certificate.Builder lacking =
        Certificate.newBuilder()
            .setOutcome(Outcome.OUTCOME_UNDETERMINED)
            .setReason("8.0 GB of memory are needed, and there are 2.0 GB");
    assertThat(
            watch.verdict(
                Verdict.newBuilder().setCheck("x").setStep(20).setCertificate(lacking).build()))
        .isEmpty();
    assertThat(watch.verdict(verdict("x", 30, Outcome.OUTCOME_UNDETERMINED))).hasSize(1);
  }

  @Test
  void aVerdictWithoutACertificateLapsesNothing() {
    RuleWatch watch = new RuleWatch(List.of(LAPSED));
    watch.verdict(verdict("x", 10, Outcome.OUTCOME_CERTIFIED));
    assertThat(watch.verdict(Verdict.newBuilder().setCheck("x").setStep(20).build())).isEmpty();
  }

  @Test
  void lateVerdictsChangeNothing() {
    RuleWatch watch = new RuleWatch(List.of(LAPSED));
    watch.verdict(verdict("x", 20, Outcome.OUTCOME_CERTIFIED));
    assertThat(watch.verdict(verdict("x", 20, Outcome.OUTCOME_REFUTED))).isEmpty();
    assertThat(watch.verdict(verdict("x", 10, Outcome.OUTCOME_REFUTED))).isEmpty();

    watch.act(watch.verdict(verdict("x", 30, Outcome.OUTCOME_REFUTED)).get(0), 50);

    // Of a step before the perturbation, though newer than all that were seen.
    assertThat(watch.verdict(verdict("x", 40, Outcome.OUTCOME_REFUTED))).isEmpty();
    assertThat(watch.verdict(verdict("x", 50, Outcome.OUTCOME_REFUTED))).hasSize(1);
  }

  @Test
  void aLateCertificateIsNoEarlierCertificate() {
    RuleWatch watch = new RuleWatch(List.of(LAPSED));
    watch.verdict(verdict("x", 20, Outcome.OUTCOME_REFUTED));
    watch.verdict(verdict("x", 10, Outcome.OUTCOME_CERTIFIED));
    assertThat(watch.verdict(verdict("x", 30, Outcome.OUTCOME_REFUTED))).isEmpty();
  }

  @Test
  void rankCollapsesBelowAFractionOfTheLayersGreatest() {
    RuleWatch watch = new RuleWatch(List.of(COLLAPSED));
    assertThat(watch.verdict(ranks(10, 8, 100))).isEmpty();
    assertThat(watch.verdict(ranks(20, 20, 100))).isEmpty();
    assertThat(watch.verdict(ranks(30, 10, 50))).isEmpty();

    List<Finding> findings = watch.verdict(ranks(40, 9.5, 49.9));

    assertThat(findings).hasSize(1);
    RuleEvent event = findings.get(0).observed();
    assertThat(event.getLayer()).isEqualTo("hidden.1");
    assertThat(event.getValue()).isEqualTo(9.5);
    assertThat(event.getLimit()).isEqualTo(10);
    assertThat(event.getObservedStep()).isEqualTo(40);
    assertThat(event.getText()).doesNotContain("\n").contains("hidden.1", "9.500", "20.00");
  }

  @Test
  void ranksOfOtherChecksDoNotCount() {
    RuleWatch watch = new RuleWatch(List.of(COLLAPSED));
    watch.verdict(ranks(10, 20, 100).toBuilder().setCheck("other").build());
    assertThat(watch.verdict(ranks(20, 1, 1).toBuilder().setCheck("other").build())).isEmpty();
    assertThat(watch.verdict(ranks(30, 1, 1))).isEmpty();
  }

  @Test
  void aGradientIsNotShorterThanItsBound() {
    RuleWatch watch =
        new RuleWatch(
            List.of(
                rule(
                    RuleCondition.RULE_CONDITION_GRADIENT_BOUND_VIOLATED,
                    RuleAction.RULE_ACTION_STOP)));
    assertThat(watch.verdict(gradient(10, 0.5, MeasureKind.MEASURE_KIND_LOWER_BOUND, 0.5)))
        .isEmpty();
    assertThat(watch.verdict(gradient(20, 0.4, MeasureKind.MEASURE_KIND_ESTIMATE, 0.5))).isEmpty();
    assertThat(
            watch.verdict(
                gradient(30, Math.nextDown(0.5), MeasureKind.MEASURE_KIND_LOWER_BOUND, 0.5)))
        .hasSize(1);
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, 20.5})
  void aLossDivergesFromTheFirstReported(double later) {
    RuleWatch watch = new RuleWatch(List.of(DIVERGED));
    assertThat(watch.progress(Progress.newBuilder().setStep(5).build())).isEmpty();
    assertThat(watch.progress(loss(10, 2))).isEmpty();
    assertThat(watch.progress(loss(20, 20))).isEmpty();

    List<Finding> findings = watch.progress(loss(30, later));

    assertThat(findings).hasSize(1);
    assertThat(Double.valueOf(findings.get(0).observed().getValue())).isEqualTo((Double) later);
    assertThat(findings.get(0).observed().hasLimit()).isEqualTo(Double.isFinite(later));
  }

  @Test
  void aRuleActsOnceButPerturbationsAreRepeated() {
    Rule checkpoint = DIVERGED.toBuilder().setAction(RuleAction.RULE_ACTION_CHECKPOINT).build();
    Rule perturb = DIVERGED.toBuilder().setAction(RuleAction.RULE_ACTION_PERTURB).build();
    RuleWatch watch = new RuleWatch(List.of(checkpoint, perturb, DIVERGED));
    watch.progress(loss(10, 2));

    List<Finding> first = watch.progress(loss(20, 100));
    assertThat(first).extracting(Finding::rule).containsExactly(checkpoint, perturb, DIVERGED);
    watch.act(first.get(0), 20);
    watch.act(first.get(1), 20);

    // Again when it has been lower.
    assertThat(watch.progress(loss(30, 100))).isEmpty();
    assertThat(watch.progress(loss(40, 3))).isEmpty();
    assertThat(watch.progress(loss(50, 100)))
        .extracting(Finding::rule)
        .containsExactly(perturb, DIVERGED);
    assertThat(watch.perturbations()).isEqualTo(1);
  }

  @Test
  void aGuaranteeIsViolatedIfItsBoundDidNotHold() {
    RuleWatch watch =
        new RuleWatch(
            List.of(
                rule(
                    RuleCondition.RULE_CONDITION_GUARANTEE_VIOLATED, RuleAction.RULE_ACTION_STOP)));
    Guarantee bound = Guarantee.newBuilder().setLossBound(0.1).build();
    assertThat(watch.concluded(bound, 9)).isEmpty();
    assertThat(watch.concluded(bound.toBuilder().setHeld(true).build(), 9)).isEmpty();
    assertThat(watch.concluded(bound.toBuilder().setHeld(false).build(), 9)).hasSize(1);
  }

  /** What was seen and done before a restart counts after it. */
  @Test
  void goesOnWhereItWas() {
    List<Rule> rules =
        List.of(
            LAPSED,
            COLLAPSED,
            DIVERGED.toBuilder().setAction(RuleAction.RULE_ACTION_CHECKPOINT).build());
    RuleWatch before = new RuleWatch(rules);
    before.progress(loss(10, 2));
    before.verdict(verdict("x", 10, Outcome.OUTCOME_CERTIFIED));
    before.verdict(ranks(10, 20, 100));
    before.act(before.verdict(verdict("x", 20, Outcome.OUTCOME_REFUTED)).get(0), 30);
    before.act(before.progress(loss(30, 200)).get(0), 30);

    RuleWatch after = new RuleWatch(rules);
    after.restore(before.position());

    assertThat(after.position()).isEqualTo(before.position());
    assertThat(after.perturbations()).isEqualTo(1);
    assertThat(after.progress(loss(40, 200))).isEmpty();
    assertThat(after.verdict(verdict("x", 20, Outcome.OUTCOME_REFUTED))).isEmpty();
    assertThat(after.verdict(verdict("y", 29, Outcome.OUTCOME_REFUTED))).isEmpty();
    assertThat(after.verdict(verdict("x", 40, Outcome.OUTCOME_REFUTED))).hasSize(1);
    assertThat(after.verdict(ranks(40, 20, 49))).hasSize(1);
  }

  private static Rule rule(RuleCondition condition, RuleAction action) {
    return Rule.newBuilder().setWhen(condition).setAction(action).build();
  }

  private static Verdict verdict(String check, long step, Outcome outcome) {
    return Verdict.newBuilder()
        .setCheck(check)
        .setStep(step)
        .setCertificate(
            Certificate.newBuilder()
                .setOutcome(outcome)
                .setMethod(CertificateMethod.CERTIFICATE_METHOD_MODULAR))
        .build();
  }

  private static Verdict ranks(long step, double first, double second) {
    return Verdict.newBuilder()
        .setCheck("collapse")
        .setStep(step)
        .addMeasures(measure("effective-rank", "hidden.1", first))
        .addMeasures(measure("effective-rank", "hidden.2", second))
        .addMeasures(measure("stable-rank", "hidden.2", 1))
        .build();
  }

  private static Measure measure(String name, String layer, double value) {
    return Measure.newBuilder()
        .setName(name)
        .setLayer(layer)
        .setValue(value)
        .setKind(MeasureKind.MEASURE_KIND_ESTIMATE)
        .build();
  }

  private static Verdict gradient(long step, double norm, MeasureKind kind, double bound) {
    return Verdict.newBuilder()
        .setCheck("tangent-kernel")
        .setStep(step)
        .addMeasures(
            measure("gradient-norm", "", norm).toBuilder()
                .setKind(MeasureKind.MEASURE_KIND_MEASURED))
        .addMeasures(measure("gradient-norm-lower-bound", "", bound).toBuilder().setKind(kind))
        .build();
  }

  private static Progress loss(long step, double loss) {
    return Progress.newBuilder().setStep(step).setTrainLoss(loss).build();
  }
}
