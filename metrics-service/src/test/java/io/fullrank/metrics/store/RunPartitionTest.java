package io.fullrank.metrics.store;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Timestamp;
import io.fullrank.metrics.Records;
import io.fullrank.metrics.TestClock;
import io.fullrank.metrics.selection.StepRange;
import io.fullrank.metrics.streams.InMemory;
import io.fullrank.metrics.v1.HeldCheck;
import io.fullrank.metrics.v1.HeldExperiment;
import io.fullrank.metrics.v1.RunFilter;
import io.fullrank.metrics.v1.StoredRun;
import io.fullrank.metrics.v1.Submission;
import io.fullrank.proto.v1.Attention;
import io.fullrank.proto.v1.AttentionKind;
import io.fullrank.proto.v1.CheckSummary;
import io.fullrank.proto.v1.LatestTestError;
import io.fullrank.proto.v1.ListAttentionResponse;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleCondition;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Variant;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class RunPartitionTest {

  private static final RunRequest REQUEST = Records.request("r", "e", Variant.VARIANT_BASE, 1);

  private final PartitionStores stores = InMemory.stores();
  private final TestClock clock = new TestClock(InMemory.NOW);
  private final RunPartition partition = new RunPartition(stores, clock);

  @Test
  void forgetsRecordsWhoseRunNeverComesAndNamesOfRunsDeletedLongAgo() {
    apply(new RunRecord.Reported(Records.progress("orphan", 1, 10, 0, 0)));
    apply(new RunRecord.Requested(REQUEST));
    apply(new RunRecord.Reported(Records.progress("r", 1, 10, 0, 0)));
    apply(new RunRecord.Requested(Records.request("old", "e", Variant.VARIANT_BASE, 2)));
    apply(new RunRecord.Withdrawn("old"));

    clock.advance(Duration.ofHours(23));
    partition.clean();
    assertThat(stores.runs().get("orphan")).isNotNull();
    clock.advance(Duration.ofDays(1));
    partition.clean();
    assertThat(stores.runs().get("orphan")).isNull();
    assertThat(stores.runs().get("old")).isNotNull();
    clock.advance(Duration.ofDays(7));
    partition.clean();
    assertThat(stores.runs().get("old")).isNull();

    assertThat(partition.run("r")).isPresent();
    StepRange all = new StepRange(0, -1);
    assertThat(stores.progress().list("r", all, 9)).hasSize(1);
    assertThat(stores.progress().list("orphan", all, 9)).isEmpty();
  }

  @Test
  void keepsRunsApartWhoseNamesBeginAlike() {
    for (String name : new String[] {"a", "aa", "a\0", "b"}) {
      apply(new RunRecord.Requested(REQUEST.toBuilder().setRun(name).build()));
      apply(new RunRecord.Reported(Records.progress(name, 1, name.length(), 0, 0)));
      apply(new RunRecord.Reported(Records.progress(name, 1, -1, 0, 0)));
    }
    assertThat(steps("a")).isEqualTo(2);
    apply(new RunRecord.Withdrawn("a"));
    assertThat(partition.run("a")).isEmpty();
    assertThat(steps("aa")).isEqualTo(2);
    assertThat(steps("a\0")).isEqualTo(2);
    assertThat(steps("b")).isEqualTo(2);
  }

  @Test
  void picksSomeOfAVeryLongHistory() {
    apply(new RunRecord.Requested(REQUEST));
    for (int step = 0; step <= 5000; step++) {
      apply(new RunRecord.Reported(Records.progress("r", 1, step, 0, 0)));
    }
    assertThat(partition.spreadProgress("r", new StepRange(0, -1), 5).orElseThrow().values())
        .extracting(Progress::getStep)
        .containsExactly(0L, 1250L, 2500L, 3750L, 5000L);
  }

  @Test
  void picksFromWhatIsThereHoweverThatCameAbout() {
    apply(new RunRecord.Requested(REQUEST));
    for (int step = 0; step <= 100; step += 10) {
      apply(new RunRecord.Reported(Records.progress("r", 1, step, 0, 0)));
    }
    assertThat(picks(0, -1, 3)).containsExactly(0L, 50L, 100L);
    assertThat(picks(15, 65, 2)).containsExactly(20L, 60L);
    assertThat(picks(20, 60, 9)).containsExactly(20L, 30L, 40L, 50L, 60L);
    assertThat(picks(31, 39, 9)).isEmpty();
    assertThat(picks(101, -1, 9)).isEmpty();

    // More, the same again, the last one, unsigned, that there can be.
    apply(new RunRecord.Reported(Records.progress("r", 1, 200, 0, 0)));
    apply(new RunRecord.Reported(Records.progress("r", 1, 200, 7, 0)));
    apply(new RunRecord.Reported(Records.progress("r", 1, -1, 0, 0)));
    assertThat(picks(90, -1, 9)).containsExactly(90L, 100L, 200L, -1L);

    // Taken up again at 50, then begun anew, then deleted.
    apply(
        new RunRecord.Reported(
            Records.started("r", 2).toBuilder()
                .setStarted(Records.started("r", 2).getStarted().toBuilder().setResumedFromStep(50))
                .build()));
    assertThat(picks(0, -1, 3)).containsExactly(0L, 20L, 50L);
    apply(new RunRecord.Reported(Records.progress("r", 2, 55, 0, 0)));
    assertThat(picks(40, -1, 9)).containsExactly(40L, 50L, 55L);
    apply(new RunRecord.Reported(Records.started("r", 3)));
    assertThat(picks(0, -1, 3)).isEmpty();
    apply(new RunRecord.Reported(Records.progress("r", 3, 5, 0, 0)));
    assertThat(picks(0, -1, 3)).containsExactly(5L);
    apply(new RunRecord.Withdrawn("r"));
    apply(new RunRecord.Requested(REQUEST));
    assertThat(picks(0, -1, 3)).isEmpty();
  }

  @Test
  void comesToTheSameIndexFromItsStores() {
    apply(new RunRecord.Requested(REQUEST));
    apply(new RunRecord.Requested(Records.request("s", "e", Variant.VARIANT_TWO_PHASE, 1)));
    apply(new RunRecord.Reported(Records.started("s", 1)));

    RunPartition opened = new RunPartition(stores, clock);
    RunFilter all = RunFilter.getDefaultInstance();
    assertThat(opened.places(all, Optional.empty(), 9))
        .extracting(Submission::getRun)
        .containsExactly("r", "s");
    assertThat(opened.places(all, Optional.empty(), 9))
        .isEqualTo(partition.places(all, Optional.empty(), 9));
    assertThat(opened.run("s")).isEqualTo(partition.run("s"));
    assertThat(opened.experiments()).isEqualTo(partition.experiments());
  }

  @Test
  void keepsTotalsOfAllRunsWhateverBecomesOfThem() {
    assertThat(partition.totals()).isEqualTo(new RunTotals(Map.of(), 0, 0, 0));
    for (String name : List.of("a", "b", "c", "d")) {
      apply(new RunRecord.Requested(REQUEST.toBuilder().setRun(name).build()));
    }
    apply(new RunRecord.Reported(Records.progress("a", 1, 10, 5, 1)));
    apply(new RunRecord.Reported(Records.progress("b", 1, 10, 5, 1)));
    apply(new RunRecord.Reported(Records.progress("orphan", 1, 10, 5, 1)));
    assertTotals(Map.of(RunState.RUN_STATE_PENDING, 2L, RunState.RUN_STATE_RUNNING, 2L), 0, 0, 0);

    apply(new RunRecord.Reported(ended("a", 1, true)));
    apply(new RunRecord.Reported(ended("b", 1, false)));
    apply(new RunRecord.Reported(ended("b", 1, false)));
    assertTotals(Map.of(RunState.RUN_STATE_PENDING, 2L, RunState.RUN_STATE_FINISHED, 2L), 8, 1, 1);

    // One of a's snapshots is checked, b begins again, c is cancelled, d gets another place.
    apply(new RunRecord.Checked(Records.verdict("a", 1, 5, Outcome.OUTCOME_CERTIFIED)));
    apply(new RunRecord.Reported(Records.started("b", 2)));
    apply(new RunRecord.Requested(REQUEST.toBuilder().setRun("c").setCancelled(true).build()));
    apply(new RunRecord.Requested(REQUEST.toBuilder().setRun("d").setSeed(9).build()));
    assertTotals(
        Map.of(
            RunState.RUN_STATE_PENDING, 1L,
            RunState.RUN_STATE_RUNNING, 1L,
            RunState.RUN_STATE_CANCELLED, 1L,
            RunState.RUN_STATE_FINISHED, 1L),
        3,
        1,
        0);
    assertThat(partition.running(9)).extracting(Submission::getRun).containsExactly("b");

    for (String name : List.of("a", "b", "c", "d")) {
      apply(new RunRecord.Withdrawn(name));
    }
    assertTotals(Map.of(), 0, 0, 0);
    assertThat(partition.running(9)).isEmpty();
  }

  /** A partition that comes to another instance has the same totals. */
  private void assertTotals(
      Map<RunState, Long> runs, long unaccounted, long keptBounds, long brokenBounds) {
    RunTotals expected = new RunTotals(runs, unaccounted, keptBounds, brokenBounds);
    assertThat(partition.totals()).isEqualTo(expected);
    assertThat(new RunPartition(stores, clock).totals()).isEqualTo(expected);
  }

  private static RunEvent ended(String run, long attempt, boolean held) {
    RunEvent.Builder event =
        Records.finished(run, attempt, RunState.RUN_STATE_FINISHED, 5, 1).toBuilder();
    event.getFinishedBuilder().getGuaranteeBuilder().setHeld(held);
    return event.build();
  }

  @Test
  void sumsWhatTheRunsOfAnExperimentReportedLast() {
    apply(new RunRecord.Requested(REQUEST));
    apply(new RunRecord.Requested(Records.request("s", "e", Variant.VARIANT_BASE, 2)));
    apply(new RunRecord.Requested(Records.request("t", "e", Variant.VARIANT_TWO_PHASE, 1)));
    for (String name : List.of("r", "s")) {
      apply(new RunRecord.Reported(Records.started(name, 1)));
      apply(new RunRecord.Reported(Records.progress(name, 1, 50, 0, 0)));
    }
    apply(new RunRecord.Reported(Records.finished("s", 1, RunState.RUN_STATE_FINISHED, 0, 0)));
    apply(new RunRecord.Checked(Records.verdict("r", 1, 10, Outcome.OUTCOME_CERTIFIED)));
    apply(
        new RunRecord.Checked(
            Records.verdict("s", 1, 20, Outcome.OUTCOME_REFUTED).toBuilder()
                .setCheckedAt(Timestamp.newBuilder().setSeconds(1_800_000_013))
                .build()));

    HeldExperiment held = partition.experiments().get(0);
    // One has ended, one has done half of its steps, one has not begun.
    assertThat(held.getDone()).isEqualTo(1.5);
    assertThat(held.getTestErrorsList())
        .containsExactly(
            LatestTestError.newBuilder()
                .setVariant(Variant.VARIANT_BASE)
                .setRuns(2)
                .setMean((0.375 + 0.25) / 2)
                .build());
    assertThat(held.getChecksList())
        .containsExactly(
            HeldCheck.newBuilder()
                .setSummary(
                    CheckSummary.newBuilder()
                        .setCheck("expressivity")
                        .setCertified(1)
                        .setRefuted(1))
                .setLatestRun("s")
                .setLatestAt(Timestamp.newBuilder().setSeconds(1_800_000_013))
                .build());
    // Another partition's part adds up.
    ExperimentFigures together = new ExperimentFigures(held.getFirst());
    together.add(held);
    together.add(held);
    assertThat(together.held().getDone()).isEqualTo(3);
    assertThat(together.held().getTestErrors(0).getRuns()).isEqualTo(4);
    assertThat(together.held().getTestErrors(0).getMean()).isEqualTo(0.3125);
    assertThat(together.held().getChecks(0).getSummary().getRefuted()).isEqualTo(2);
  }

  @Test
  void namesWhatAPersonShouldLookAtAsLongAsItIsSo() {
    apply(new RunRecord.Requested(Records.external("x", "e", Variant.VARIANT_BASE, 9)));
    apply(new RunRecord.Reported(Records.started("x", 1)));
    for (String name : List.of("fine", "lapsed", "failed", "broken", "bound", "ruled")) {
      apply(new RunRecord.Requested(REQUEST.toBuilder().setRun(name).build()));
      apply(new RunRecord.Reported(Records.started(name, 1)));
    }
    apply(new RunRecord.Checked(Records.verdict("fine", 1, 10, Outcome.OUTCOME_REFUTED)));
    apply(new RunRecord.Checked(Records.verdict("fine", 1, 20, Outcome.OUTCOME_CERTIFIED)));
    assertThat(concerns()).isEmpty();

    apply(new RunRecord.Checked(Records.verdict("lapsed", 1, 10, Outcome.OUTCOME_CERTIFIED)));
    apply(new RunRecord.Checked(Records.verdict("lapsed", 1, 20, Outcome.OUTCOME_UNDETERMINED)));
    apply(new RunRecord.Reported(Records.finished("failed", 1, RunState.RUN_STATE_FAILED, 0, 0)));
    apply(new RunRecord.Reported(ended("broken", 1, false)));
    apply(
        new RunRecord.Checked(
            Records.verdict("bound", 1, 30, Outcome.OUTCOME_CERTIFIED).toBuilder()
                .addMeasures(
                    Measure.newBuilder()
                        .setName("gradient-norm-lower-bound")
                        .setKind(MeasureKind.MEASURE_KIND_LOWER_BOUND)
                        .setValue(0.5))
                .addMeasures(
                    Measure.newBuilder()
                        .setName("gradient-norm")
                        .setKind(MeasureKind.MEASURE_KIND_ESTIMATE)
                        .setValue(0.25))
                .build()));
    for (long step : new long[] {35, 45}) {
      RuleEvent perturbed =
          RuleEvent.newBuilder()
              .setCondition(RuleCondition.RULE_CONDITION_RANK_COLLAPSE)
              .setAction(RuleAction.RULE_ACTION_PERTURB)
              .setStep(step)
              .setText("It was perturbed at step %d.".formatted(step))
              .build();
      apply(new RunRecord.Reported(Records.event("ruled", 1).setRule(perturbed).build()));
    }
    assertThat(partition.attention(99).getAttentionList())
        .filteredOn(each -> each.getRun().equals("ruled"))
        .singleElement()
        .extracting(Attention::getText)
        .isEqualTo("It was perturbed at step 45. Rules acted 2 times on this run.");
    clock.advance(Silence.ASSUMED_INTERVAL.multipliedBy(3));
    assertThat(concerns())
        .containsExactlyInAnyOrder(
            "RULE_ACTED ruled 45",
            "CERTIFICATE_LAPSED lapsed 20",
            "FAILED failed 100",
            "GRADIENT_BOUND_VIOLATED bound 30",
            "GUARANTEE_VIOLATED broken 0",
            "STALLED x 0");
    ListAttentionResponse two = partition.attention(2);
    assertThat(two.getTotal()).isEqualTo(6);
    assertThat(two.getAttentionList())
        .isEqualTo(partition.attention(6).getAttentionList().subList(0, 2))
        .isSortedAccordingTo(
            Comparator.comparing(Attention::getAt, SubmissionOrder.BY_TIME).reversed());
    // What takes the partition over comes to the same.
    assertThat(new RunPartition(stores, clock).attention(6)).isEqualTo(partition.attention(6));

    apply(new RunRecord.Checked(Records.verdict("lapsed", 1, 30, Outcome.OUTCOME_CERTIFIED)));
    apply(new RunRecord.Checked(Records.verdict("bound", 1, 40, Outcome.OUTCOME_CERTIFIED)));
    apply(new RunRecord.Reported(Records.started("failed", 2)));
    apply(new RunRecord.Withdrawn("broken"));
    apply(new RunRecord.Reported(Records.started("ruled", 2)));
    apply(new RunRecord.Reported(Records.heartbeat("x", 1, 10)));
    assertThat(concerns()).isEmpty();
    // A certificate of an attempt that was replaced is forgotten.
    apply(new RunRecord.Reported(Records.started("lapsed", 2)));
    apply(new RunRecord.Checked(Records.verdict("lapsed", 2, 30, Outcome.OUTCOME_REFUTED)));
    assertThat(concerns()).isEmpty();
  }

  private List<String> concerns() {
    return partition.attention(99).getAttentionList().stream()
        .map(
            each ->
                "%s %s %d"
                    .formatted(
                        each.getKind().name().replace("ATTENTION_KIND_", ""),
                        each.getRun(),
                        each.getStep()))
        .toList();
  }

  @Test
  void knowsOfARunThatAnEarlierVersionStoredWhatItWouldHaveDerivedItself() {
    apply(new RunRecord.Requested(REQUEST));
    apply(new RunRecord.Reported(Records.started("r", 1)));
    apply(new RunRecord.Checked(Records.verdict("r", 1, 10, Outcome.OUTCOME_CERTIFIED)));
    apply(new RunRecord.Checked(Records.verdict("r", 1, 20, Outcome.OUTCOME_UNDETERMINED)));
    ListAttentionResponse expected = partition.attention(9);
    assertThat(expected.getAttentionList())
        .extracting(Attention::getKind)
        .containsExactly(AttentionKind.ATTENTION_KIND_CERTIFICATE_LAPSED);
    Run shown = partition.run("r").orElseThrow();
    StoredRun folded = stores.run("r");
    // As a version stored it that did not keep what checks have certified.
    stores
        .runs()
        .put("r", folded.toBuilder().clearCertifiedSteps().clearDerivation().build().toByteArray());

    RunPartition upgraded = new RunPartition(stores, clock);
    assertThat(upgraded.attention(9)).isEqualTo(expected);
    assertThat(upgraded.run("r")).contains(shown);
    // The next record of the run lets it be stored.
    upgraded.apply(new RunRecord.Reported(Records.progress("r", 1, 20, 0, 0)));
    assertThat(stores.run("r").getCertifiedStepsMap()).isEqualTo(folded.getCertifiedStepsMap());
    assertThat(upgraded.attention(9)).isEqualTo(expected);
  }

  @Test
  void tellsOnceThatAnExternalRunIsStalledAndThatItGoesOn() {
    apply(new RunRecord.Requested(Records.external("x", "e", Variant.VARIANT_BASE, 1)));
    apply(new RunRecord.Requested(REQUEST));
    apply(new RunRecord.Reported(Records.started("x", 1)));
    apply(new RunRecord.Reported(Records.started("r", 1)));
    apply(new RunRecord.Reported(Records.heartbeat("x", 1, 20)));

    clock.advance(Duration.ofSeconds(59));
    assertThat(partition.newlyStalled()).isEmpty();
    assertThat(run("x").getStalled()).isFalse();
    clock.advance(Duration.ofSeconds(1));
    assertThat(partition.newlyStalled()).containsExactly(new RunPartition.Change("x", "e"));
    assertThat(partition.newlyStalled()).isEmpty();
    assertThat(run("x").getStalled()).isTrue();
    assertThat(run("x").getLastEventAt().getSeconds()).isEqualTo(InMemory.NOW.getEpochSecond());
    // An instance that takes the partition over comes to the same.
    assertThat(new RunPartition(stores, clock).newlyStalled())
        .containsExactly(new RunPartition.Change("x", "e"));

    apply(new RunRecord.Reported(Records.progress("x", 1, 10, 0, 0)));
    assertThat(run("x").getStalled()).isFalse();
    clock.advance(Duration.ofSeconds(60));
    assertThat(partition.newlyStalled()).containsExactly(new RunPartition.Change("x", "e"));

    apply(new RunRecord.Reported(Records.finished("x", 1, RunState.RUN_STATE_FINISHED, 0, 0)));
    clock.advance(Duration.ofDays(1));
    assertThat(partition.newlyStalled()).isEmpty();
    assertThat(run("x").getStalled()).isFalse();
    assertThat(run("r").getStalled()).isFalse();
  }

  @Test
  void assumesAnIntervalUntilARunPromisesOneAndForgetsItWithTheAttempt() {
    apply(new RunRecord.Requested(Records.external("x", "e", Variant.VARIANT_BASE, 1)));
    apply(new RunRecord.Reported(Records.started("x", 1)));
    clock.advance(Silence.ASSUMED_INTERVAL.multipliedBy(3).minusMillis(1));
    assertThat(run("x").getStalled()).isFalse();
    clock.advance(Duration.ofMillis(1));
    assertThat(run("x").getStalled()).isTrue();

    apply(new RunRecord.Reported(Records.heartbeat("x", 1, 1)));
    clock.advance(Duration.ofSeconds(3));
    assertThat(run("x").getStalled()).isTrue();

    apply(new RunRecord.Reported(Records.resumed("x", 2, 5)));
    clock.advance(Duration.ofSeconds(3));
    assertThat(run("x").getStalled()).isFalse();
  }

  @Test
  void aFigureThatIsAbsentIsNullOfAnOwnRunAndNotMeasuredOfAnExternalOne() throws Exception {
    // As written before figures had presence: step 7, a training loss of 0.5, and errors of 0,
    // which were left out.
    byte[] old = {0x08, 0x07, 0x21, 0, 0, 0, 0, 0, 0, (byte) 0xe0, 0x3f};
    Progress progress = Progress.parseFrom(old);
    apply(new RunRecord.Requested(REQUEST));
    apply(new RunRecord.Requested(Records.external("x", "e", Variant.VARIANT_BASE, 1)));
    for (String name : List.of("r", "x")) {
      apply(new RunRecord.Reported(Records.event(name, 1).setProgress(progress).build()));
    }

    for (Progress shown : shown("r")) {
      assertThat(shown.getTrainLoss()).isEqualTo(0.5);
      assertThat(shown.hasTestError()).isTrue();
      assertThat(shown.getTestError()).isZero();
      assertThat(shown.hasTrainError() && shown.hasTestLoss() && shown.hasLearningRate()).isTrue();
      assertThat(shown.hasBatchLoss()).isFalse();
    }
    assertThat(shown("x")).containsOnly(progress);
  }

  /** What each way of asking for progress says of a run's only step. */
  private List<Progress> shown(String run) {
    StepRange all = new StepRange(0, -1);
    return List.of(
        run(run).getProgress(),
        partition.progress(run, all, 9).orElseThrow().values().get(0),
        partition.spreadProgress(run, all, 9).orElseThrow().values().get(0));
  }

  private Run run(String name) {
    return partition.run(name).orElseThrow();
  }

  private List<Long> picks(long from, long to, int points) {
    return partition
        .spreadProgress("r", new StepRange(from, to), points)
        .orElseThrow()
        .values()
        .stream()
        .map(Progress::getStep)
        .toList();
  }

  private int steps(String run) {
    return partition.progress(run, new StepRange(0, -1), 9).orElseThrow().values().size();
  }

  private void apply(RunRecord record) {
    var unused = partition.apply(record);
  }
}
