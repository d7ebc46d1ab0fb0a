package io.fullrank.checker.intake;

import static io.fullrank.checker.TestSnapshots.chunks;
import static io.fullrank.checker.TestSnapshots.id;
import static io.fullrank.checker.TestSnapshots.snapshot;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.fullrank.checker.TestSnapshots;
import io.fullrank.checker.configuration.CheckLoopSettings;
import io.fullrank.checker.configuration.CheckPolicy;
import io.fullrank.checker.verdict.VerdictOutbox;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.Checks;
import io.fullrank.proto.v1.ExpressivityParameters;
import io.fullrank.proto.v1.JacobianFactors;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.SkipReason;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.proto.v1.SnapshotPolicy;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.Verdict;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PartitionIntakeTest {

  private static final CheckLoopSettings SETTINGS =
      new CheckLoopSettings("checker", "group", CheckPolicy.EVERY, 4 << 20, 1 << 20);

  private final VerdictOutbox outbox = new VerdictOutbox();
  private final List<ConsumerRecord<String, byte[]>> log = new ArrayList<>();
  private final Map<SnapshotId, PendingSnapshot> complete = new HashMap<>();
  private PartitionIntake intake = intakeAt(0, PartitionProgress.at(0));

  @Test
  void committableOffsetIsThatOfTheOldestSnapshotNotSettled() {
    List<SnapshotChunk> a = chunks(snapshot(id("a", 1)), 3);
    List<SnapshotChunk> b = chunks(snapshot(id("b", 1)), 2);
    assertThat(intake.committable()).isZero();

    feed(a.get(0), b.get(0), a.get(1), b.get(1));
    assertThat(intake.committable()).isZero();

    intake.settle(complete.get(id("b", 1)));
    assertThat(intake.committable()).isZero();

    feed(a.get(2));
    intake.settle(complete.get(id("a", 1)));
    assertThat(intake.committable()).isEqualTo(5);
  }

  @Test
  void doesNotRepeatWhatWasSettledBehindTheCommittedOffset() throws IOException {
    List<SnapshotChunk> a = chunks(snapshot(id("a", 1)), 2);
    List<SnapshotChunk> b = chunks(snapshot(id("b", 1)), 2);
    feed(a.get(0), b.get(0), b.get(1));
    intake.settle(complete.get(id("b", 1)));

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
    assertThat(intake.hasChanged()).isTrue();
    assertThat(intake.committable()).isEqualTo(1);
  }

  @Test
  void aSnapshotThatIsSentAgainIsSilent() throws IOException {
    List<SnapshotChunk> a = chunks(snapshot(id("a", 1)), 3);
    SnapshotChunk later = chunks(snapshot(id("a", 2)), 1).get(0);

    List<PendingSnapshot> once = feed(a.get(0), a.get(0), a.get(1), a.get(0), a.get(2), a.get(2));
    List<PendingSnapshot> again = feed(a.toArray(SnapshotChunk[]::new));
    intake.settle(once.get(0));
    restart();
    List<PendingSnapshot> afterRestart = feed(a.get(0), a.get(1), a.get(2), later, a.get(0));

    assertThat(once).extracting(PendingSnapshot::id).containsExactly(id("a", 1));
    assertThat(again).isEmpty();
    assertThat(afterRestart).extracting(PendingSnapshot::id).containsExactly(id("a", 2));
    assertThat(outbox.isEmpty()).isTrue();
  }

  @Test
  void aSnapshotThatIsSentAgainWithOtherBytesReplacesTheBeginningOfIt() {
    List<SnapshotChunk> first = chunks(snapshot(id("a", 1)), 3);
    List<SnapshotChunk> second = chunks(snapshot(id("a", 1), false, 20), 3);

    List<PendingSnapshot> whole =
        feed(first.get(0), second.get(0), first.get(1), second.get(1), first.get(2), second.get(2));

    assertThat(whole).hasSize(1);
    assertThat(whole.get(0).snapshot().getWeights(0).getShape(0)).isEqualTo(20);
    assertThat(outbox.isEmpty()).isTrue();
    intake.settle(whole.get(0));
    assertThat(intake.committable()).isEqualTo(6);
  }

  @Test
  void aSnapshotThatIsSentAgainAfterItWasGivenUpIsSilent() throws IOException {
    List<SnapshotChunk> a = chunks(snapshot(id("a", 1)), 3);
    feed(a.get(0), a.get(2));
    assertThat(skipped()).containsExactly(id("a", 1) + " SKIP_REASON_UNREADABLE");
    assertThat(outbox.deadLetterCount()).isEqualTo(1);

    restart();
    List<PendingSnapshot> again = feed(a.toArray(SnapshotChunk[]::new));

    assertThat(again).isEmpty();
    assertThat(outbox.isEmpty()).isTrue();
  }

  @Test
  void aWitnessIsJudgedAfterAnotherSnapshotOfItsStepHoweverFarThatOneIs() throws IOException {
    List<SnapshotChunk> epochEnd = chunks(snapshot(id("a", 1)), 2);
    List<SnapshotChunk> witness = chunks(snapshot(id("a", 1), true, 16), 2);

    PendingSnapshot judged = feed(epochEnd.get(0), epochEnd.get(1)).get(0);
    PendingSnapshot first = feed(witness.get(0), epochEnd.get(0), witness.get(1)).get(0);
    assertThat(first.snapshot().getWitness()).isTrue();
    intake.settle(judged);
    restart();
    List<PendingSnapshot> afterRestart = feedFrom(Math.toIntExact(intake.committable()));
    List<PendingSnapshot> again = feed(witness.get(0), witness.get(1), epochEnd.get(0));

    assertThat(afterRestart).hasSize(1);
    assertThat(afterRestart.get(0).snapshot().getWitness()).isTrue();
    assertThat(again).isEmpty();
    assertThat(outbox.isEmpty()).isTrue();
  }

  @Test
  void aWitnessTakesThePlaceOfTheBeginningOfAnotherSnapshotOfItsStep() {
    List<SnapshotChunk> epochEnd = chunks(snapshot(id("a", 1)), 2);
    List<SnapshotChunk> witness = chunks(snapshot(id("a", 1), true, 16), 2);

    List<PendingSnapshot> whole =
        feed(epochEnd.get(0), witness.get(0), epochEnd.get(0), epochEnd.get(1), witness.get(1));

    assertThat(whole).hasSize(1);
    assertThat(whole.get(0).snapshot().getWitness()).isTrue();
    assertThat(outbox.isEmpty()).isTrue();
  }

  @Test
  void saysWhatToDoAboutASnapshotThatIsTooLarge() {
    Snapshot large = snapshot(id("a", 1), true, 1 << 18);
    List<SnapshotChunk> chunks = chunks(large, 3);

    feed(chunks.toArray(SnapshotChunk[]::new));

    assertThat(outbox.verdicts()).hasSize(1);
    Verdict verdict = outbox.verdicts().get(0);
    assertThat(verdict.getRun()).isEqualTo("a");
    assertThat(verdict.getAttempt()).isEqualTo(1);
    assertThat(verdict.getStep()).isEqualTo(1);
    assertThat(verdict.getWitness()).isTrue();
    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_UNDETERMINED);
    assertThat(verdict.getCertificate().getReason())
        .isEqualTo(
            "the snapshot has %d bytes, this checker accepts at most 1048576: raise its"
                    .formatted(large.getSerializedSize())
                + " fullrank.checker.max-snapshot-bytes");
    assertThat(outbox.deadLetterCount()).isZero();
    assertThat(outbox.skipped()).isEmpty();
    assertThat(intake.committable()).isEqualTo(3);
  }

  @Test
  void skipsASnapshotWithoutWeights() {
    feed(chunks(TestSnapshots.withoutWeights(id("a", 1)), 1).get(0));

    assertThat(skipped()).containsExactly(id("a", 1) + " SKIP_REASON_NO_WEIGHTS");
    assertThat(intake.committable()).isEqualTo(1);
  }

  @Test
  void skipsASnapshotOfAnExternalRunWithoutFeatures() {
    feed(chunks(TestSnapshots.external(snapshot(id("a", 1))), 1).get(0));

    assertThat(skipped()).containsExactly(id("a", 1) + " SKIP_REASON_NO_FEATURES");
    assertThat(intake.committable()).isEqualTo(1);
  }

  @Test
  void skipsASnapshotThatNoCheckIsDueFor() {
    Snapshot.Builder between = snapshot(id("a", 5)).toBuilder();
    between.getHeaderBuilder().setTotalSteps(100);
    between
        .getHeaderBuilder()
        .getSpecBuilder()
        .setEpochs(100)
        .setSnapshots(SnapshotPolicy.newBuilder().setEveryEpochs(1))
        .setChecks(
            Checks.newBuilder()
                .setExpressivity(ExpressivityParameters.newBuilder().setEveryEpochs(10)));

    feed(chunks(between.build(), 1).get(0));

    assertThat(skipped()).containsExactly(id("a", 5) + " SKIP_REASON_NOT_DUE");
    assertThat(intake.committable()).isEqualTo(1);
    assertThat(feed(chunks(between.setStep(10).build(), 1).get(0))).hasSize(1);
  }

  @Test
  void factorsAloneOfAnExternalRunCanBeJudged() {
    Snapshot factors =
        TestSnapshots.external(snapshot(id("a", 1))).toBuilder()
            .setFactors(JacobianFactors.getDefaultInstance())
            .build();

    List<PendingSnapshot> pending = feed(chunks(factors, 1).get(0));

    assertThat(pending).singleElement().matches(kept -> kept.snapshot().hasFactors());
    assertThat(outbox.skipped()).isEmpty();
  }

  @Test
  void keepsOfASnapshotWhatIsJudged() {
    Snapshot own = snapshot(id("a", 1));
    Tensor features = Tensors.of("features", new long[] {2, 2}, new float[] {1, 2, 3, 4});
    Snapshot external =
        TestSnapshots.external(snapshot(id("b", 1)).toBuilder().setFeatures(features).build());

    feed(chunks(own, 1).get(0), chunks(external, 1).get(0));

    assertThat(complete.get(id("a", 1)).snapshot())
        .isEqualTo(own.toBuilder().clearGradients().build());
    assertThat(complete.get(id("b", 1)).snapshot())
        .isEqualTo(external.toBuilder().clearGradients().clearWeights().build());
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
   * Random streams of several runs with damaged, missing and duplicated chunks, snapshots sent
   * again in part or as a whole, with the same bytes or others, and witnesses of a step that was
   * sent before, settled in random order, committed and killed at random moments: whatever happens,
   * readers of what was committed see each snapshot settled exactly once, each bad record set aside
   * exactly once, and no other.
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
    private final Set<SnapshotId> withWitness = new HashSet<>();
    private final Map<SnapshotId, Integer> settled = new HashMap<>();
    private final Map<SnapshotId, Integer> settledBeforeItsWitness = new HashMap<>();
    private final Set<Long> good = new HashSet<>();
    private final Map<Long, Integer> setAside = new HashMap<>();
    private final VerdictOutbox outbox = new VerdictOutbox();
    private final List<PendingSnapshot> waiting = new ArrayList<>();
    private final List<PendingSnapshot> judged = new ArrayList<>();
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
          if (random.nextInt(3) == 0) {
            published.put(id, true);
            stream.addAll(sentAgain(id, chunks));
          } else {
            published.put(id, damage(chunks));
            stream.addAll(chunks);
          }
        }
        sendSomeAgain(stream);
        streams.add(stream);
      }
      while (!streams.isEmpty()) {
        List<SnapshotChunk> stream = streams.get(random.nextInt(streams.size()));
        SnapshotChunk chunk = stream.remove(0);
        if (published.get(SnapshotId.of(chunk))) {
          good.add((long) log.size());
        }
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

    /**
     * A copy that may end early, mixed with another one that begins after it: of the same bytes, of
     * others, or the witness of the step.
     */
    private List<SnapshotChunk> sentAgain(SnapshotId id, List<SnapshotChunk> first) {
      boolean witness = random.nextInt(3) == 0;
      List<SnapshotChunk> second =
          new ArrayList<>(
              random.nextBoolean() && !witness
                  ? first
                  : chunks(snapshot(id, witness, 17), 1 + random.nextInt(4)));
      if (witness) {
        withWitness.add(id);
      }
      List<SnapshotChunk> begun =
          new ArrayList<>(first.subList(0, 1 + random.nextInt(first.size())));
      List<SnapshotChunk> mixed = new ArrayList<>(List.of(begun.remove(0)));
      while (!begun.isEmpty() || !second.isEmpty()) {
        boolean old = second.isEmpty() || (!begun.isEmpty() && random.nextBoolean());
        mixed.add((old ? begun : second).remove(0));
      }
      return mixed;
    }

    /** Sends chunks of good snapshots again somewhere behind, as after lost acknowledgements. */
    private void sendSomeAgain(List<SnapshotChunk> stream) {
      for (int times = random.nextInt(4); times > 0; times--) {
        int from = random.nextInt(stream.size());
        SnapshotId id = SnapshotId.of(stream.get(from));
        if (published.get(id)) {
          List<SnapshotChunk> all =
              stream.stream().filter(chunk -> SnapshotId.of(chunk).equals(id)).toList();
          int behind = stream.lastIndexOf(all.get(all.size() - 1)) + 1;
          int at = behind + random.nextInt(stream.size() - behind + 1);
          stream.addAll(at, all.subList(0, 1 + random.nextInt(all.size())));
        }
      }
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
              judged.add(one);
              intake.settle(one);
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
      assertThat(settledBeforeItsWitness.values()).allMatch(times -> times == 1);
      assertThat(setAside.values()).allMatch(times -> times == 1);
      assertThat(setAside.keySet()).doesNotContainAnyElementsOf(good);
    }

    private PartitionIntake takeUp() throws IOException {
      outbox.clear();
      waiting.clear();
      judged.clear();
      PartitionProgress progress =
          metadata.isEmpty()
              ? PartitionProgress.at(committed)
              : PartitionProgress.fromMetadata(committed, metadata);
      return new PartitionIntake(0, committed, progress, SETTINGS, outbox);
    }

    private void commit(PartitionIntake intake) {
      if (!intake.hasChanged()) {
        assertThat(outbox.isEmpty()).isTrue();
        return;
      }
      committed = intake.committable();
      metadata = intake.progress().toMetadata(committed);
      for (PendingSnapshot one : judged) {
        boolean last = one.snapshot().getWitness() == withWitness.contains(one.id());
        (last ? settled : settledBeforeItsWitness).merge(one.id(), 1, Integer::sum);
      }
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
      intake.committed();
      outbox.clear();
      judged.clear();
    }
  }

  private PartitionIntake intakeAt(long committed, PartitionProgress progress) {
    return new PartitionIntake(0, committed, progress, SETTINGS, outbox);
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
    Optional<PendingSnapshot> whole = intake.accept(log.get(log.size() - 1));
    whole.ifPresent(pending -> complete.put(pending.id(), pending));
    return whole;
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
