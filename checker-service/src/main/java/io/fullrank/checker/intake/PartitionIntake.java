package io.fullrank.checker.intake;

import com.google.protobuf.InvalidProtocolBufferException;
import io.fullrank.checker.intake.PartitionProgress.Age;
import io.fullrank.checker.verdict.VerdictOutbox;
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

  private static final int MAX_RUN_LENGTH = 255;

  private final int partition;
  private final long maxSnapshotBytes;
  private final VerdictOutbox outbox;
  // Records before this offset were dealt with once; of them, only chunks of the snapshots in
  // heldBefore count.
  private final long newFrom;
  private final Set<Long> heldBefore;
  private final TreeMap<Long, SnapshotId> heldByFirstOffset = new TreeMap<>();
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
      long maxSnapshotBytes,
      VerdictOutbox outbox) {
    this.partition = partition;
    this.maxSnapshotBytes = maxSnapshotBytes;
    this.outbox = outbox;
    this.newFrom = progress.position();
    this.heldBefore = new HashSet<>(progress.held());
    this.position = committed;
    progress.newest().forEach((key, age) -> runs.put(key, new Run(Optional.of(age))));
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
    if (again && !heldBefore.contains(PartitionProgress.key(id))) {
      return Optional.empty();
    }
    Run run = run(id.run());
    if (!again && !run.expects(id)) {
      deadLetter(
          record,
          "%s: chunk %d of %d came after the snapshot was complete or given up"
              .formatted(id, chunk.getIndex(), chunk.getCount()));
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
      SnapshotAssembler.Step step = run.assembler(id.run(), maxSnapshotBytes).accept(chunk);
      step.abandoned().ifPresent(lost -> giveUp(run, lost, id));
      if (!before.equals(Optional.of(id))) {
        heldByFirstOffset.put(record.offset(), id);
        run.firstOffset = record.offset();
        run.witness = chunk.getWitness();
      }
      run.lastOffset = record.offset();
      return step.snapshot().flatMap(snapshot -> complete(run, snapshot));
    } catch (WireFormatException refused) {
      boolean refusedAlone =
          refused.fault() == Fault.DUPLICATED_CHUNK || refused.fault() == Fault.INTERLEAVED_CHUNK;
      if (again && refusedAlone) {
        return Optional.empty();
      }
      deadLetter(record, refused.getMessage());
      Set<SnapshotId> lost = new LinkedHashSet<>();
      before.filter(snapshot -> run.incomplete().isEmpty()).ifPresent(lost::add);
      if (refused.fault() != Fault.DUPLICATED_CHUNK) {
        lost.add(id);
      }
      lost.forEach(snapshot -> giveUp(run, snapshot, before.orElse(id)));
      return Optional.empty();
    }
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
    heldByFirstOffset.values().forEach(id -> held.add(PartitionProgress.key(id)));
    Map<Long, Age> newest = new LinkedHashMap<>();
    runs.forEach((key, run) -> run.newest.ifPresent(age -> newest.put(key, age)));
    return new PartitionProgress(Math.max(position, newFrom), held, newest);
  }

  /** Returns whether something became settled since this was last asked. */
  public boolean takeChanged() {
    boolean answer = changed;
    changed = false;
    return answer;
  }

  /** Notes that a held snapshot has got its verdict or was skipped. */
  public void settle(SnapshotId id) {
    heldByFirstOffset.values().remove(id);
    heldBefore.remove(PartitionProgress.key(id));
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
    run.decided(id);
    // Chunks of it that come after this have had their effect before.
    heldBefore.remove(PartitionProgress.key(id));
    if (snapshot.getWeightsCount() == 0) {
      settle(id);
      outbox.skip(id, SkipReason.SKIP_REASON_NO_WEIGHTS);
      return Optional.empty();
    }
    Snapshot kept = snapshot.toBuilder().clearGradients().build();
    return Optional.of(new PendingSnapshot(kept, kept.getSerializedSize(), partition));
  }

  private void giveUp(Run run) {
    run.incomplete().ifPresent(lost -> giveUp(run, lost, lost));
    run.assembler = null;
  }

  /** Settles a snapshot that cannot be completed any more, since a chunk of another one came. */
  private void giveUp(Run run, SnapshotId lost, SnapshotId other) {
    run.decided(lost);
    settle(lost);
    if (Long.compareUnsigned(lost.attempt(), other.attempt()) >= 0) {
      outbox.skip(lost, SkipReason.SKIP_REASON_UNREADABLE);
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
      chunk = SnapshotChunk.parseFrom(record.value());
    } catch (InvalidProtocolBufferException malformed) {
      throw new WireFormatException(
          Fault.UNPARSEABLE, "the value is no snapshot chunk: " + malformed.getMessage());
    }
    String run = chunk.getRun();
    if (run.isEmpty() || run.length() > MAX_RUN_LENGTH) {
      throw new WireFormatException(
          Fault.INVALID_CHUNK,
          "the run's name has %d characters instead of 1 to %d"
              .formatted(run.length(), MAX_RUN_LENGTH));
    }
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
    private Optional<Age> newest;
    // Null until a chunk comes: a run that is known from the committed text has no name yet.
    private SnapshotAssembler assembler;
    // These are about the incomplete snapshot.
    private long firstOffset;
    private long lastOffset;
    private boolean witness;

    Run(Optional<Age> newest) {
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

    boolean expects(SnapshotId id) {
      return newest.filter(age -> age.compareTo(Age.of(id)) >= 0).isEmpty();
    }

    void decided(SnapshotId id) {
      if (expects(id)) {
        newest = Optional.of(Age.of(id));
      }
    }
  }
}
