package io.fullrank.metrics.store;

import static io.fullrank.metrics.Records.event;
import static io.fullrank.metrics.Records.finished;
import static io.fullrank.metrics.Records.progress;
import static io.fullrank.metrics.Records.resumed;
import static io.fullrank.metrics.Records.skipped;
import static io.fullrank.metrics.Records.started;
import static io.fullrank.metrics.Records.verdict;
import static io.fullrank.proto.v1.Outcome.OUTCOME_CERTIFIED;
import static io.fullrank.proto.v1.Outcome.OUTCOME_REFUTED;
import static io.fullrank.proto.v1.Outcome.OUTCOME_UNDETERMINED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_CANCELLED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_FAILED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_FINISHED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_PENDING;
import static io.fullrank.proto.v1.RunState.RUN_STATE_RUNNING;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Timestamp;
import io.fullrank.metrics.Records;
import io.fullrank.metrics.selection.StepRange;
import io.fullrank.metrics.streams.InMemory;
import io.fullrank.metrics.v1.StoredRun;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Histogram;
import io.fullrank.proto.v1.LayerNorm;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleCondition;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.SnapshotAccount;
import io.fullrank.proto.v1.SnapshotSkipped;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.Consumer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RunHistoryTest {

  private static final RunRequest REQUEST = Records.request("r", "e", Variant.VARIANT_TWO_PHASE, 1);

  private final Folded history = new Folded();

  @Test
  void goesFromPendingOverRunningToTheStateOfItsResult() {
    history.requested(REQUEST);
    assertThat(history.view().getState()).isEqualTo(RUN_STATE_PENDING);
    assertThat(history.view().hasHeader()).isFalse();

    history.reported(started("r", 1));
    assertThat(history.view().getState()).isEqualTo(RUN_STATE_RUNNING);
    assertThat(history.view().getHeader().getTotalSteps()).isEqualTo(100);

    history.reported(finished("r", 1, RUN_STATE_FAILED, 0, 0));
    assertThat(history.view().getState()).isEqualTo(RUN_STATE_FAILED);
  }

  @Test
  void isCancelledByItsRequestOnlyBeforeItStarts() {
    history.requested(REQUEST.toBuilder().setCancelled(true).build());
    assertThat(history.view().getState()).isEqualTo(RUN_STATE_CANCELLED);
    assertThat(RunHistory.isSettled(history.view())).isTrue();

    history.reported(started("r", 1));
    assertThat(history.view().getState()).isEqualTo(RUN_STATE_RUNNING);
  }

  @Test
  void anExternalRunIsCancelledByItsRequestUntilItsProgramSaysHowItEnded() {
    RunRequest external = Records.external("r", "e", Variant.VARIANT_BASE, 1);
    history.requested(external);
    history.reported(started("r", 1));
    history.requested(external.toBuilder().setCancelled(true).build());
    assertThat(history.view().getState()).isEqualTo(RUN_STATE_CANCELLED);
    assertThat(history.view().getStalled()).isFalse();

    history.reported(finished("r", 1, RUN_STATE_FINISHED, 0, 0));
    assertThat(history.view().getState()).isEqualTo(RUN_STATE_FINISHED);
  }

  @Test
  void keepsWhatRulesDidAsFarAsItStands() {
    RuleEvent perturbed = acted(RuleAction.RULE_ACTION_PERTURB, 10);
    RuleEvent stopped = acted(RuleAction.RULE_ACTION_STOP, 60);
    history.requested(REQUEST);
    history.reported(started("r", 1));
    history.reported(event("r", 1).setRule(perturbed).build());
    history.reported(event("r", 1).setRule(perturbed).build());
    history.reported(event("r", 1).setRule(acted(RuleAction.RULE_ACTION_PERTURB, 20)).build());
    history.reported(event("r", 1).setRule(stopped).build());
    // Advice that a client got again on a new stream.
    history.reported(event("r", 1).setRule(stopped.toBuilder().setStep(70)).build());
    assertThat(history.view().getRuleEventsList())
        .containsExactly(perturbed, acted(RuleAction.RULE_ACTION_PERTURB, 20), stopped);

    history.reported(Records.resumed("r", 2, 10));
    assertThat(history.view().getRuleEventsList()).containsExactly(perturbed);

    for (int step = 11; step <= 120; step++) {
      history.reported(event("r", 2).setRule(acted(RuleAction.RULE_ACTION_PERTURB, step)).build());
    }
    assertThat(history.view().getRuleEventsList())
        .extracting(RuleEvent::getStep)
        .hasSize(100)
        .startsWith(21L)
        .endsWith(120L);

    history.reported(started("r", 3));
    assertThat(history.view().getRuleEventsList()).isEmpty();
  }

  private static RuleEvent acted(RuleAction action, long step) {
    return RuleEvent.newBuilder()
        .setCondition(RuleCondition.RULE_CONDITION_CERTIFICATE_LAPSED)
        .setAction(action)
        .setStep(step)
        .build();
  }

  @Test
  void isUnknownWithoutItsRequest() {
    history.reported(started("r", 1));
    assertThat(history.isKnown()).isFalse();

    history.requested(REQUEST);
    assertThat(history.isKnown()).isTrue();
    assertThat(history.view().getState()).isEqualTo(RUN_STATE_RUNNING);

    assertThat(history.withdrawn()).isTrue();
    assertThat(history.isKnown()).isFalse();
  }

  @Test
  void aHigherAttemptReplacesAllOfTheLowerOnes() {
    history.requested(REQUEST);
    history.reported(started("r", 1));
    history.reported(progress("r", 1, 50, 5, 1));
    history.reported(event("r", 1).setGuarantee(Guarantee.newBuilder().setSolver("old")).build());
    history.checked(verdict("r", 1, 10, OUTCOME_CERTIFIED));
    history.skipped(skipped("r", 1, 20));
    history.reported(finished("r", 1, RUN_STATE_FAILED, 5, 1));

    history.reported(started("r", 2));

    assertThat(history.view())
        .isEqualTo(
            Run.newBuilder()
                .setRequest(REQUEST)
                .setState(RUN_STATE_RUNNING)
                .setHeader(started("r", 2).getStarted())
                .setSnapshots(SnapshotAccount.getDefaultInstance())
                .setLastEventAt(Timestamp.newBuilder().setSeconds(InMemory.NOW.getEpochSecond()))
                .build());
  }

  @Test
  void ignoresLowerAttempts() {
    history.requested(REQUEST);
    history.reported(started("r", 2));
    Run before = history.view();

    assertThat(history.reported(finished("r", 1, RUN_STATE_FINISHED, 3, 0))).isFalse();
    assertThat(history.checked(verdict("r", 1, 10, OUTCOME_CERTIFIED))).isFalse();
    assertThat(history.skipped(skipped("r", 1, 20))).isFalse();

    assertThat(history.view()).isEqualTo(before);
  }

  @Test
  void keepsChecksThatOvertakeTheStartOfTheirAttempt() {
    history.requested(REQUEST);
    history.reported(started("r", 1));
    history.checked(verdict("r", 1, 5, OUTCOME_UNDETERMINED));
    Run first = history.view();

    assertThat(history.checked(verdict("r", 2, 10, OUTCOME_CERTIFIED))).isFalse();
    assertThat(history.skipped(skipped("r", 2, 20))).isFalse();
    assertThat(history.view()).isEqualTo(first);

    history.reported(started("r", 2));
    assertThat(history.view().getSnapshots().getChecked()).isEqualTo(1);
    assertThat(history.view().getSnapshots().getSkipped()).isEqualTo(1);
    assertThat(history.view().getLatestVerdict().getStep()).isEqualTo(10);
  }

  @Test
  void countsEachStepOnceHoweverManyVerdictsItHas() {
    Verdict first = verdict("r", 1, 10, OUTCOME_CERTIFIED);
    history.requested(REQUEST);
    history.reported(started("r", 1));

    assertThat(history.checked(first)).isTrue();
    assertThat(history.checked(first)).isFalse();
    assertThat(history.checked(first.toBuilder().setChecker("other").build())).isFalse();
    assertThat(history.checked(first.toBuilder().setCheck("another").build())).isTrue();
    assertThat(history.skipped(skipped("r", 1, 20))).isTrue();
    assertThat(history.skipped(skipped("r", 1, 20))).isFalse();

    assertThat(history.view().getSnapshots().getChecked()).isEqualTo(1);
    assertThat(history.view().getSnapshots().getSkipped()).isEqualTo(1);
    assertThat(history.verdicts())
        .containsExactly(first.toBuilder().setCheck("another").build(), first);
  }

  @Test
  void aStepSkippedAndCheckedCountsAsCheckedInEitherOrder() {
    history.requested(REQUEST);
    history.reported(started("r", 1));

    history.skipped(skipped("r", 1, 10));
    history.checked(verdict("r", 1, 10, OUTCOME_CERTIFIED));
    history.checked(verdict("r", 1, 20, OUTCOME_CERTIFIED));
    history.skipped(skipped("r", 1, 20));

    assertThat(history.view().getSnapshots().getChecked()).isEqualTo(2);
    assertThat(history.view().getSnapshots().getSkipped()).isZero();
  }

  @Test
  void showsTheVerdictOfTheHighestStepAndTheOneOnTheWitness() {
    Verdict witness = verdict("r", 1, 60, OUTCOME_CERTIFIED).toBuilder().setWitness(true).build();
    history.requested(REQUEST);
    history.reported(started("r", 1));
    history.checked(verdict("r", 1, 80, OUTCOME_CERTIFIED));
    history.checked(witness);
    history.checked(verdict("r", 1, 9, OUTCOME_CERTIFIED));

    assertThat(history.view().getLatestVerdict().getStep()).isEqualTo(80);
    assertThat(history.view().getWitnessVerdict()).isEqualTo(witness);
  }

  @Test
  void whatStandsForARunIsWhatExpressivitySaysAndOthersAreBesideIt() {
    Verdict kernel =
        verdict("r", 1, 90, OUTCOME_REFUTED).toBuilder()
            .setCheck("tangent-kernel")
            .setWitness(true)
            .addMeasures(Measure.newBuilder().setName("gradient-norm").setValue(2))
            .addHistograms(Histogram.newBuilder().setName("margin"))
            .build();
    Verdict kept = kernel.toBuilder().clearHistograms().build();
    Verdict expressive = verdict("r", 1, 80, OUTCOME_CERTIFIED);
    history.requested(REQUEST);
    history.reported(started("r", 1));
    history.checked(kernel);
    assertThat(history.view().getLatestVerdict()).isEqualTo(kept);

    history.checked(expressive);
    history.checked(kernel.toBuilder().setStep(70).build());
    history.checked(kernel.toBuilder().setStep(60).setCheck("collapse").build());

    Run view = history.view();
    assertThat(view.getLatestVerdict()).isEqualTo(expressive);
    assertThat(view.hasWitnessVerdict()).isFalse();
    assertThat(view.getLatestVerdictsList())
        .containsExactly(
            expressive, kept.toBuilder().setStep(60).setCheck("collapse").build(), kept);
    assertThat(view.getSnapshots().getChecked()).isEqualTo(4);
  }

  /** The run is written again with each of its records, and a record of Kafka has at most 1 MiB. */
  @Test
  void keepsLittleOfWhatManyChecksHaveMeasured() {
    Verdict large =
        verdict("r", 1, 90, OUTCOME_CERTIFIED).toBuilder()
            .addAllMeasures(
                Collections.nCopies(
                    1000,
                    Measure.newBuilder()
                        .setName("effective-rank")
                        .setLayer("l".repeat(80))
                        .setValue(2)
                        .build()))
            .build();
    history.requested(REQUEST);
    history.reported(started("r", 1));

    for (int check = 0; check < 100; check++) {
      history.checked(large.toBuilder().setCheck("com.example.check-" + check).build());
    }

    assertThat(history.stores.run("r").getSerializedSize()).isLessThan(400 << 10);
    assertThat(history.view().getLatestVerdictsList())
        .hasSize(64)
        .anyMatch(verdict -> verdict.getMeasuresCount() == 1000)
        .allMatch(verdict -> verdict.getCertificate().getOutcome() == OUTCOME_CERTIFIED);
  }

  @Test
  void theNumbersOfTheResultAreFinal() {
    history.requested(REQUEST);
    history.reported(started("r", 1));
    history.reported(progress("r", 1, 90, 9, 1));
    assertThat(history.view().getSnapshots().getPublished()).isEqualTo(9);
    assertThat(history.view().getSnapshots().getDropped()).isEqualTo(1);

    history.reported(finished("r", 1, RUN_STATE_FINISHED, 10, 2));
    assertThat(history.view().getSnapshots().getPublished()).isEqualTo(10);
    assertThat(history.view().getSnapshots().getDropped()).isEqualTo(2);
  }

  @Test
  void theGuaranteeOfTheResultReplacesTheOneOfTheSwitch() {
    history.requested(REQUEST);
    history.reported(started("r", 1));
    history.reported(event("r", 1).setGuarantee(Guarantee.newBuilder().setSolver("s")).build());
    assertThat(history.view().getGuarantee().hasHeld()).isFalse();

    Guarantee held = Guarantee.newBuilder().setSolver("s").setHeld(true).build();
    history.reported(
        event("r", 1)
            .setFinished(RunResult.newBuilder().setState(RUN_STATE_FINISHED).setGuarantee(held))
            .build());
    assertThat(history.view().getGuarantee()).isEqualTo(held);
  }

  @Test
  void progressThatComesAgainDoesNotGoBack() {
    history.requested(REQUEST);
    history.reported(progress("r", 1, 50, 5, 0));

    assertThat(history.reported(progress("r", 1, 40, 4, 0))).isFalse();
    assertThat(history.view().getProgress().getStep()).isEqualTo(50);
  }

  @Test
  void reportsThatComeAgainChangeNothing() {
    RunRequest external = Records.external("r", "e", Variant.VARIANT_TWO_PHASE, 1);
    List<RunEvent> events =
        List.of(
            started("r", 1),
            measured(progress -> progress.setStep(10).setBatchLoss(0.5).addGradientNorms(norm(1))),
            measured(progress -> progress.setStep(10).setTestError(0.25).addGradientNorms(norm(2))),
            Records.heartbeat("r", 1, 10),
            measured(progress -> progress.setStep(20).setBatchLoss(0.125)),
            event("r", 1).setGuarantee(Guarantee.newBuilder().setSolver("s")).build(),
            finished("r", 1, RUN_STATE_FINISHED, 2, 0));
    history.requested(external);
    events.forEach(history::reported);
    StoredRun stored = history.stores.run("r");

    // After a lost connection a client sends again whatever was not answered.
    for (int first = events.size() - 1; first >= 0; first--) {
      events.subList(first, events.size()).forEach(event -> history.reported(event));
      assertThat(history.stores.run("r")).isEqualTo(stored);
    }
    assertThat(history.progressSteps()).containsExactly(10L, 20L);
  }

  @Test
  void anAttemptThatBeginsAgainStartedWhenItDidFirst() {
    RunEvent.Builder begun = started("r", 1).toBuilder();
    begun.getStartedBuilder().setStartedAt(Timestamp.newBuilder().setSeconds(5));
    RunEvent.Builder again = begun.build().toBuilder();
    again.getStartedBuilder().setStartedAt(Timestamp.newBuilder().setSeconds(9));
    history.requested(Records.external("r", "e", Variant.VARIANT_BASE, 1));
    history.reported(begun.build());
    history.reported(measured(progress -> progress.setStep(10).setBatchLoss(0.5)));

    assertThat(history.reported(again.build())).isFalse();
    assertThat(history.view().getHeader()).isEqualTo(begun.getStarted());
    assertThat(history.progressSteps()).containsExactly(10L);
  }

  @Test
  void whatAnExternalRunReportsOfOneStepIsJoined() {
    history.requested(Records.external("r", "e", Variant.VARIANT_BASE, 1));
    history.reported(measured(progress -> progress.setStep(10).setBatchLoss(0.5)));
    RunEvent test = measured(progress -> progress.setStep(10).setTestError(0.25));

    assertThat(history.reported(test)).isTrue();
    assertThat(history.reported(test)).isFalse();
    assertThat(history.view().getProgress())
        .isEqualTo(Progress.newBuilder().setStep(10).setBatchLoss(0.5).setTestError(0.25).build());
  }

  @Test
  void knowsTheFiguresOfAnExternalRunAsTheyWereReportedLast() {
    history.requested(Records.external("r", "e", Variant.VARIANT_BASE, 1));
    history.reported(measured(progress -> progress.setStep(10).setTestError(0.25)));
    history.reported(measured(progress -> progress.setStep(20).setBatchLoss(0.5)));

    assertThat(history.view().getProgress())
        .isEqualTo(Progress.newBuilder().setStep(20).setBatchLoss(0.5).build());
    assertThat(history.view().getLatestFigures())
        .isEqualTo(Progress.newBuilder().setStep(20).setBatchLoss(0.5).setTestError(0.25).build());

    history.reported(started("r", 2));
    assertThat(history.view().hasLatestFigures()).isFalse();
  }

  @Test
  void figuresThatOnlyTheResultOfAnExternalRunHasAreItsLatest() {
    history.requested(Records.external("r", "e", Variant.VARIANT_BASE, 1));
    history.reported(measured(progress -> progress.setStep(10).setBatchLoss(0.5).setTrainLoss(1)));
    history.reported(
        finished("r", 1, RUN_STATE_FINISHED, 1, 0).toBuilder()
            .setFinished(RunResult.newBuilder().setTrainError(0.5).setTestError(0.25))
            .build());

    assertThat(history.view().getLatestFigures())
        .isEqualTo(
            Progress.newBuilder()
                .setStep(10)
                .setBatchLoss(0.5)
                .setTrainLoss(1)
                .setTrainError(0.5)
                .setTestError(0.25)
                .build());
  }

  @Test
  void isHeardOfWhenItsEventsSayButNeverInTheFuture() {
    history.requested(REQUEST);
    assertThat(history.view().hasLastEventAt()).isFalse();
    long now = InMemory.NOW.getEpochSecond();

    history.reported(at(now - 50, started("r", 1)));
    assertThat(history.view().getLastEventAt().getSeconds()).isEqualTo(now - 50);
    assertThat(history.reported(at(now - 20, Records.heartbeat("r", 1, 10)))).isTrue();
    assertThat(history.view().getLastEventAt().getSeconds()).isEqualTo(now - 20);
    history.reported(at(now - 30, progress("r", 1, 10, 0, 0)));
    assertThat(history.view().getLastEventAt().getSeconds()).isEqualTo(now - 20);
    history.reported(at(now + 99, progress("r", 1, 20, 0, 0)));
    assertThat(history.view().getLastEventAt().getSeconds()).isEqualTo(now);
  }

  private static RunEvent at(long seconds, RunEvent event) {
    return event.toBuilder().setAt(Timestamp.newBuilder().setSeconds(seconds)).build();
  }

  private static RunEvent measured(Consumer<Progress.Builder> figures) {
    Progress.Builder progress = Progress.newBuilder();
    figures.accept(progress);
    return event("r", 1).setProgress(progress).build();
  }

  private static LayerNorm norm(double norm) {
    return LayerNorm.newBuilder().setLayer("0").setNorm(norm).build();
  }

  @Test
  void isSettledOnceItHasEndedAndEverySnapshotIsAccountedFor() {
    history.requested(REQUEST);
    history.reported(started("r", 1));
    history.reported(finished("r", 1, RUN_STATE_FINISHED, 3, 1));
    assertThat(RunHistory.isSettled(history.view())).isFalse();

    history.checked(verdict("r", 1, 10, OUTCOME_CERTIFIED));
    assertThat(RunHistory.isSettled(history.view())).isFalse();

    history.skipped(skipped("r", 1, 20));
    assertThat(RunHistory.isSettled(history.view())).isTrue();
  }

  @Test
  void anAttemptThatGoesOnLeavesWhatWasReportedUpToItsStep() {
    history.requested(REQUEST);
    history.reported(started("r", 1));
    for (long step : new long[] {10, 20, 30, 40}) {
      history.reported(progress("r", 1, step, step / 10, 1));
      history.checked(verdict("r", 1, step, OUTCOME_CERTIFIED));
    }
    history.skipped(skipped("r", 1, 15));
    history.skipped(skipped("r", 1, 35));
    history.reported(finished("r", 1, RUN_STATE_FAILED, 4, 1));

    history.reported(resumed("r", 2, 20));

    Run run = history.view();
    assertThat(run.getState()).isEqualTo(RUN_STATE_RUNNING);
    assertThat(run.hasResult()).isFalse();
    assertThat(run.getHeader()).isEqualTo(resumed("r", 2, 20).getStarted());
    assertThat(run.getProgress()).isEqualTo(progress("r", 1, 20, 2, 1).getProgress());
    assertThat(run.getLatestVerdict().getStep()).isEqualTo(20);
    assertThat(run.getSnapshots())
        .isEqualTo(
            SnapshotAccount.newBuilder()
                .setPublished(2)
                .setDropped(1)
                .setChecked(2)
                .setSkipped(1)
                .build());
    assertThat(history.progressSteps()).containsExactly(10L, 20L);

    history.reported(progress("r", 2, 30, 3, 1));
    assertThat(history.progressSteps()).containsExactly(10L, 20L, 30L);
    assertThat(history.view().getSnapshots().getPublished()).isEqualTo(3);
  }

  @Test
  void aLateVerdictOfAnEarlierAttemptCountsIfItsStepStands() {
    history.requested(REQUEST);
    history.reported(started("r", 1));
    history.reported(resumed("r", 2, 30));
    history.reported(resumed("r", 3, 50));
    history.reported(resumed("r", 4, 40));

    assertThat(history.checked(verdict("r", 1, 30, OUTCOME_CERTIFIED))).isTrue();
    assertThat(history.checked(verdict("r", 1, 31, OUTCOME_CERTIFIED))).isFalse();
    assertThat(history.checked(verdict("r", 2, 40, OUTCOME_CERTIFIED))).isTrue();
    assertThat(history.checked(verdict("r", 2, 45, OUTCOME_CERTIFIED))).isFalse();
    assertThat(history.skipped(skipped("r", 3, 39))).isTrue();
    assertThat(history.skipped(skipped("r", 3, 41))).isFalse();
    assertThat(history.checked(verdict("r", 4, 60, OUTCOME_CERTIFIED))).isTrue();

    history.reported(started("r", 5));
    assertThat(history.verdicts()).isEmpty();
    assertThat(history.checked(verdict("r", 4, 10, OUTCOME_CERTIFIED))).isFalse();
  }

  @Test
  void theGuaranteeOfTheSwitchStandsIfTheRunGoesOnBehindIt() {
    RunEvent guarantee =
        event("r", 1).setGuarantee(Guarantee.newBuilder().setSolver("s").setFromStep(60)).build();
    history.requested(REQUEST);
    history.reported(started("r", 1));
    history.reported(guarantee);

    history.reported(resumed("r", 2, 60));
    assertThat(history.view().getGuarantee()).isEqualTo(guarantee.getGuarantee());
    history.reported(resumed("r", 3, 59));
    assertThat(history.view().hasGuarantee()).isFalse();
  }

  @Test
  void nothingIsTakenOfARunThatWasDeleted() {
    history.requested(REQUEST);
    history.reported(started("r", 1));
    history.reported(progress("r", 1, 10, 1, 0));
    history.checked(verdict("r", 1, 10, OUTCOME_CERTIFIED));

    assertThat(history.withdrawn()).isTrue();
    assertThat(history.reported(progress("r", 1, 20, 2, 0))).isFalse();
    assertThat(history.reported(started("r", 2))).isFalse();
    assertThat(history.checked(verdict("r", 1, 20, OUTCOME_CERTIFIED))).isFalse();
    assertThat(history.skipped(skipped("r", 3, 20))).isFalse();

    assertThat(history.isKnown()).isFalse();
    assertThat(history.stores.progress().list("r", new StepRange(0, -1), 9)).isEmpty();
    try (KeyValueIterator<Bytes, byte[]> left = history.stores.checks().all()) {
      assertThat(left.hasNext()).isFalse();
    }
  }

  /** Records of one topic keep their order; those of different topics come in any. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
  void comesToTheSameStateHoweverTopicsInterleave(long seed) {
    List<RunRecord> requests = List.of(new RunRecord.Requested(REQUEST));
    List<RunRecord> events =
        List.of(
            new RunRecord.Reported(started("r", 1)),
            new RunRecord.Reported(progress("r", 1, 50, 5, 0)),
            new RunRecord.Reported(started("r", 2)),
            new RunRecord.Reported(progress("r", 2, 10, 1, 0)),
            new RunRecord.Reported(progress("r", 2, 40, 2, 0)),
            new RunRecord.Reported(resumed("r", 3, 20)),
            new RunRecord.Reported(progress("r", 3, 50, 2, 0)),
            new RunRecord.Reported(finished("r", 3, RUN_STATE_FINISHED, 5, 1)));
    List<RunRecord> checks =
        List.of(
            new RunRecord.Checked(verdict("r", 1, 10, OUTCOME_UNDETERMINED)),
            new RunRecord.Skipped(skipped("r", 1, 20)),
            new RunRecord.Skipped(skipped("r", 2, 10)),
            new RunRecord.Checked(verdict("r", 2, 10, OUTCOME_CERTIFIED)),
            new RunRecord.Checked(verdict("r", 2, 20, OUTCOME_CERTIFIED)),
            new RunRecord.Checked(verdict("r", 2, 25, OUTCOME_UNDETERMINED)),
            new RunRecord.Skipped(skipped("r", 3, 30)),
            new RunRecord.Checked(verdict("r", 3, 20, OUTCOME_UNDETERMINED)),
            new RunRecord.Checked(verdict("r", 3, 40, OUTCOME_CERTIFIED)),
            new RunRecord.Skipped(skipped("r", 2, 15)));
    Folded inOrder = new Folded();
    List.of(requests, events, checks).forEach(topic -> topic.forEach(r -> inOrder.fold(r)));

    List<List<RunRecord>> topics = new ArrayList<>();
    List.of(requests, events, checks).forEach(topic -> topic.forEach(r -> topics.add(topic)));
    Collections.shuffle(topics, new Random(seed));
    List<List<RunRecord>> sources = List.of(requests, events, checks);
    int[] next = new int[sources.size()];
    for (List<RunRecord> topic : topics) {
      int source = topic == requests ? 0 : topic == events ? 1 : 2;
      history.fold(topic.get(next[source]++));
    }

    assertThat(history.view()).isEqualTo(inOrder.view());
    assertThat(history.verdicts())
        .containsExactly(
            verdict("r", 2, 10, OUTCOME_CERTIFIED),
            verdict("r", 2, 20, OUTCOME_CERTIFIED),
            verdict("r", 3, 40, OUTCOME_CERTIFIED));
    assertThat(history.progressSteps()).containsExactly(10L, 50L);
    assertThat(history.view().getSnapshots())
        .isEqualTo(
            SnapshotAccount.newBuilder()
                .setPublished(5)
                .setChecked(3)
                .setSkipped(2)
                .setDropped(1)
                .build());
  }

  /** Opens the history anew for every record, as the service does. */
  private static final class Folded {

    private final PartitionStores stores = InMemory.stores();

    boolean fold(RunRecord record) {
      RunHistory history = new RunHistory(stores, "r", InMemory.NOW);
      boolean changed = record.foldInto(history);
      history.save();
      return changed;
    }

    boolean requested(RunRequest request) {
      return fold(new RunRecord.Requested(request));
    }

    boolean withdrawn() {
      return fold(new RunRecord.Withdrawn("r"));
    }

    boolean reported(RunEvent event) {
      return fold(new RunRecord.Reported(event));
    }

    boolean checked(Verdict verdict) {
      return fold(new RunRecord.Checked(verdict));
    }

    boolean skipped(SnapshotSkipped skipped) {
      return fold(new RunRecord.Skipped(skipped));
    }

    boolean isKnown() {
      return RunHistory.isKnown(stores.run("r"));
    }

    Run view() {
      return RunHistory.view(stores.run("r"), InMemory.NOW);
    }

    List<Verdict> verdicts() {
      return new RunPartition(stores, InstantSource.system())
          .verdicts("r", new StepRange(0, -1), "", Optional.empty(), 99)
          .orElseThrow()
          .values();
    }

    List<Long> progressSteps() {
      return new RunPartition(stores, InstantSource.system())
          .progress("r", new StepRange(0, -1), 99).orElseThrow().values().stream()
              .map(Progress::getStep)
              .toList();
    }
  }
}
