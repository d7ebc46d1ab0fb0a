package io.fullrank.trainer.queue;

import com.google.protobuf.InvalidProtocolBufferException;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.TopicPartitions;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.trainer.configuration.TrainerSettings;
import jakarta.annotation.PreDestroy;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/** The compacted topic of runs, as the gRPC calls use it. */
@ApplicationScoped
public class AcceptedRuns {

  /**
   * An accepted run.
   *
   * @param request the newest of its requests
   * @param partition that of every topic in which the run's records are
   * @param offset where in the topic of runs the request is
   */
  public record AcceptedRun(RunRequest request, int partition, long offset) {}

  private static final int TIMEOUT_MILLIS = 10_000;

  private final KafkaConnection kafka;
  private final TrainerSettings settings;
  private KafkaProducer<String, byte[]> producer;

  /** Connects when it is first asked for something. */
  public AcceptedRuns(KafkaConnection kafka, TrainerSettings settings) {
    this.kafka = kafka;
    this.settings = settings;
  }

  /**
   * Writes some runs, all or none.
   *
   * @throws KafkaException if the broker did not take them within ten seconds
   */
  public synchronized void write(List<RunRequest> runs) {
    try {
      if (producer == null) {
        producer = transactionalProducer();
        producer.initTransactions();
      }
      producer.beginTransaction();
      for (RunRequest run : runs) {
        producer.send(
            new ProducerRecord<>(Topic.EXPERIMENTS.name(), run.getRun(), run.toByteArray()));
      }
      producer.commitTransaction();
    } catch (KafkaException failed) {
      // A producer that failed in a transaction may not be usable; without its commit nothing
      // becomes visible.
      close();
      throw failed;
    }
  }

  /**
   * Returns a run's newest request, and where it is.
   *
   * @throws KafkaException if the broker does not answer within ten seconds
   */
  public Optional<AcceptedRun> find(String run) {
    try (KafkaConsumer<String, byte[]> consumer =
        kafka.consumer(
            settings.name() + "-find",
            Map.of(ConsumerConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, TIMEOUT_MILLIS))) {
      List<TopicPartition> partitions = TopicPartitions.of(consumer, Topic.EXPERIMENTS.name());
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      AcceptedRun found = null;
      while (ends.entrySet().stream()
          .anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
        for (ConsumerRecord<String, byte[]> received : consumer.poll(Duration.ofMillis(200))) {
          if (run.equals(received.key())) {
            // Without a value, the run was deleted.
            found = received.value() == null ? null : parse(received).orElse(found);
          }
        }
      }
      return Optional.ofNullable(found);
    }
  }

  // What does not parse is no request; the run queue puts it among the dead letters.
  private static Optional<AcceptedRun> parse(ConsumerRecord<String, byte[]> received) {
    try {
      return Optional.of(
          new AcceptedRun(
              RunRequest.parseFrom(received.value()), received.partition(), received.offset()));
    } catch (InvalidProtocolBufferException malformed) {
      return Optional.empty();
    }
  }

  /** Lets go of the broker. */
  @PreDestroy
  public synchronized void close() {
    if (producer != null) {
      producer.close(Duration.ZERO);
      producer = null;
    }
  }

  private KafkaProducer<String, byte[]> transactionalProducer() {
    return kafka.producer(
        settings.name() + "-accepted-runs",
        Map.of(
            ProducerConfig.TRANSACTIONAL_ID_CONFIG,
            settings.name() + "-accepted-runs-" + UUID.randomUUID(),
            ProducerConfig.MAX_BLOCK_MS_CONFIG,
            (long) TIMEOUT_MILLIS,
            ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG,
            TIMEOUT_MILLIS,
            ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG,
            TIMEOUT_MILLIS / 2));
  }
}
