package io.fullrank.checker.intake;

import com.google.protobuf.DiscardUnknownFieldsParser;
import com.google.protobuf.InvalidProtocolBufferException;
import io.fullrank.checker.configuration.CheckLoopSettings;
import io.fullrank.checker.intake.PartitionProgress.Age;
import io.fullrank.checker.intake.PartitionProgress.Decided;
import io.fullrank.checker.verdict.VerdictOutbox;
import io.fullrank.checker.verdict.Verdicts;
import io.fullrank.network.experiment.ChosenChecks;
import io.fullrank.proto.RunName;
import io.fullrank.proto.SnapshotAssembler;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.WireFormatException.Fault;
import io.fullrank.proto.v1.SkipReason;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * The reading side of one partition: joins chunks to snapshots and keeps account of what may be
 * committed ({@link PartitionProgress} has the rule).
 *
 * <p>A snapshot is <i>held</i> from its first chunk until it is <i>settled</i>: judged, skipped or
 * given up. It is given up as unreadable when one of its chunks is damaged or missing, or when a
 * newer snapshot of the same attempt begins before it is complete. A trainer counts a snapshot as
 * dropped only if it handed none of its chunks to the broker, so nothing is counted twice. An older
 * attempt that died half-way is forgotten silently: the new attempt counts from the start.
 *
 * <p>A snapshot that is sent again, as after a lost acknowledgement, has no effect once it was
 * complete or given up; before, its copies complete or replace each other ({@link
 * SnapshotAssembler}). A witness counts as newer than another snapshot of its step, so that it is
 * judged as one whatever came before it.
 */
public final class PartitionIntake {

  /** With this many held snapshots or more, no more should be read from the partition. */
  public static final int MOST_HELD = 96;

  // With at most this many runs, and MOST_HELD snapshots and a batch of records, the committed text
  // stays under 4 KiB.
  private static final int RUNS_REMEMBERED = 64;

  // A snapshot's chunks are published together: when this many other records have come since the
  // last chunk, its trainer is gone, and it must not hold back the committed offset for ever.
  private static final long PATIENCE_RECORDS = 10_000;

  private final int partition;
  private final CheckLoopSettings settings;
  private final VerdictOutbox outbox;
  // Records before this offset were dealt with once; of them, only chunks of the snapshots in
  // heldBefore count.
  private final long newFrom;
  private final Set<Long> heldBefore;
  // The keys of the snapshots that are held.
  private final TreeMap<Long, Long> heldByFirstOffset = new TreeMap<>();
  // The run whose chunk came last is the last.
  private final Map<Long, Run> runs = new LinkedHashMap<>(16, 0.75f, true);
  private long position;
  private boolean changed;

  /**
   * Takes up a partition where it was left.
   *
   * @param committed the committed offset, where reading begins
   * @param progress what was committed with it
   */
  public PartitionIntake(
      int partition,
      long committed,
      PartitionProgress progress,
      CheckLoopSettings settings,
      VerdictOutbox outbox) {
    this.partition = partition;
    this.settings = settings;
    this.outbox = outbox;
    this.newFrom = progress.position();
    this.heldBefore = new HashSet<>(progress.held());
    this.position = committed;
    progress.newest().forEach((key, newest) -> runs.put(key, new Run(Optional.of(newest))));
  }

  /**
   * Takes the next record. What it leads to besides a snapshot that wants its check goes to the
   * outbox.
   */
  public Optional<PendingSnapshot> accept(ConsumerRecord<String, byte[]> record) {
    position = record.offset() + 1;
    boolean again = record.offset() < newFrom;
    if (!again) {
      // Snapshots that have not come again by now are gone from the topic.
      heldBefore.clear();
    }
    SnapshotChunk chunk;
    try {
      chunk = parse(record);
    } catch (WireFormatException unreadable) {
      if (!again) {
        deadLetter(record, unreadable.getMessage());
      }
      return Optional.empty();
    }
    SnapshotId id = SnapshotId.of(chunk);
    if (again && !wasHeld(id, chunk.getWitness())) {
      return Optional.empty();
    }
    Run run = run(id.run());
    Age age = Age.of(id, chunk.getWitness());
    if (!again && !run.expects(age)) {
      changed = true;
      if (run.isRestOfDamaged(age, chunk)) {
        deadLetter(
            record,
            "%s: chunk %d of %d came after the snapshot was given up"
                .formatted(id, chunk.getIndex(), chunk.getCount()));
      }
      return Optional.empty();
    }
    return join(record, again, run, id, chunk);
  }

