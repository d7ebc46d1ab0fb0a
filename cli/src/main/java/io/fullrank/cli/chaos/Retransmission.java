package io.fullrank.cli.chaos;

import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.proto.Topic;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;

/** Sends the latest chunks of snapshots once more, in another order. */
final class Retransmission {

  private static final Duration POLL = Duration.ofSeconds(2);
  private static final int MOST_POLLS = 60;
  private static final int RECORDS = 10;

  private Retransmission() {}

  /**
   * Sends what the end of each partition holds again, and waits until the broker has it.
   *
   * @throws ExecutionFailedException if there is nothing to send, or the broker does not take it
   */
  static void of(KafkaConnection kafka, long seed) throws InterruptedException {
    List<ConsumerRecord<String, byte[]>> chunks = latest(kafka);
    Collections.shuffle(chunks, new Random(seed));
    try (KafkaProducer<String, byte[]> producer = kafka.producer("chaos-chunks", Map.of())) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (ConsumerRecord<String, byte[]> chunk : chunks) {
        sent.add(
            producer.send(
                new ProducerRecord<>(
                    chunk.topic(), chunk.partition(), chunk.key(), chunk.value())));
      }
      for (Future<RecordMetadata> each : sent) {
        each.get();
      }
    } catch (ExecutionException failed) {
      throw new ExecutionFailedException(
          "chunks could not be sent again: " + failed.getCause().getMessage(), failed);
    }
  }

  private static List<ConsumerRecord<String, byte[]>> latest(KafkaConnection kafka) {
    List<ConsumerRecord<String, byte[]>> latest = new ArrayList<>();
    try (KafkaConsumer<String, byte[]> consumer = kafka.consumer("chaos-chunks", Map.of())) {
      List<TopicPartition> partitions =
          IntStream.range(0, Topic.SNAPSHOTS.partitions())
              .mapToObj(number -> new TopicPartition(Topic.SNAPSHOTS.name(), number))
              .toList();
      consumer.assign(partitions);
      consumer
          .endOffsets(partitions)
          .forEach((partition, end) -> consumer.seek(partition, Math.max(0, end - RECORDS)));
      for (int polls = 0; latest.isEmpty() && polls < MOST_POLLS; polls++) {
        consumer.poll(POLL).forEach(latest::add);
      }
    }
    if (latest.isEmpty()) {
      throw new ExecutionFailedException("no chunks came that could be sent again");
    }
    return latest;
  }
}
