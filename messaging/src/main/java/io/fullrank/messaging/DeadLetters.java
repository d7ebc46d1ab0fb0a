package io.fullrank.messaging;

import io.fullrank.proto.Topic;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Turns records that cannot be read into records for the topic's dead letters, value and key
 * unchanged unless they are too large for it: no record may be so large that it cannot be set
 * aside.
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

  /** The most bytes of key and value that a letter has; producers and topics take 4 MiB. */
  private static final int MAX_BYTES = 3 << 20;

  private static final int MAX_REASON_CHARACTERS = 1000;

  private DeadLetters() {}

  /**
   * Returns the dead letter for a record of a topic, still to be sent: without key and value if
   * these are larger than 3 MiB, as the reason then says.
   *
   * @param topic the topic that the record was read from
   * @param reason why it cannot be read; at most 1000 characters of it are kept
   */
  public static ProducerRecord<String, byte[]> of(
      Topic topic, ConsumerRecord<String, byte[]> unreadable, String reason) {
    // Characters of a key take up to three bytes each.
    long keyBytes = unreadable.key() == null ? 0 : 3L * unreadable.key().length();
    long bytes = keyBytes + (unreadable.value() == null ? 0 : unreadable.value().length);
    boolean whole = bytes <= MAX_BYTES;
    String said =
        reason.length() <= MAX_REASON_CHARACTERS
            ? reason
            : reason.substring(0, MAX_REASON_CHARACTERS) + "…";
    if (!whole) {
      said += " (key and value are left out: up to %d bytes)".formatted(bytes);
    }
    ProducerRecord<String, byte[]> letter =
        new ProducerRecord<>(
            topic.deadLetters().name(),
            whole ? unreadable.key() : null,
            whole ? unreadable.value() : null);
    letter
        .headers()
        .add(REASON, said.getBytes(StandardCharsets.UTF_8))
        .add(SOURCE_TOPIC, unreadable.topic().getBytes(StandardCharsets.UTF_8))
        .add(
            SOURCE_PARTITION,
            Integer.toString(unreadable.partition()).getBytes(StandardCharsets.UTF_8))
        .add(SOURCE_OFFSET, Long.toString(unreadable.offset()).getBytes(StandardCharsets.UTF_8));
    return letter;
  }
}