  private Optional<PendingSnapshot> join(
      ConsumerRecord<String, byte[]> record,
      boolean again,
      Run run,
      SnapshotId id,
      SnapshotChunk chunk) {
    Optional<SnapshotId> before = run.incomplete();
    try {
      SnapshotAssembler.Step step =
          run.assembler(id.run(), settings.maxSnapshotBytes()).accept(chunk);
      step.abandoned().ifPresent(lost -> giveUpIncomplete(run, lost, id));
      if (!before.equals(Optional.of(id))) {
        run.firstOffset = record.offset();
      }
      heldByFirstOffset.put(run.firstOffset, PartitionProgress.key(id, chunk.getWitness()));
      run.witness = chunk.getWitness();
      run.lastOffset = record.offset();
      return step.snapshot().flatMap(snapshot -> complete(run, snapshot));
    } catch (WireFormatException refused) {
      refuse(record, again, refused, run, before, chunk);
      return Optional.empty();
    }
  }

  private void refuse(
      ConsumerRecord<String, byte[]> record,
      boolean again,
      WireFormatException refused,
      Run run,
      Optional<SnapshotId> before,
      SnapshotChunk chunk) {
    Fault fault = refused.fault();
    boolean sentAgain = fault == Fault.DUPLICATED_CHUNK || fault == Fault.OTHER_COPY;
    if (sentAgain || (again && fault == Fault.INTERLEAVED_CHUNK)) {
      return;
    }
    SnapshotId id = SnapshotId.of(chunk);
    boolean tooLarge = fault == Fault.TOO_LARGE && chunk.getTotalBytes() > 0;
    if (!tooLarge) {
      deadLetter(record, refused.getMessage());
    }
    SnapshotId other = before.orElse(id);
    boolean begunBefore = before.equals(Optional.of(id));
    if (before.isPresent() && run.incomplete().isEmpty()) {
      heldByFirstOffset.remove(run.firstOffset);
      if (!(tooLarge && begunBefore)) {
        giveUp(run, before.get(), run.witness, other, true);
      }
    }
    if (tooLarge) {
      refuseTooLarge(run, chunk);
    } else if (!begunBefore) {
      giveUp(run, id, chunk.getWitness(), other, true);
    }
  }

  /** Nothing is wrong with such a snapshot: it gets its verdict, which says what to do. */
  private void refuseTooLarge(Run run, SnapshotChunk chunk) {
    SnapshotId id = SnapshotId.of(chunk);
    settle(run, id, chunk.getWitness(), false);
    Snapshot.Builder described =
        Snapshot.newBuilder().setStep(id.step()).setWitness(chunk.getWitness());
    described.getHeaderBuilder().setRun(id.run()).setAttempt(id.attempt());
    outbox.verdict(
        partition,
        Verdicts.undetermined(
            described.build(),
            settings.name(),
            ChosenChecks.EXPRESSIVITY,
            "the snapshot has %d bytes, this checker accepts at most %d: raise its"
                    .formatted(chunk.getTotalBytes(), settings.maxSnapshotBytes())
                + " fullrank.checker.max-snapshot-bytes"));
  }

  /** Returns the offset that may be committed: all before it is settled. */
  public long committable() {
    if (!heldByFirstOffset.isEmpty()) {
      return heldByFirstOffset.firstKey();
    }
    return heldBefore.isEmpty() ? Math.max(position, newFrom) : position;
  }

