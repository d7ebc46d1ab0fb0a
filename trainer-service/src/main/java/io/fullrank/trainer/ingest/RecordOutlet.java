package io.fullrank.trainer.ingest;

import io.fullrank.proto.Topic;
import java.util.ArrayDeque;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Writes the records of all streams. What the broker has not acknowledged is bounded: who has more
 * to write is called back when there is room. Only the worker's thread uses it.
 */
final class RecordOutlet {

  private static final long WINDOW_BYTES = 32L << 20;

  private static final long PRODUCER_BYTES = 64L << 20;

  /** What a record costs besides its value. */
  private static final int RECORD_BYTES = 512;

  private final KafkaProducer<String, byte[]> producer;
  private final Executor sender;
  private final Executor worker;
  private final Queue<Runnable> waiting = new ArrayDeque<>();
  private long unacknowledged;

  /**
   * @param producer made with {@link #producerOverrides}; closed by its owner
   * @param sender runs what may have to wait for the broker, in its order
   * @param worker runs what follows an acknowledgement
   */
  RecordOutlet(KafkaProducer<String, byte[]> producer, Executor sender, Executor worker) {
    this.producer = producer;
    this.sender = sender;
    this.worker = worker;
  }

  /** Returns the settings of a producer that never gives up on a record. */
  static Map<String, Object> producerOverrides() {
    return Map.of(
        ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG,
        Integer.MAX_VALUE,
        ProducerConfig.MAX_BLOCK_MS_CONFIG,
        Long.MAX_VALUE,
        ProducerConfig.LINGER_MS_CONFIG,
        5,
        ProducerConfig.BATCH_SIZE_CONFIG,
        1 << 20,
        ProducerConfig.BUFFER_MEMORY_CONFIG,
        PRODUCER_BYTES);
  }

  /**
   * Writes a record.
   *
   * @param acknowledged hears on the worker that the broker has it, or why it never will
   */
  void write(Topic topic, String run, byte[] value, Consumer<Optional<Exception>> acknowledged) {
    long bytes = value.length + RECORD_BYTES;
    unacknowledged += bytes;
    sender.execute(
        () -> {
          try {
            producer.send(
                new ProducerRecord<>(topic.name(), run, value),
                (metadata, failure) -> done(bytes, failure, acknowledged));
          } catch (RuntimeException refused) {
            done(bytes, refused, acknowledged);
          }
        });
  }

  private void done(long bytes, Exception failure, Consumer<Optional<Exception>> acknowledged) {
    worker.execute(
        () -> {
          unacknowledged -= bytes;
          acknowledged.accept(Optional.ofNullable(failure));
          while (hasRoom() && !waiting.isEmpty()) {
            waiting.remove().run();
          }
        });
  }

  /** Calls back when there is room for a record, at once if there is. */
  void whenRoom(Runnable action) {
    if (hasRoom() && waiting.isEmpty()) {
      action.run();
    } else {
      waiting.add(action);
    }
  }

  private boolean hasRoom() {
    return unacknowledged < WINDOW_BYTES;
  }
}
