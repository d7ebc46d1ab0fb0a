package io.fullrank.metrics;

import io.fullrank.messaging.DeadLetters;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.proto.Topic;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.TimestampType;
import org.jboss.logging.Logger;

/**
 * Sets unreadable records aside on their topic's dead letters, each once, although every start of
 * the service reads them all again: the dead letters there are have been read first, and a record
 * older than dead letters are kept had its letter, which is gone by now. Used by one thread.
 */
final class DeadLetterLog implements AutoCloseable {

  private static final Logger LOG = Logger.getLogger(DeadLetterLog.class);
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);
  // The broker has just delivered the record, so there is no point in waiting long for it.
  private static final Map<String, Object> PRODUCER =
      Map.of(ProducerConfig.MAX_BLOCK_MS_CONFIG, 5000);

  private record Source(String topic, String partition, String offset) {}

  private final KafkaConnection kafka;
  private final Clock clock;
  private final Set<Source> written = new HashSet<>();
  private KafkaProducer<String, byte[]> producer;

  DeadLetterLog(KafkaConnection kafka, Clock clock) {
    this.kafka = kafka;
    this.clock = clock;
  }

  /**
   * Takes note of a dead letter that is on its topic. Letters of unknown origin are passed over.
   */
  void learn(ConsumerRecord<String, byte[]> letter) {
    Optional<String> topic = header(letter, DeadLetters.SOURCE_TOPIC);
    Optional<String> partition = header(letter, DeadLetters.SOURCE_PARTITION);
    Optional<String> offset = header(letter, DeadLetters.SOURCE_OFFSET);
    if (topic.isPresent() && partition.isPresent() && offset.isPresent()) {
      written.add(new Source(topic.get(), partition.get(), offset.get()));
    }
  }

  /**
   * Writes the dead letter of a record unless that was done before.
   *
   * @param topic the topic that the record was read from
   * @param reason why it cannot be read
   */
  void setAside(Topic topic, ConsumerRecord<String, byte[]> unreadable, String reason) {
    String place =
        "%s, partition %d, offset %d"
            .formatted(unreadable.topic(), unreadable.partition(), unreadable.offset());
    boolean first =
        written.add(
            new Source(
                unreadable.topic(),
                Integer.toString(unreadable.partition()),
                Long.toString(unreadable.offset())));
    if (!first || isOlderThanLettersAreKept(topic, unreadable)) {
      LOG.debugf("Unreadable record (%s) passed over: it was set aside before", place);
      return;
    }
    LOG.warnf(
        "Unreadable record (%s) set aside on %s: %s", place, topic.deadLetters().name(), reason);
    Future<RecordMetadata> unused =
        producer()
            .send(
                DeadLetters.of(topic, unreadable, reason),
                (sent, failure) -> {
                  if (failure != null) {
                    LOG.errorf(
                        "The dead letter for %s could not be written, the next start tries again: %s",
                        place, failure.getMessage());
                  }
                });
  }

  /** Waits a short while for letters on their way. */
  @Override
  public void close() {
    if (producer != null) {
      producer.close(CLOSE_LIMIT);
    }
  }

  private KafkaProducer<String, byte[]> producer() {
    if (producer == null) {
      producer = kafka.producer("fullrank-metrics-dead-letters", PRODUCER);
    }
    return producer;
  }

  private boolean isOlderThanLettersAreKept(
      Topic topic, ConsumerRecord<String, byte[]> unreadable) {
    String kept = topic.deadLetters().config().get("retention.ms");
    return unreadable.timestampType() != TimestampType.NO_TIMESTAMP_TYPE
        && Instant.ofEpochMilli(unreadable.timestamp())
            .plusMillis(Long.parseLong(kept))
            .isBefore(clock.instant());
  }

  private static Optional<String> header(ConsumerRecord<String, byte[]> letter, String key) {
    Header header = letter.headers().lastHeader(key);
    return Optional.ofNullable(header)
        .map(Header::value)
        .map(bytes -> new String(bytes, StandardCharsets.UTF_8));
  }
}
