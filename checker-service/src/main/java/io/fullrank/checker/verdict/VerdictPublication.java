package io.fullrank.checker.verdict;

import io.fullrank.messaging.KafkaConnection;
import java.time.Duration;
import java.util.Map;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Publishes what an outbox holds and commits, in the same transaction, the offsets up to which it
 * settles the snapshots. Its transactional id is the checker's name, so that a new one aborts what
 * the one before left open, and fences it.
 */
public final class VerdictPublication implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(VerdictPublication.class);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);

  private final Producer<String, byte[]> producer;

  /** Creates the producer; nothing is asked of the broker yet. */
  public VerdictPublication(KafkaConnection kafka, String checker) {
    producer =
        kafka.producer(
            checker,
            Map.of(
                ProducerConfig.TRANSACTIONAL_ID_CONFIG,
                checker,
                // A broker that does not answer must fail a transaction long before the group
                // misses polls.
                ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG,
                10_000,
                ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG,
                20_000,
                ProducerConfig.MAX_BLOCK_MS_CONFIG,
                20_000L,
                ProducerConfig.TRANSACTION_TIMEOUT_CONFIG,
                30_000));
  }

  /** Waits for the end of what this checker may have left of transactions. */
  public void begin() {
    producer.initTransactions();
  }

  /**
   * Publishes and commits, all or nothing.
   *
   * @param outbox (input) what to publish
   * @param offsets what to commit
   * @param group of the consumer that has read up to the offsets
   * @return whether it was done; false if the group has shared the partitions out anew, of which
   *     the consumer learns in its next poll: then it may be tried again
   */
  public boolean publish(
      VerdictOutbox outbox,
      Map<TopicPartition, OffsetAndMetadata> offsets,
      ConsumerGroupMetadata group) {
    producer.beginTransaction();
    for (ProducerRecord<String, byte[]> record : outbox.records()) {
      // What fails to be sent fails the transaction.
      var unused = producer.send(record);
    }
    try {
      producer.sendOffsetsToTransaction(offsets, group);
    } catch (CommitFailedException formerGeneration) {
      LOG.debug("Not published yet: {}", formerGeneration.getMessage());
      producer.abortTransaction();
      return false;
    }
    producer.commitTransaction();
    return true;
  }

  /** Closes the producer within a bounded time. */
  @Override
  public void close() {
    try {
      producer.close(CLOSE_LIMIT);
    } catch (RuntimeException failed) {
      LOG.warn("The producer did not close cleanly: {}", failed.toString());
    }
  }
}
