package io.fullrank.messaging;

import io.fullrank.proto.Topic;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Turns records that cannot be read into records for the topic's dead letters, value and key
 * unchanged.
 */
public final class DeadLetters {

  /** Header: why the record was set aside, in words. */
  public static final String REASON = "fullrank.reason";

  /** Header: the topic it was read from. */
  public static final String SOURCE_TOPIC = "fullrank.source.topic";

  /** Header: the partition it was read from, in decimal. */
  public static final String SOURCE_PARTITION = "fullrank.source.partition";

  /** Header: the offset it was read from, in decimal. */
  public static final String SOURCE_OFFSET = "fullrank.source.offset";

  private DeadLetters() {}

  /**
   * Returns the dead letter for a record of a topic, still to be sent.
   *
   * @param topic the topic that the record was read from
   * @param reason why it cannot be read
   */
  public static ProducerRecord<String, byte[]> of(
      Topic topic, ConsumerRecord<String, byte[]> unreadable, String reason) {
    ProducerRecord<String, byte[]> letter =
        new ProducerRecord<>(topic.deadLetters().name(), unreadable.key(), unreadable.value());
    letter
        .headers()
        .add(REASON, reason.getBytes(StandardCharsets.UTF_8))
        .add(SOURCE_TOPIC, unreadable.topic().getBytes(StandardCharsets.UTF_8))
        .add(
            SOURCE_PARTITION,
            Integer.toString(unreadable.partition()).getBytes(StandardCharsets.UTF_8))
        .add(SOURCE_OFFSET, Long.toString(unreadable.offset()).getBytes(StandardCharsets.UTF_8));
    return letter;
  }
}
