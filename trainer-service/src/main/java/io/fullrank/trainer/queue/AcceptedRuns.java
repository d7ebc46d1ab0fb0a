package io.fullrank.trainer.queue;

import com.google.protobuf.InvalidProtocolBufferException;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.TopicPartitions;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.trainer.configuration.TrainerSettings;
import jakarta.annotation.PreDestroy;
import jakarta.enterprise.context.ApplicationScoped;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.utils.Utils;

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

  /** Offsets that are read at a time. */
  private static final long BLOCK = 500;

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
   * Returns a run's newest request, and where it is. Reads the run's partition from its end, block
   * by block, as most runs that are asked for are recent.
   *
   * @throws KafkaException if the broker does not answer, or nothing comes for ten seconds
   */
  public Optional<AcceptedRun> find(String run) {
    try (KafkaConsumer<String, byte[]> consumer =
        kafka.consumer(
            settings.name() + "-find",
            Map.of(ConsumerConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, TIMEOUT_MILLIS))) {
      TopicPartition partition =
          partition(run, TopicPartitions.of(consumer, Topic.EXPERIMENTS.name()));
      Set<TopicPartition> alone = Set.of(partition);
      consumer.assign(alone);
      long beginning = consumer.beginningOffsets(alone).get(partition);
      long end = consumer.endOffsets(alone).get(partition);
      while (end > beginning) {
        long from = Math.max(beginning, end - BLOCK);
        Optional<ConsumerRecord<String, byte[]>> newest =
            newest(run, consumer, partition, from, end);
        if (newest.isPresent()) {
          // Without a value, the run was deleted.
          return newest.filter(found -> found.value() != null).flatMap(AcceptedRuns::parse);
        }
        end = from;
      }
      return Optional.empty();
    }
  }

  /** As producers choose it, which know nothing but the key. */
  private static TopicPartition partition(String run, List<TopicPartition> partitions) {
    int number =
        Utils.toPositive(Utils.murmur2(run.getBytes(StandardCharsets.UTF_8))) % partitions.size();
    return partitions.stream()
        .filter(partition -> partition.partition() == number)
        .findFirst()
        .orElseThrow();
  }

  /** Returns the last readable record of a run between two offsets. */
  private static Optional<ConsumerRecord<String, byte[]>> newest(
      String run,
      KafkaConsumer<String, byte[]> consumer,
      TopicPartition partition,
      long from,
      long end) {
    Optional<ConsumerRecord<String, byte[]>> newest = Optional.empty();
    consumer.seek(partition, from);
    long moved = System.nanoTime();
    for (long position = from; position < end; position = consumer.position(partition)) {
      for (ConsumerRecord<String, byte[]> received : consumer.poll(Duration.ofMillis(200))) {
        if (run.equals(received.key())
            && received.offset() < end
            && (received.value() == null || parse(received).isPresent())) {
          newest = Optional.of(received);
        }
      }
      if (consumer.position(partition) > position) {
        moved = System.nanoTime();
      } else if (System.nanoTime() - moved > Duration.ofMillis(TIMEOUT_MILLIS).toNanos()) {
        throw new TimeoutException("nothing came for %d ms".formatted(TIMEOUT_MILLIS));
      }
    }
    return newest;
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