  /** Returns what is to be committed with {@link #committable}. */
  public PartitionProgress progress() {
    Set<Long> held = new LinkedHashSet<>(heldBefore);
    held.addAll(heldByFirstOffset.values());
    Map<Long, Decided> newest = new LinkedHashMap<>();
    runs.forEach((key, run) -> run.newest.ifPresent(decided -> newest.put(key, decided)));
    return new PartitionProgress(Math.max(position, newFrom), held, newest);
  }

  /** Returns whether something became settled since the last {@link #committed}. */
  public boolean hasChanged() {
    return changed;
  }

  /** Notes that {@link #committable} and {@link #progress} have been committed. */
  public void committed() {
    changed = false;
  }

  /** Notes that a held snapshot has got its verdict or was skipped. */
  public void settle(PendingSnapshot snapshot) {
    heldByFirstOffset.remove(snapshot.firstOffset());
    changed = true;
  }

  /** Gives up incomplete snapshots whose trainer is gone. */
  public void giveUpStale() {
    List<Run> stale =
        runs.values().stream()
            .filter(run -> run.incomplete().isPresent())
            .filter(run -> position - run.lastOffset > PATIENCE_RECORDS)
            .toList();
    stale.forEach(this::giveUp);
  }

  /**
   * Gives up the incomplete snapshot that is farthest from its end, for when memory is full of
   * incomplete ones: the one begun last, and no witness where there is a choice.
   *
   * @return whether there was one
   */
  public boolean giveUpBegunLast() {
    Optional<Run> last =
        runs.values().stream()
            .filter(run -> run.incomplete().isPresent())
            .min(
                Comparator.<Run, Boolean>comparing(run -> run.witness)
                    .thenComparing(run -> -run.firstOffset));
    last.ifPresent(this::giveUp);
    return last.isPresent();
  }

  /** Returns the number of held snapshots. */
  public int heldCount() {
    return heldByFirstOffset.size();
  }

  /** Returns the bytes of the incomplete snapshots. */
  public long incompleteBytes() {
    return runs.values().stream().mapToLong(Run::incompleteBytes).sum();
  }

  private Optional<PendingSnapshot> complete(Run run, Snapshot snapshot) {
    SnapshotId id = SnapshotId.of(snapshot);
    run.decided(Age.of(id, snapshot.getWitness()), false);
    // Chunks of it that come after this have had their effect before.
    forgetHeldBefore(id, snapshot.getWitness());
    boolean external = Verdicts.isExternal(snapshot);
    Snapshot.Builder judged = snapshot.toBuilder().clearGradients();
    Snapshot kept =
        (external ? judged.clearWeights() : judged.clearFeatures().clearFactors()).build();
    PendingSnapshot pending =
        new PendingSnapshot(kept, kept.getSerializedSize(), partition, run.firstOffset);
    Optional<SkipReason> skip = skip(kept, external);
    if (skip.isPresent()) {
      settle(pending);
      outbox.skip(partition, id, skip.get());
      return Optional.empty();
    }
    return Optional.of(pending);
  }

  /** Says why there is nothing to judge; such a snapshot supersedes none that is to be judged. */
  private static Optional<SkipReason> skip(Snapshot kept, boolean external) {
    if (external && kept.getFeatures().getData().isEmpty() && !kept.hasFactors()) {
      return Optional.of(SkipReason.SKIP_REASON_NO_FEATURES);
    }
    if (!external && kept.getWeightsCount() == 0) {
      return Optional.of(SkipReason.SKIP_REASON_NO_WEIGHTS);
    }
    return ChosenChecks.dueAt(kept).isEmpty()
        ? Optional.of(SkipReason.SKIP_REASON_NOT_DUE)
        : Optional.empty();
  }

  private void giveUp(Run run) {
    run.incomplete().ifPresent(lost -> giveUpIncomplete(run, lost, lost));
    run.assembler = null;
  }

  private void giveUpIncomplete(Run run, SnapshotId lost, SnapshotId other) {
    heldByFirstOffset.remove(run.firstOffset);
    giveUp(run, lost, run.witness, other, false);
  }

