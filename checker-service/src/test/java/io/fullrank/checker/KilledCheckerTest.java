package io.fullrank.checker;

import static io.fullrank.checker.TestSnapshots.id;
import static io.fullrank.checker.TestSnapshots.snapshot;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fullrank.checker.configuration.CheckPolicy;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.SkipReason;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.proto.v1.SnapshotSkipped;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.kafka.BrokerExtension;
import io.fullrank.testsupport.process.JavaCommand;
import io.fullrank.testsupport.process.JavaProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The checker as a process that is killed or asked to stop while snapshots come. */
@ExtendWith(BrokerExtension.class)
class KilledCheckerTest {

  private static final Duration LIMIT = Waiting.LIMIT;
  private static final int RUNS = 3;
  private static final int STEPS = 40;
  private static final int KILLS = 3;
  // As k8s/base/checker.yaml has it.
  private static final Duration GRACE_PERIOD = Duration.ofSeconds(40);

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource(CheckPolicy.class)
  void settlesEverySnapshotOnceHoweverOftenItIsKilled(CheckPolicy policy, EmbeddedKafka kafka)
      throws Exception {
    try (Wire wire = new Wire(kafka.bootstrapServers())) {
      String name = UUID.randomUUID().toString();
      List<SnapshotId> published = new ArrayList<>();
      JavaProcess checker = start(kafka, wire.group(), policy, "one", "ends");
      try {
        for (int step = 1; step <= STEPS; step++) {
          publishInterleaved(wire, name, step, published);
          if (step % (STEPS / KILLS) == 0) {
            // While it is at work on what was just published.
            int before = wire.records().size();
            await().atMost(LIMIT).until(() -> wire.records().size() > before);
            checker.kill();
            checker = start(kafka, wire.group(), policy, "one", "ends");
          }
        }
        await().atMost(LIMIT).until(() -> settled(wire).containsAll(published));
      } finally {
        checker.close();
      }

      assertThat(settled(wire)).containsExactlyInAnyOrderElementsOf(published);
      assertThat(wire.records())
          .filteredOn(CheckRecord::hasSkipped)
          .extracting(CheckRecord::getSkipped)
          .allMatch(skip -> skip.getReason() == SkipReason.SKIP_REASON_SUPERSEDED)
          .allMatch(skip -> policy == CheckPolicy.LATEST && !isWitness(skip.getStep()));
      assertThat(wire.deadLetters()).isEmpty();
      wire.assertAllCommitted();
    }
  }

  /** SIGTERM and a successor of another name, as in a rolling update. */
  @Test
  void finishesTheCheckItIsAtWhenAskedToStop(EmbeddedKafka kafka) throws Exception {
    try (Wire wire = new Wire(kafka.bootstrapServers())) {
      String name = UUID.randomUUID().toString();
      List<SnapshotId> published = new ArrayList<>();
      JavaProcess checker = start(kafka, wire.group(), CheckPolicy.EVERY, "checker-0", "ends");
      try {
        for (int replaced = 1; replaced <= KILLS; replaced++) {
          for (int step = 1; step <= STEPS / KILLS; step++) {
            publishInterleaved(wire, name + replaced, step, published);
          }
          int before = wire.records().size();
          await().atMost(LIMIT).until(() -> wire.records().size() > before);
          checker.stop(GRACE_PERIOD);
          checker = start(kafka, wire.group(), CheckPolicy.EVERY, "checker-" + replaced, "ends");
        }
        await().atMost(LIMIT).until(() -> settled(wire).containsAll(published));
      } finally {
        checker.close();
      }

      assertThat(settled(wire)).containsExactlyInAnyOrderElementsOf(published);
      assertThat(wire.records()).allMatch(CheckRecord::hasVerdict);
      assertThat(wire.deadLetters()).isEmpty();
      wire.assertAllCommitted();
    }
  }

  @Test
  void givesBackACheckThatTakesTooLongWhenAskedToStop(EmbeddedKafka kafka) throws Exception {
    try (Wire wire = new Wire(kafka.bootstrapServers())) {
      List<SnapshotId> published = new ArrayList<>();
      publishInterleaved(wire, UUID.randomUUID().toString(), 1, published);
      JavaProcess first = start(kafka, wire.group(), CheckPolicy.EVERY, "first", "hangs");
      try {
        await().atMost(LIMIT).until(() -> first.log().contains(CheckerProcess.HANGS));
        first.stop(GRACE_PERIOD);
      } finally {
        first.kill();
      }
      assertThat(wire.records()).isEmpty();

      JavaProcess second = start(kafka, wire.group(), CheckPolicy.EVERY, "second", "ends");
      try {
        await().atMost(LIMIT).until(() -> settled(wire).containsAll(published));
      } finally {
        second.close();
      }
      assertThat(settled(wire)).containsExactlyInAnyOrderElementsOf(published);
      wire.assertAllCommitted();
    }
  }

  private static boolean isWitness(long step) {
    return step % 10 == 0;
  }

  private static void publishInterleaved(
      Wire wire, String name, int step, List<SnapshotId> published) {
    List<List<SnapshotChunk>> ofRuns = new ArrayList<>();
    for (int run = 0; run < RUNS; run++) {
      SnapshotId id = id(name + run, step);
      published.add(id);
      ofRuns.add(
          new ArrayList<>(TestSnapshots.chunks(snapshot(id, isWitness(step), 1000), 2 + run)));
    }
    while (!ofRuns.isEmpty()) {
      ofRuns.forEach(chunks -> wire.publish(chunks.remove(0)));
      ofRuns.removeIf(List::isEmpty);
    }
  }

  private static List<SnapshotId> settled(Wire wire) {
    return wire.records().stream().map(KilledCheckerTest::settled).toList();
  }

  private static SnapshotId settled(CheckRecord record) {
    if (record.hasVerdict()) {
      Verdict verdict = record.getVerdict();
      return new SnapshotId(verdict.getRun(), verdict.getAttempt(), verdict.getStep());
    }
    SnapshotSkipped skipped = record.getSkipped();
    return new SnapshotId(skipped.getRun(), skipped.getAttempt(), skipped.getStep());
  }

  private JavaProcess start(
      EmbeddedKafka kafka, String group, CheckPolicy policy, String name, String checks)
      throws IOException {
    return JavaCommand.main(
            CheckerProcess.class,
            kafka.bootstrapServers(),
            group,
            policy.name(),
            group + "-" + name,
            checks)
        .start(folder.resolve("checker.log"));
  }
}
