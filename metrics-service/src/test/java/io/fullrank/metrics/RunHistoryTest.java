package io.fullrank.metrics;

import static io.fullrank.metrics.Records.event;
import static io.fullrank.metrics.Records.finished;
import static io.fullrank.metrics.Records.progress;
import static io.fullrank.metrics.Records.skipped;
import static io.fullrank.metrics.Records.started;
import static io.fullrank.metrics.Records.verdict;
import static io.fullrank.proto.v1.Outcome.OUTCOME_CERTIFIED;
import static io.fullrank.proto.v1.Outcome.OUTCOME_UNDETERMINED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_CANCELLED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_FAILED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_FINISHED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_PENDING;
import static io.fullrank.proto.v1.RunState.RUN_STATE_RUNNING;
import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.SnapshotAccount;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RunHistoryTest {

  private static final RunRequest REQUEST = Records.request("r", "e", Variant.VARIANT_TWO_PHASE, 1);

  private final RunHistory history = new RunHistory();

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
    assertThat(history.checks().verdicts(Optional.empty(), 9))
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
            new RunRecord.Reported(progress("r", 2, 50, 2, 0)),
            new RunRecord.Reported(finished("r", 2, RUN_STATE_FINISHED, 4, 1)));
    List<RunRecord> checks =
        List.of(
            new RunRecord.Checked(verdict("r", 1, 10, OUTCOME_UNDETERMINED)),
            new RunRecord.Skipped(skipped("r", 1, 20)),
            new RunRecord.Skipped(skipped("r", 2, 10)),
            new RunRecord.Checked(verdict("r", 2, 10, OUTCOME_CERTIFIED)),
            new RunRecord.Checked(verdict("r", 2, 20, OUTCOME_CERTIFIED)),
            new RunRecord.Skipped(skipped("r", 2, 30)));
    RunHistory inOrder = new RunHistory();
    List.of(requests, events, checks).forEach(topic -> topic.forEach(r -> r.foldInto(inOrder)));

    List<List<RunRecord>> topics = new ArrayList<>();
    List.of(requests, events, checks).forEach(topic -> topic.forEach(r -> topics.add(topic)));
    Collections.shuffle(topics, new Random(seed));
    List<List<RunRecord>> sources = List.of(requests, events, checks);
    int[] next = new int[sources.size()];
    for (List<RunRecord> topic : topics) {
      int source = topic == requests ? 0 : topic == events ? 1 : 2;
      topic.get(next[source]++).foldInto(history);
    }

    assertThat(history.view()).isEqualTo(inOrder.view());
    assertThat(history.view().getSnapshots())
        .isEqualTo(
            SnapshotAccount.newBuilder()
                .setPublished(4)
                .setChecked(2)
                .setSkipped(1)
                .setDropped(1)
                .build());
  }
}