  /** Settles a snapshot that cannot be completed any more, since a chunk of another one came. */
  private void giveUp(
      Run run, SnapshotId lost, boolean witness, SnapshotId other, boolean damaged) {
    settle(run, lost, witness, damaged);
    if (Long.compareUnsigned(lost.attempt(), other.attempt()) >= 0) {
      outbox.skip(partition, lost, SkipReason.SKIP_REASON_UNREADABLE);
    }
  }

  private void settle(Run run, SnapshotId id, boolean witness, boolean damaged) {
    run.decided(Age.of(id, witness), damaged);
    forgetHeldBefore(id, witness);
    changed = true;
  }

  private boolean wasHeld(SnapshotId id, boolean witness) {
    return heldBefore.contains(PartitionProgress.key(id, witness))
        // As it stands in texts from before witnesses had a key of their own.
        || (witness && heldBefore.contains(PartitionProgress.key(id, false)));
  }

  private void forgetHeldBefore(SnapshotId id, boolean witness) {
    heldBefore.remove(PartitionProgress.key(id, false));
    if (witness) {
      heldBefore.remove(PartitionProgress.key(id, true));
    }
  }

  private void deadLetter(ConsumerRecord<String, byte[]> record, String reason) {
    outbox.deadLetter(record, reason);
    changed = true;
  }

  private Run run(String name) {
    long key = PartitionProgress.key(name);
    Run run = runs.computeIfAbsent(key, first -> new Run(Optional.empty()));
    if (runs.size() > RUNS_REMEMBERED) {
      Map.Entry<Long, Run> silentForLongest = runs.entrySet().iterator().next();
      giveUp(silentForLongest.getValue());
      runs.remove(silentForLongest.getKey());
    }
    return run;
  }

  private static SnapshotChunk parse(ConsumerRecord<String, byte[]> record)
      throws WireFormatException {
    if (record.value() == null) {
      throw new WireFormatException(Fault.UNPARSEABLE, "the record has no value");
    }
    SnapshotChunk chunk;
    try {
      chunk = DiscardUnknownFieldsParser.wrap(SnapshotChunk.parser()).parseFrom(record.value());
    } catch (InvalidProtocolBufferException malformed) {
      throw new WireFormatException(
          Fault.UNPARSEABLE, "the value is no snapshot chunk: " + malformed.getMessage());
    }
    String run = chunk.getRun();
    RunName.require(run);
    if (!run.equals(record.key())) {
      throw new WireFormatException(
          Fault.INVALID_CHUNK,
          "the record's key is '%s', its chunk belongs to run '%s'".formatted(record.key(), run));
    }
    return chunk;
  }

  /** What is known of one run. */
  private static final class Run {
    // The newest snapshot that was complete or given up.
    private Optional<Decided> newest;
    // Null until a chunk comes: a run that is known from the committed text has no name yet.
    private SnapshotAssembler assembler;
    // These are about the incomplete snapshot.
    private long firstOffset;
    private long lastOffset;
    private boolean witness;

    Run(Optional<Decided> newest) {
      this.newest = newest;
    }

    SnapshotAssembler assembler(String name, long maxSnapshotBytes) {
      if (assembler == null) {
        assembler = new SnapshotAssembler(name, maxSnapshotBytes);
      }
      return assembler;
    }

    Optional<SnapshotId> incomplete() {
      return assembler == null ? Optional.empty() : assembler.incomplete();
    }

    long incompleteBytes() {
      return assembler == null ? 0 : assembler.bytesHeld();
    }

    boolean expects(Age age) {
      return newest.filter(decided -> decided.age().compareTo(age) >= 0).isEmpty();
    }

    void decided(Age age, boolean damaged) {
      if (expects(age)) {
        newest = Optional.of(new Decided(age, damaged));
      }
    }

    /** Whether a chunk that is not expected belongs to what was damaged, and is not sent again. */
    boolean isRestOfDamaged(Age age, SnapshotChunk chunk) {
      if (!newest.equals(Optional.of(new Decided(age, true)))) {
        return false;
      }
      if (chunk.getIndex() == 0) {
        newest = Optional.of(new Decided(age, false));
      }
      return chunk.getIndex() != 0;
    }
  }
}
