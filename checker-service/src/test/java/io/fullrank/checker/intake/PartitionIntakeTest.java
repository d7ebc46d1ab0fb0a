package io.fullrank.checker.intake;

import static io.fullrank.checker.TestSnapshots.chunks;
import static io.fullrank.checker.TestSnapshots.id;
import static io.fullrank.checker.TestSnapshots.snapshot;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.fullrank.checker.TestSnapshots;
import io.fullrank.checker.verdict.VerdictOutbox;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.SkipReason;
import io.fullrank.proto.v1.SnapshotChunk;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PartitionIntakeTest {

  private static final long MAX_BYTES = 1 << 20;

  private final VerdictOutbox outbox = new VerdictOutbox();
  private final List<ConsumerRecord<String, byte[]>> log = new ArrayList<>();
  private PartitionIntake intake = intakeAt(0, PartitionProgress.at(0));

  @Test
  void committableOffsetIsThatOfTheOldestSnapshotNotSettled() {
    List<SnapshotChunk> a = chunks(snapshot(id("a", 1)), 3);
    List<SnapshotChunk> b = chunks(snapshot(id("b", 1)), 2);
    assertThat(intake.committable()).isZero();

    feed(a.get(0), b.get(0), a.get(1), b.get(1));
    assertThat(intake.committable()).isZero();

    intake.settle(id("b", 1));
    assertThat(intake.committable()).isZero();

    feed(a.get(2));
    intake.settle(id("a", 1));
    assertThat(intake.committable()).isEqualTo(5);
  }

  @Test
  void doesNotRepeatWhatWasSettledBehindTheCommittedOffset() throws IOException {
    List<SnapshotChunk> a = chunks(snapshot(id("a", 1)), 2);
    List<SnapshotChunk> b = chunks(snapshot(id("b", 1)), 2);
    feed(a.get(0), b.get(0), b.get(1));
    intake.settle(id("b", 1));

    restart();
    List<PendingSnapshot> again = feedFrom(0);
    List<PendingSnapshot> rest = feed(a.get(1));

    assertThat(again).isEmpty();
    assertThat(rest).extracting(PendingSnapshot::id).containsExactly(id("a", 1));
    assertThat(outbox.isEmpty()).isTrue();
  }

  @Test
  void givesUpADamagedSnapshotOnceAndGoesOn() {
    List<SnapshotChunk> a = chunks(snapshot(id("a", 1)), 4);
    SnapshotChunk damaged =
        a.get(1).toBuilder().setPayload(ByteString.copyFromUtf8("other")).build();

    feed(a.get(0), damaged, a.get(2), a.get(3));
    List<PendingSnapshot> next = feed(chunks(snapshot(id("a", 2)), 1).get(0));

    assertThat(skipped()).containsExactly(id("a", 1) + " SKIP_REASON_UNREADABLE");
    assertThat(outbox.deadLetterCount()).isEqualTo(3);
    assertThat(next).extracting(PendingSnapshot::id).containsExactly(id("a", 2));
  }

  @Test
  void givesUpADamagedSnapshotOnceEvenIfRestartedWithinIt() throws IOException {
    List<SnapshotChunk> a = chunks(snapshot(id("a", 1)), 4);
    SnapshotChunk damaged = a.get(1).toBuilder().setPayloadCrc32C(0).build();
    feed(a.get(0), damaged);
    assertThat(skipped()).hasSize(1);

    restart();
    feedFrom(Math.toIntExact(intake.committable()));
    feed(a.get(2), a.get(3));

    assertThat(skipped()).isEmpty();
    assertThat(outbox.deadLetterCount()).isEqualTo(2);
  }

  @Test
  void aNewerSnapshotOfTheSameAttemptGivesUpTheIncompleteOne() {
    feed(chunks(snapshot(id("a", 1)), 3).get(0));
    feed(chunks(snapshot(id("a", 2)), 3).get(0));

    assertThat(skipped()).containsExactly(id("a", 1) + " SKIP_REASON_UNREADABLE");
    assertThat(intake.committable()).isEqualTo(1);
  }

  @Test
  void aNewAttemptForgetsTheOldOneSilently() {
    feed(chunks(snapshot(new SnapshotId("a", 1, 9)), 3).get(0));
    feed(chunks(snapshot(new SnapshotId("a", 2, 1)), 3).get(0));

    assertThat(outbox.isEmpty()).isTrue();
    assertThat(intake.takeChanged()).isTrue();
    assertThat(intake.committable()).isEqualTo(1);
  }

  @Test
  void setsASnapshotThatComesTwiceAside() {
    SnapshotChunk a = chunks(snapshot(id("a", 1)), 1).get(0);

    List<PendingSnapshot> complete = feed(a, a);

    assertThat(complete).hasSize(1);
    assertThat(skipped()).isEmpty();
    assertThat(outbox.deadLetterCount()).isEqualTo(1);
  }

  @Test
  void skipsASnapshotWithoutWeights() {
    feed(chunks(TestSnapshots.withoutWeights(id("a", 1)), 1).get(0));

    assertThat(skipped()).containsExactly(id("a", 1) + " SKIP_REASON_NO_WEIGHTS");
    assertThat(intake.committable()).isEqualTo(1);
  }

  @Test
  void setsRecordsWithoutAnIdentityAsideAndSkipsNothing() {
    SnapshotChunk a = chunks(snapshot(id("a", 1)), 1).get(0);
    SnapshotChunk nameless = a.toBuilder().setRun("").build();
    SnapshotChunk endless = a.toBuilder().setRun("r".repeat(256)).build();

    accept("a", new byte[] {1, 2, 3});
    accept("a", null);
    accept("b", a.toByteArray());
    accept("", nameless.toByteArray());
    accept(endless.getRun(), endless.toByteArray());

    assertThat(outbox.deadLetterCount()).isEqualTo(5);
    assertThat(outbox.skipped()).isEmpty();
    assertThat(intake.committable()).isEqualTo(5);
  }

  @Test
  void leavesOutWhatIsTooLargeForADeadLetter() {
    accept("a", new byte[4 << 20]);

    ProducerRecord<String, byte[]> letter = outbox.records().get(0);
    assertThat(letter.value()).isNull();
    assertThat(new String(letter.headers().lastHeader("fullrank.reason").value(), UTF_8))
        .contains("left out");
  }

  @Test
  void givesUpASnapshotWhoseTrainerIsGone() {
    feed(chunks(snapshot(id("a", 1)), 2).get(0));
    for (int step = 1; step <= 10_001; step++) {
      SnapshotChunk other = chunks(TestSnapshots.withoutWeights(id("b", step)), 1).get(0);
      accept("b", other.toByteArray());
      intake.giveUpStale();
    }

    assertThat(skipped()).contains(id("a", 1) + " SKIP_REASON_UNREADABLE");
    assertThat(intake.committable()).isEqualTo(10_002);
  }

  @Test
  void givesUpTheSnapshotBegunLastAndRatherNoWitness() {
    feed(chunks(snapshot(id("a", 1)), 2).get(0));
    feed(chunks(snapshot(id("b", 1)), 2).get(0));
    feed(chunks(snapshot(id("c", 1), true, 16), 2).get(0));

    assertThat(intake.giveUpBegunLast()).isTrue();
    assertThat(intake.giveUpBegunLast()).isTrue();
    assertThat(intake.giveUpBegunLast()).isTrue();
    assertThat(intake.giveUpBegunLast()).isFalse();

    assertThat(outbox.skipped()).extracting(skip -> skip.getRun()).containsExactly("b", "a", "c");
    assertThat(intake.incompleteBytes()).isZero();
  }

  /**
   * Random streams of several runs with damaged, missing and duplicated chunks, settled in random
   * order, committed and killed at random moments: whatever happens, readers of what was committed
   * see each snapshot settled exactly once, and each bad record set aside exactly once.
   */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void settlesEachSnapshotOnceHoweverOftenItIsKilled(int seed) throws IOException {
    for (int round = 0; round < 40; round++) {
      new KilledIntake(new Random(1000L * seed + round)).run();
    }
  }

  private static final class KilledIntake {
    private final Random random;
    private final List<ConsumerRecord<String, byte[]>> log = new ArrayList<>();
    private final Map<SnapshotId, Boolean> published = new TreeMap<>();
    private final Map<SnapshotId, Integer> settled = new HashMap<>();
    private final Map<Long, Integer> setAside = new HashMap<>();
    private final VerdictOutbox outbox = new VerdictOutbox();
    private final List<PendingSnapshot> waiting = new ArrayList<>();
    private final List<SnapshotId> judged = new ArrayList<>();
    private long committed;
    private String metadata = "";

    KilledIntake(Random random) {
      this.random = random;
      List<List<SnapshotChunk>> streams = new ArrayList<>();
      for (int run = 0; run < 3; run++) {
        List<SnapshotChunk> stream = new ArrayList<>();
        for (int step = 0; step < 8; step++) {
          SnapshotId id = id("run" + run, step);
          List<SnapshotChunk> chunks = new ArrayList<>(chunks(snapshot(id), 1 + random.nextInt(4)));
          published.put(id, damage(chunks));
          stream.addAll(chunks);
        }
        streams.add(stream);
      }
      while (!streams.isEmpty()) {
        List<SnapshotChunk> stream = streams.get(random.nextInt(streams.size()));
        SnapshotChunk chunk = stream.remove(0);
        append(chunk.getRun(), chunk.toByteArray());
        if (random.nextInt(20) == 0) {
          append(chunk.getRun(), new byte[] {1, 2, 3});
        }
        streams.removeIf(List::isEmpty);
      }
    }

    /** Does something to the chunks of a snapshot; returns whether it stays readable. */
    private boolean damage(List<SnapshotChunk> chunks) {
      int victim = random.nextInt(chunks.size());
      switch (random.nextInt(8)) {
        case 0 -> {
          chunks.set(victim, chunks.get(victim).toBuilder().setPayloadCrc32C(0).build());
          return false;
        }
        case 1 -> {
          if (chunks.size() > 1) {
            chunks.remove(victim);
            return false;
          }
        }
        case 2 -> chunks.add(victim, chunks.get(victim));
        default -> {}
      }
      return true;
    }

    private void append(String key, byte[] value) {
      log.add(new ConsumerRecord<>(Topic.SNAPSHOTS.name(), 0, log.size(), key, value));
    }

    void run() throws IOException {
      PartitionIntake intake = takeUp();
      int next = (int) committed;
      while (next < log.size() || !waiting.isEmpty() || committed < log.size()) {
        switch (random.nextInt(12)) {
          case 0 -> {
            intake = takeUp();
            next = (int) committed;
          }
          case 1, 2, 3 -> commit(intake);
          case 4, 5, 6 -> {
            if (!waiting.isEmpty()) {
              PendingSnapshot one = waiting.remove(random.nextInt(waiting.size()));
              judged.add(one.id());
              intake.settle(one.id());
            }
          }
          default -> {
            if (next < log.size()) {
              intake.accept(log.get(next++)).ifPresent(waiting::add);
            } else if (waiting.isEmpty() && intake.committable() < log.size()) {
              // The last snapshot of a run stays incomplete when its end is missing.
              intake.giveUpBegunLast();
            }
          }
        }
      }
      assertThat(settled.keySet()).containsExactlyInAnyOrderElementsOf(published.keySet());
      assertThat(settled.values()).containsOnly(1);
      assertThat(setAside.values()).allMatch(times -> times == 1);
    }

    private PartitionIntake takeUp() throws IOException {
      outbox.clear();
      waiting.clear();
      judged.clear();
      PartitionProgress progress =
          metadata.isEmpty()
              ? PartitionProgress.at(committed)
              : PartitionProgress.fromMetadata(committed, metadata);
      return new PartitionIntake(0, committed, progress, MAX_BYTES, outbox);
    }

    private void commit(PartitionIntake intake) {
      if (!intake.takeChanged()) {
        assertThat(outbox.isEmpty()).isTrue();
        return;
      }
      committed = intake.committable();
      metadata = intake.progress().toMetadata(committed);
      judged.forEach(id -> settled.merge(id, 1, Integer::sum));
      outbox
          .skipped()
          .forEach(
              skip -> {
                SnapshotId id = new SnapshotId(skip.getRun(), skip.getAttempt(), skip.getStep());
                assertThat(skip.getReason()).isEqualTo(SkipReason.SKIP_REASON_UNREADABLE);
                assertThat(published.get(id)).as("%s is readable", id).isFalse();
                settled.merge(id, 1, Integer::sum);
              });
      for (ProducerRecord<String, byte[]> record : outbox.records()) {
        if (record.topic().equals(Topic.SNAPSHOTS.deadLetters().name())) {
          String offset =
              new String(record.headers().lastHeader("fullrank.source.offset").value(), UTF_8);
          setAside.merge(Long.valueOf(offset), 1, Integer::sum);
        }
      }
      outbox.clear();
      judged.clear();
    }
  }

  private PartitionIntake intakeAt(long committed, PartitionProgress progress) {
    return new PartitionIntake(0, committed, progress, MAX_BYTES, outbox);
  }

  private void restart() throws IOException {
    long committed = intake.committable();
    String text = intake.progress().toMetadata(committed);
    outbox.clear();
    intake = intakeAt(committed, PartitionProgress.fromMetadata(committed, text));
  }

  private List<PendingSnapshot> feed(SnapshotChunk... chunks) {
    List<PendingSnapshot> complete = new ArrayList<>();
    for (SnapshotChunk chunk : chunks) {
      accept(chunk.getRun(), chunk.toByteArray()).ifPresent(complete::add);
    }
    return complete;
  }

  private List<PendingSnapshot> feedFrom(int offset) {
    return log.subList(offset, log.size()).stream()
        .flatMap(record -> intake.accept(record).stream())
        .toList();
  }

  private Optional<PendingSnapshot> accept(String key, byte[] value) {
    log.add(new ConsumerRecord<>(Topic.SNAPSHOTS.name(), 0, log.size(), key, value));
    return intake.accept(log.get(log.size() - 1));
  }

  private List<String> skipped() {
    return outbox.skipped().stream()
        .map(
            skip ->
                new SnapshotId(skip.getRun(), skip.getAttempt(), skip.getStep())
                    + " "
                    + skip.getReason())
        .toList();
  }
}
