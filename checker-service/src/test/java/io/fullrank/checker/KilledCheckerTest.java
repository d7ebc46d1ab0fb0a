package io.fullrank.checker;

import static io.fullrank.checker.TestSnapshots.id;
import static io.fullrank.checker.TestSnapshots.snapshot;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.SkipReason;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.proto.v1.SnapshotSkipped;
import io.fullrank.proto.v1.Verdict;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The checker as a process that is killed, without warning, while snapshots come. */
@ExtendWith(BrokerExtension.class)
class KilledCheckerTest {

  private static final Duration LIMIT = Duration.ofSeconds(90);
  private static final int RUNS = 3;
  private static final int STEPS = 40;
  private static final int KILLS = 3;

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource(CheckPolicy.class)
  void settlesEverySnapshotOnceHoweverOftenItIsKilled(CheckPolicy policy, EmbeddedKafka kafka)
      throws Exception {
    try (Wire wire = new Wire(kafka.bootstrapServers())) {
      String name = UUID.randomUUID().toString();
      List<SnapshotId> published = new ArrayList<>();
      Process checker = start(kafka, wire.group(), policy);
      try {
        for (int step = 1; step <= STEPS; step++) {
          publishInterleaved(wire, name, step, published);
          if (step % (STEPS / KILLS) == 0) {
            // While it is at work on what was just published.
            int before = wire.records().size();
            await().atMost(LIMIT).until(() -> wire.records().size() > before);
            checker.destroyForcibly().waitFor();
            checker = start(kafka, wire.group(), policy);
          }
        }
        await().atMost(LIMIT).until(() -> settled(wire).containsAll(published));
      } finally {
        checker.destroy();
        checker.waitFor();
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

  private Process start(EmbeddedKafka kafka, String group, CheckPolicy policy) throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            CheckerProcess.class.getName(),
            kafka.bootstrapServers(),
            group,
            policy.name())
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(folder.resolve("checker.log").toFile()))
        .start();
  }
}
