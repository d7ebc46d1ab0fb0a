package io.fullrank.checker.intake;

import static io.fullrank.checker.TestSnapshots.id;
import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.checker.TestSnapshots;
import io.fullrank.checker.configuration.CheckPolicy;
import io.fullrank.proto.SnapshotId;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class WaitingSnapshotsTest {

  @Test
  void latestKeepsOnlyTheNewestOfEachRun() {
    WaitingSnapshots waiting = new WaitingSnapshots(CheckPolicy.LATEST);
    List<SnapshotId> superseded = new ArrayList<>();
    for (long step : new long[] {1, 2, 3}) {
      waiting.add(pending("a", step, false)).forEach(older -> superseded.add(older.id()));
    }
    waiting.add(pending("b", 1, false)).forEach(older -> superseded.add(older.id()));

    assertThat(superseded).containsExactly(id("a", 1), id("a", 2));
    assertThat(takeAll(waiting)).containsExactly(id("a", 3), id("b", 1));
  }

  @Test
  void latestNeverSkipsAWitnessAndChecksItFirst() {
    WaitingSnapshots waiting = new WaitingSnapshots(CheckPolicy.LATEST);
    waiting.add(pending("b", 1, false));
    waiting.add(pending("a", 1, false));

    List<PendingSnapshot> byWitness = waiting.add(pending("a", 2, true));
    List<PendingSnapshot> byNewer = waiting.add(pending("a", 3, false));

    assertThat(byWitness).extracting(PendingSnapshot::id).containsExactly(id("a", 1));
    assertThat(byNewer).isEmpty();
    assertThat(takeAll(waiting)).containsExactly(id("a", 2), id("b", 1), id("a", 3));
  }

  @Test
  void everyChecksAllInOrderWhileRunsTakeTurns() {
    WaitingSnapshots waiting = new WaitingSnapshots(CheckPolicy.EVERY);
    for (long step : new long[] {1, 2, 3}) {
      assertThat(waiting.add(pending("a", step, false))).isEmpty();
    }
    waiting.add(pending("b", 1, false));
    waiting.add(pending("b", 2, true));

    assertThat(takeAll(waiting))
        .containsExactly(id("b", 2), id("a", 1), id("b", 1), id("a", 2), id("a", 3));
  }

  @ParameterizedTest
  @EnumSource(CheckPolicy.class)
  void aWitnessTakesThePlaceOfAnotherSnapshotOfItsStep(CheckPolicy policy) {
    WaitingSnapshots waiting = new WaitingSnapshots(policy);
    waiting.add(pending("a", 2, false));

    List<PendingSnapshot> replaced = waiting.add(pending("a", 2, true));

    assertThat(replaced).extracting(PendingSnapshot::id).containsExactly(id("a", 2));
    assertThat(waiting.take().orElseThrow().snapshot().getWitness()).isTrue();
    assertThat(waiting.isEmpty()).isTrue();
  }

  @Test
  void forgetsThePartitionThatGoes() {
    WaitingSnapshots waiting = new WaitingSnapshots(CheckPolicy.EVERY);
    waiting.add(pending("a", 1, false));
    waiting.add(new PendingSnapshot(TestSnapshots.snapshot(id("b", 1)), 30, 5, 0));

    waiting.forget(0);

    assertThat(waiting.bytes()).isEqualTo(30);
    assertThat(takeAll(waiting)).containsExactly(id("b", 1));
  }

  private static PendingSnapshot pending(String run, long step, boolean witness) {
    return new PendingSnapshot(TestSnapshots.snapshot(id(run, step), witness, 1), 10, 0, 0);
  }

  private static List<SnapshotId> takeAll(WaitingSnapshots waiting) {
    List<SnapshotId> taken = new ArrayList<>();
    for (Optional<PendingSnapshot> next = waiting.take(); next.isPresent(); next = waiting.take()) {
      taken.add(next.get().id());
    }
    assertThat(waiting.isEmpty()).isTrue();
    return taken;
  }
}
