package io.fullrank.checker.intake;

import io.fullrank.checker.configuration.CheckLoopSettings;
import io.fullrank.checker.verdict.VerdictOutbox;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.SkipReason;
import java.io.IOException;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The partitions that the group has assigned to this checker, and what is in memory of their
 * snapshots: those that are incomplete, and those that wait for their check. Not thread-safe.
 */
public final class AssignedPartitions {

  private static final Logger LOG = LoggerFactory.getLogger(AssignedPartitions.class);

  private final CheckLoopSettings settings;
  private final VerdictOutbox outbox;
  private final Map<Integer, PartitionIntake> intakes = new TreeMap<>();
  private final WaitingSnapshots waiting;

  /**
   * Holds no partition yet.
   *
   * @param outbox takes what is decided without a check
   */
  public AssignedPartitions(CheckLoopSettings settings, VerdictOutbox outbox) {
    this.settings = settings;
    this.outbox = outbox;
    this.waiting = new WaitingSnapshots(settings.policy());
  }

  /**
   * Takes up a partition where it was left.
   *
   * @param committed where reading begins, with the text that was committed
   */
  public void assign(TopicPartition partition, OffsetAndMetadata committed) {
    intakes.put(
        partition.partition(),
        new PartitionIntake(
            partition.partition(),
            committed.offset(),
            progress(partition, committed),
            settings,
            outbox));
  }

  /** Forgets partitions, what is in memory of their snapshots, and what was to be said of them. */
  public void forget(Collection<Integer> partitions) {
    for (int partition : partitions) {
      intakes.remove(partition);
      waiting.forget(partition);
    }
    outbox.forget(partitions);
  }

  /** Returns the numbers of the partitions, in their order. */
  public Set<Integer> numbers() {
    return Collections.unmodifiableSet(intakes.keySet());
  }

  /** Takes the next records of the partitions, and gives up snapshots whose trainer is gone. */
  public void accept(Iterable<ConsumerRecord<String, byte[]>> records) {
    for (ConsumerRecord<String, byte[]> record : records) {
      intakes
          .get(record.partition())
          .accept(record)
          .ifPresent(
              complete -> waiting.add(complete).forEach(older -> supersede(older, complete)));
    }
    intakes.values().forEach(PartitionIntake::giveUpStale);
  }

  private void supersede(PendingSnapshot older, PendingSnapshot newer) {
    settle(older);
    // A witness of the same step has the same identity, and what is said of it is said once.
    if (!older.id().equals(newer.id())) {
      outbox.skip(older.partition(), older.id(), SkipReason.SKIP_REASON_SUPERSEDED);
    }
  }

  /** Removes and returns the snapshot whose turn it is to be checked. */
  public Optional<PendingSnapshot> takeNext() {
    return waiting.take();
  }

  /** Notes that a snapshot of one of the partitions has got its verdict or was skipped. */
  public void settle(PendingSnapshot snapshot) {
    intakes.get(snapshot.partition()).settle(snapshot);
  }

  /** Returns how many snapshots wait for their check. */
  public int waitingCount() {
    return waiting.size();
  }

  /** Returns the bytes of the snapshots that are incomplete or wait. */
  public long bytes() {
    return waiting.bytes()
        + intakes.values().stream().mapToLong(PartitionIntake::incompleteBytes).sum();
  }

  /** Gives up an incomplete snapshot of the partition that has the most bytes of them. */
  public void giveUpIncomplete() {
    PartitionIntake largest =
        Collections.max(
            intakes.values(), Comparator.comparingLong(PartitionIntake::incompleteBytes));
    LOG.warn(
        "Incomplete snapshots fill the memory, one is given up: raise"
            + " fullrank.checker.memory-bytes, now {}",
        settings.memoryBytes());
    largest.giveUpBegunLast();
  }

  /** Returns the partitions of which more may be read: their account of held snapshots has room. */
  public Set<TopicPartition> withRoom() {
    return intakes.entrySet().stream()
        .filter(intake -> intake.getValue().heldCount() < PartitionIntake.MOST_HELD)
        .map(intake -> partition(intake.getKey()))
        .collect(Collectors.toSet());
  }

  /** Returns what is to be committed of the partitions in which something became settled. */
  public Map<TopicPartition, OffsetAndMetadata> offsets() {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    intakes.forEach(
        (number, intake) -> {
          if (intake.hasChanged()) {
            long committed = intake.committable();
            offsets.put(
                partition(number),
                new OffsetAndMetadata(committed, intake.progress().toMetadata(committed)));
          }
        });
    return offsets;
  }

  /** Notes that all of {@link #offsets} has been committed, with what the outbox held. */
  public void committed() {
    intakes.values().forEach(PartitionIntake::committed);
    outbox.clear();
  }

  private static PartitionProgress progress(TopicPartition partition, OffsetAndMetadata committed) {
    try {
      return committed.metadata().isEmpty()
          ? PartitionProgress.at(committed.offset())
          : PartitionProgress.fromMetadata(committed.offset(), committed.metadata());
    } catch (IOException foreign) {
      LOG.warn(
          "{}: the text beside offset {} is not this checker's ({}); all behind the offset is new",
          partition,
          committed.offset(),
          foreign.getMessage());
      return PartitionProgress.at(committed.offset());
    }
  }

  private static TopicPartition partition(int number) {
    return new TopicPartition(Topic.SNAPSHOTS.name(), number);
  }
}
