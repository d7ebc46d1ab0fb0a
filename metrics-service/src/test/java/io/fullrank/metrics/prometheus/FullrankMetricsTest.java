package io.fullrank.metrics.prometheus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import com.sun.management.ThreadMXBean;
import io.fullrank.metrics.Records;
import io.fullrank.metrics.TestClock;
import io.fullrank.metrics.store.HeldPartitions;
import io.fullrank.metrics.store.RunChanges;
import io.fullrank.metrics.store.RunRecord;
import io.fullrank.metrics.streams.InMemory;
import io.fullrank.proto.RunName;
import io.fullrank.proto.v1.Adam;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleCondition;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import io.prometheus.client.Collector.MetricFamilySamples;
import io.prometheus.client.Collector.MetricFamilySamples.Sample;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class FullrankMetricsTest {

  private final TestClock clock = new TestClock(InMemory.NOW);
  private final HeldPartitions held = InMemory.heldPartitions(new RunChanges(), clock);
  private final CatchUp catchUp = new CatchUp();
  private final FullrankMetrics metrics =
      new FullrankMetrics(held, catchUp, () -> Map.of("fullrank.progress", 7L), () -> 3, 2, "1.0");

  @Test
  void showsOnlyTheBuildAndWhatIsToBeReadUntilTheStateIsComplete() {
    run("a", 1);
    assertThat(metrics.collect())
        .extracting(family -> family.name)
        .containsExactly(
            "fullrank_build_info", "fullrank_metrics_lag_records", "fullrank_hanging_transactions");
    assertThat(metrics.collect().get(2).samples)
        .singleElement()
        .satisfies(sample -> assertThat(sample.value).isEqualTo(3));
    assertThat(samples("fullrank_metrics_lag_records"))
        .extracting(sample -> sample.labelValues, sample -> sample.value)
        .containsExactly(tuple(List.of("fullrank.progress"), 7.0));

    catchUp.complete();
    assertThat(metrics.collect()).extracting(family -> family.name).contains("fullrank_run_step");
  }

  @Test
  void givesSeriesToTheFirstRunsAndCountsTheOthers() {
    run("c", 3);
    run("a", 1);
    run("b", 2);
    catchUp.complete();

    assertThat(samples("fullrank_run_step"))
        .extracting(sample -> sample.labelValues.get(0))
        .containsExactly("a", "b");
    assertThat(samples("fullrank_active_runs_over_limit"))
        .extracting(sample -> sample.value)
        .containsExactly(1.0);
  }

  @Test
  void leavesOutWhatARunHasNotReported() {
    InMemory.apply(
        held, new RunRecord.Requested(Records.request("a", "e", Variant.VARIANT_TWO_PHASE, -1)));
    InMemory.apply(held, new RunRecord.Reported(Records.started("a", 1)));
    catchUp.complete();

    assertThat(samples("fullrank_run_train_loss")).isEmpty();
    assertThat(samples("fullrank_run_certificate_outcome")).isEmpty();
    assertThat(samples("fullrank_run_snapshots_published"))
        .extracting(sample -> sample.labelValues)
        .containsExactly(List.of("a", "e", "two-phase", "18446744073709551615"));
  }

  @Test
  void countsBoundsKeptAndSnapshotsLostByRunsThatEnded() {
    ended("a", guarantee(true), 5);
    ended("b", guarantee(false), 3);
    ended("c", Guarantee.getDefaultInstance(), 0);
    run("d", 4);
    catchUp.complete();

    assertThat(samples("fullrank_ended_runs_guarantees"))
        .extracting(sample -> sample.labelValues.get(0), sample -> sample.value)
        .containsExactly(tuple("held", 1.0), tuple("violated", 1.0));
    // One of a's and b's snapshots each was dropped, none checked.
    assertThat(samples("fullrank_ended_runs_snapshots_unaccounted"))
        .extracting(sample -> sample.value)
        .containsExactly(6.0);
  }

  @Test
  void countsWhatRulesDidFromZero() {
    catchUp.complete();
    assertThat(totals("fullrank_rules_acted")).hasSize(15).allMatch(total -> total.value == 0);

    metrics.recordTaken(
        new RunRecord.Reported(
            Records.event("a", 1)
                .setRule(
                    RuleEvent.newBuilder()
                        .setCondition(RuleCondition.RULE_CONDITION_RANK_COLLAPSE)
                        .setAction(RuleAction.RULE_ACTION_STOP))
                .build()));

    assertThat(totals("fullrank_rules_acted"))
        .filteredOn(sample -> sample.value == 1)
        .extracting(sample -> sample.labelValues)
        .containsExactly(List.of("rank-collapse", "stop"));
  }

  @Test
  void aScrapeReadsNoRunThatItDoesNotShow() {
    String warning = "w".repeat(100_000);
    for (int i = 0; i < 200; i++) {
      String name = "ended-" + i;
      ended(name, guarantee(true), 0);
      InMemory.apply(
          held,
          new RunRecord.Requested(
              Records.request(name, "e", Variant.VARIANT_BASE, 1).toBuilder()
                  .addWarnings(warning)
                  .build()));
    }
    run("running", 2);
    catchUp.complete();

    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    List<MetricFamilySamples> families = metrics.collect();
    long allocated = threads.getCurrentThreadAllocatedBytes() - before;

    assertThat(families).isNotEmpty();
    assertThat(samples("fullrank_runs"))
        .extracting(sample -> sample.labelValues.get(0), sample -> sample.value)
        .contains(tuple("finished", 200.0), tuple("running", 1.0));
    // Half of what the ended runs have in the store.
    assertThat(allocated).isLessThan(200 * 100_000 / 2);
  }

  @Test
  void showsOfAnExternalRunWhatItMeasuredAndNothingElse() {
    InMemory.apply(
        held, new RunRecord.Requested(Records.external("x", "e", Variant.VARIANT_BASE, 1)));
    InMemory.apply(
        held,
        new RunRecord.Reported(
            Records.event("x", 1)
                .setProgress(Progress.newBuilder().setStep(10).setBatchLoss(0.5))
                .build()));
    run("own", 2);
    catchUp.complete();

    assertThat(samples("fullrank_run_batch_loss"))
        .extracting(sample -> sample.labelValues.get(0), sample -> sample.value)
        .containsExactly(tuple("x", 0.5));
    for (String absent :
        List.of("train_loss", "test_loss", "test_error_ratio", "generalization_gap_ratio")) {
      assertThat(samples("fullrank_run_" + absent))
          .extracting(sample -> sample.labelValues.get(0))
          .containsExactly("own");
    }
    assertThat(samples("fullrank_run_info"))
        .extracting(sample -> sample.labelValues.subList(4, 7))
        .containsExactly(
            List.of("torch 2.13.0", "Classifier", "AdamW"),
            List.of("fullrank", "fully-connected", "adam-w"));

    clock.advance(Duration.ofHours(1));
    assertThat(samples("fullrank_run_stalled"))
        .extracting(sample -> sample.labelValues.get(0), sample -> sample.value)
        .containsExactly(tuple("x", 1.0), tuple("own", 0.0));
  }

  @Test
  void showsWhatEachCheckFound() {
    run("a", 1);
    judged("a", "expressivity", Outcome.OUTCOME_REFUTED, Verdict.newBuilder());
    judged(
        "a",
        "tangent-kernel",
        Outcome.OUTCOME_CERTIFIED,
        Verdict.newBuilder()
            .addMeasures(measure("gradient-norm", "", 3))
            .addMeasures(measure("gradient-norm", "hidden.1", 2))
            .addMeasures(measure("gradient-norm", "hidden.1", 1)));
    catchUp.complete();

    assertThat(outcomes("fullrank_run_certificate_outcome", 4)).containsExactly("[refuted]");
    assertThat(outcomes("fullrank_run_check_outcome", 4))
        .containsExactly("[expressivity, refuted]", "[tangent-kernel, certified]");
    assertThat(samples("fullrank_run_measure"))
        .extracting(sample -> sample.labelValues.subList(4, 8), sample -> sample.value)
        .containsExactly(
            tuple(List.of("tangent-kernel", "gradient-norm", "estimate", ""), 3.0),
            tuple(List.of("tangent-kernel", "gradient-norm", "estimate", "hidden.1"), 2.0));
  }

  /** However deep networks are and whatever checks from outside measure. */
  @Test
  void boundsTheSeriesOfMeasuresAndOfChecks() {
    run("a", 1);
    Verdict.Builder deep = Verdict.newBuilder();
    for (int layer = 0; layer < 1000; layer++) {
      deep.addMeasures(measure("effective-rank", "layer." + layer, 1));
    }
    judged("a", "collapse", Outcome.OUTCOME_UNSPECIFIED, deep);
    judged(
        "a",
        "tangent-kernel",
        Outcome.OUTCOME_CERTIFIED,
        Verdict.newBuilder().addMeasures(measure("gradient-norm", "", 3)));
    for (int check = 0; check < 1000; check++) {
      metrics.recordTaken(
          new RunRecord.Checked(
              Records.verdict("a", 1, 10, Outcome.OUTCOME_CERTIFIED).toBuilder()
                  .setCheck("com.example.check-" + check)
                  .build()));
    }
    catchUp.complete();

    assertThat(samples("fullrank_run_measure"))
        .hasSize(200)
        .first()
        .matches(sample -> sample.labelValues.get(4).equals("tangent-kernel"));
    assertThat(samples("fullrank_run_measures_over_limit"))
        .extracting(sample -> sample.value)
        .containsExactly(801.0);
    assertThat(samples("fullrank_verdicts"))
        .filteredOn(sample -> sample.name.equals("fullrank_verdicts_total"))
        .hasSizeLessThan(60)
        .anyMatch(sample -> sample.labelValues.get(0).equals("other") && sample.value > 900);
  }

  private void judged(String run, String check, Outcome outcome, Verdict.Builder findings) {
    Verdict verdict =
        Records.verdict(run, 1, 10, outcome).toBuilder()
            .setCheck(check)
            .mergeFrom(findings.build())
            .build();
    InMemory.apply(held, new RunRecord.Checked(verdict));
  }

  private static Measure measure(String name, String layer, double value) {
    return Measure.newBuilder()
        .setName(name)
        .setLayer(layer)
        .setValue(value)
        .setUnit("1")
        .setKind(MeasureKind.MEASURE_KIND_ESTIMATE)
        .build();
  }

  /** The labels after those of the run, of the series that are 1. */
  private List<String> outcomes(String name, int from) {
    return samples(name).stream()
        .filter(sample -> sample.value == 1)
        .map(sample -> sample.labelValues.subList(from, sample.labelValues.size()).toString())
        .toList();
  }

  @Test
  void histogramsLeadToARunHoweverLongItsNameIs() {
    String slow = "slow" + "r".repeat(RunName.MAX_LENGTH - 4);
    metrics.recordTaken(
        new RunRecord.Checked(Records.verdict(slow, 1, 10, Outcome.OUTCOME_CERTIFIED)));
    catchUp.complete();

    assertThat(samples("fullrank_verdict_latency_seconds"))
        .filteredOn(sample -> sample.exemplar != null)
        .singleElement()
        .satisfies(
            sample -> {
              assertThat(sample.labelValues).containsExactly("2.5");
              assertThat(sample.exemplar.getValue()).isEqualTo(2);
              assertThat(sample.exemplar.getLabelName(0)).isEqualTo("run");
              assertThat(sample.exemplar.getLabelValue(0)).isEqualTo(slow);
            });
  }

  private void ended(String name, Guarantee guarantee, long published) {
    run(name, 1);
    RunEvent finished =
        Records.finished(name, 1, RunState.RUN_STATE_FINISHED, published, Math.min(1, published));
    InMemory.apply(
        held,
        new RunRecord.Reported(
            finished.toBuilder()
                .setFinished(finished.getFinished().toBuilder().setGuarantee(guarantee))
                .build()));
  }

  private static Guarantee guarantee(boolean held) {
    return Guarantee.newBuilder().setHeld(held).build();
  }

  private void run(String name, long seed) {
    RunRequest.Builder request = Records.request(name, "e", Variant.VARIANT_BASE, seed).toBuilder();
    request.getSpecBuilder().getNetworkBuilder().setFullyConnected(FullyConnected.newBuilder());
    request.getSpecBuilder().getAlgorithmBuilder().setAdamW(Adam.newBuilder());
    InMemory.apply(held, new RunRecord.Requested(request.build()));
    InMemory.apply(held, new RunRecord.Reported(Records.progress(name, 1, 10, 0, 0)));
  }

  private List<Sample> totals(String counter) {
    return samples(counter).stream()
        .filter(sample -> sample.name.equals(counter + "_total"))
        .toList();
  }

  private List<Sample> samples(String name) {
    MetricFamilySamples family =
        metrics.collect().stream()
            .filter(candidate -> candidate.name.equals(name))
            .findFirst()
            .orElseThrow();
    return family.samples;
  }
}
