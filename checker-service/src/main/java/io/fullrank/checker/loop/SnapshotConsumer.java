package io.fullrank.checker.loop;

import io.fullrank.checker.configuration.CheckLoopSettings;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.proto.Topic;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.CloseOptions.GroupMembershipOperation;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads this checker's share of the topic of snapshots. Its group instance id is the checker's
 * name, so that a new one takes the place of the one before without a rebalance, and fences it.
 */
final class SnapshotConsumer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(SnapshotConsumer.class);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);

  private final Consumer<String, byte[]> consumer;
  private final BooleanSupplier leaving;

  /**
   * Creates the consumer; nothing is asked of the broker yet.
   *
   * @param leaving tells, when the consumer is closed, whether it is for good
   */
  SnapshotConsumer(KafkaConnection kafka, CheckLoopSettings settings, BooleanSupplier leaving) {
    this.leaving = leaving;
    consumer =
        kafka.consumer(
            settings.name(),
            Map.of(
                ConsumerConfig.GROUP_ID_CONFIG,
                settings.group(),
                ConsumerConfig.GROUP_INSTANCE_ID_CONFIG,
                settings.name(),
                // The protocol whose generations fence offsets sent to a transaction by a zombie.
                ConsumerConfig.GROUP_PROTOCOL_CONFIG,
                "classic",
                ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG,
                CooperativeStickyAssignor.class.getName(),
                ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG,
                10_000,
                ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG,
                2_000,
                // Chunks of 1 MB: what one poll adds beyond the memory's limit stays small.
                ConsumerConfig.MAX_POLL_RECORDS_CONFIG,
                16,
                ConsumerConfig.FETCH_MAX_BYTES_CONFIG,
                16 << 20,
                ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG,
                4 << 20));
  }

  /** Asks the group for a share of the partitions. */
  void subscribe(ConsumerRebalanceListener listener) {
    consumer.subscribe(List.of(Topic.SNAPSHOTS.name()), new FirstShare(listener));
  }

  /** Returns the next records, if there are any within a time. */
  Iterable<ConsumerRecord<String, byte[]>> poll(Duration limit) {
    return consumer.poll(limit);
  }

  /** Goes to where partitions were left, and returns what was committed there. */
  Map<TopicPartition, OffsetAndMetadata> resume(Collection<TopicPartition> assigned) {
    Map<TopicPartition, OffsetAndMetadata> known = consumer.committed(new HashSet<>(assigned));
    Map<TopicPartition, OffsetAndMetadata> begins = new HashMap<>();
    for (TopicPartition partition : assigned) {
      OffsetAndMetadata committed = known.get(partition);
      if (committed == null) {
        // Reading begins at the beginning, wherever that is.
        committed = new OffsetAndMetadata(0);
      } else {
        consumer.seek(partition, committed);
      }
      begins.put(partition, committed);
    }
    return begins;
  }

  /** Reads on in some of the assigned partitions only; the group's membership is kept anyway. */
  void readOnly(Set<TopicPartition> wanted) {
    Set<TopicPartition> others = new HashSet<>(consumer.assignment());
    others.removeAll(wanted);
    consumer.resume(wanted);
    consumer.pause(others);
  }

  /** Returns how many records are yet to be read. */
  long lag() {
    return consumer.assignment().stream()
        .mapToLong(partition -> consumer.currentLag(partition).orElse(0))
        .sum();
  }

  /** Returns what offsets sent to a transaction are checked with. */
  ConsumerGroupMetadata group() {
    return consumer.groupMetadata();
  }

  /** Closes the consumer within a bounded time. */
  @Override
  public void close() {
    GroupMembershipOperation membership =
        leaving.getAsBoolean()
            ? GroupMembershipOperation.LEAVE_GROUP
            : GroupMembershipOperation.REMAIN_IN_GROUP;
    try {
      consumer.close(CloseOptions.timeout(CLOSE_LIMIT).withGroupMembershipOperation(membership));
    } catch (RuntimeException failed) {
      LOG.warn("The consumer did not close cleanly: {}", failed.toString());
    }
  }

  /**
   * Has the group share the partitions out once more after this consumer's first share.
   *
   * <p>A partition changes hands in two rebalances: one takes it from its reader, who then asks for
   * the one that gives it to another. A reader that ends in between never asks, and the one that
   * takes its place under the same group instance id gets what is left of the share without any
   * rebalance, so that nobody would read the partition. What was shared out well stays as it is.
   */
  private final class FirstShare implements ConsumerRebalanceListener {

    private final ConsumerRebalanceListener listener;
    private boolean isFirst = true;

    FirstShare(ConsumerRebalanceListener listener) {
      this.listener = listener;
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
      listener.onPartitionsAssigned(assigned);
      if (isFirst) {
        isFirst = false;
        consumer.enforceRebalance("the one before may have ended between two rebalances");
      }
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
      listener.onPartitionsRevoked(revoked);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> lost) {
      listener.onPartitionsLost(lost);
    }
  }
}
