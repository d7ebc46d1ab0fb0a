package io.fullrank.metrics.streams;

import io.fullrank.messaging.DeadLetters;
import io.fullrank.metrics.prometheus.FullrankMetrics;
import io.fullrank.metrics.store.HeldPartitions;
import io.fullrank.metrics.store.PartitionStores;
import io.fullrank.metrics.store.ProgressStore;
import io.fullrank.metrics.store.RunPartition;
import io.fullrank.metrics.store.RunRecord;
import io.fullrank.proto.Topic;
import io.fullrank.proto.WireFormatException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.Stores;
import org.jboss.logging.Logger;

/**
 * The way of a record: it is taken from its topic, read as a {@link RunRecord}, and folded into the
 * history of its run in the state stores of the partition; if it cannot be read, it becomes a dead
 * letter. Each record counts exactly once.
 */
public final class RunTopology {

  private static final Logger LOG = Logger.getLogger(RunTopology.class);
  private static final String PROCESSOR = "fold";
  private static final Duration CLEANING_INTERVAL = Duration.ofHours(1);
  private static final Duration STALL_INTERVAL = Duration.ofSeconds(1);

  private RunTopology() {}

  /**
   * Returns the topology.
   *
   * @param held takes the partitions in that come to this instance
   * @param metrics counts records
   * @param clock tells when records are folded, and how long runs have been silent
   */
  static Topology of(HeldPartitions held, FullrankMetrics metrics, InstantSource clock) {
    Topology topology = new Topology();
    for (Topic topic : RunRecord.SOURCES) {
      topology.addSource(
          topic.name(), new StringDeserializer(), new ByteArrayDeserializer(), topic.name());
    }
    topology.addProcessor(
        PROCESSOR,
        () -> new Fold(held, metrics, clock),
        RunRecord.SOURCES.stream().map(Topic::name).toArray(String[]::new));
    topology.addStateStore(
        Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(PartitionStores.RUNS),
                Serdes.String(),
                Serdes.ByteArray())
            // A run changes with every record, but its latest state is all that has to be written.
            .withCachingEnabled(),
        PROCESSOR);
    for (String history : List.of(PartitionStores.PROGRESS, PartitionStores.CHECKS)) {
      topology.addStateStore(
          Stores.keyValueStoreBuilder(
                  Stores.persistentKeyValueStore(history), Serdes.Bytes(), Serdes.ByteArray())
              .withCachingDisabled(),
          PROCESSOR);
    }
    for (Topic topic : RunRecord.SOURCES) {
      topology.addSink(
          topic.deadLetters().name(),
          topic.deadLetters().name(),
          new StringSerializer(),
          new ByteArraySerializer(),
          PROCESSOR);
    }
    return topology;
  }

  private static final class Fold implements Processor<String, byte[], String, byte[]> {

    private final HeldPartitions held;
    private final FullrankMetrics metrics;
    private final InstantSource clock;
    private ProcessorContext<String, byte[]> context;
    private RunPartition runs;

    Fold(HeldPartitions held, FullrankMetrics metrics, InstantSource clock) {
      this.held = held;
      this.metrics = metrics;
      this.clock = clock;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> task) {
      context = task;
      runs =
          new RunPartition(
              new PartitionStores(
                  task.getStateStore(PartitionStores.RUNS),
                  new ProgressStore(task.getStateStore(PartitionStores.PROGRESS)),
                  task.getStateStore(PartitionStores.CHECKS)),
              clock);
      held.open(partition(), runs);
      task.schedule(CLEANING_INTERVAL, PunctuationType.WALL_CLOCK_TIME, now -> runs.clean());
      task.schedule(
          STALL_INTERVAL, PunctuationType.WALL_CLOCK_TIME, now -> held.tellStalled(partition()));
    }

    @Override
    public void process(Record<String, byte[]> bytes) {
      ConsumerRecord<String, byte[]> received = received(bytes);
      Topic topic = topic(received);
      metrics.recordRead(topic);
      try {
        RunRecord record = RunRecord.read(topic, received);
        held.apply(partition(), record);
        metrics.recordTaken(record);
      } catch (WireFormatException unreadable) {
        metrics.recordUnreadable(topic);
        setAside(topic, received, unreadable.getMessage());
      }
    }

    @Override
    public void close() {
      held.close(partition(), runs);
    }

    private int partition() {
      return context.taskId().partition();
    }

    private ConsumerRecord<String, byte[]> received(Record<String, byte[]> bytes) {
      RecordMetadata source = context.recordMetadata().orElseThrow();
      return new ConsumerRecord<>(
          source.topic(),
          source.partition(),
          source.offset(),
          bytes.timestamp(),
          TimestampType.CREATE_TIME,
          ConsumerRecord.NULL_SIZE,
          ConsumerRecord.NULL_SIZE,
          bytes.key(),
          bytes.value(),
          bytes.headers(),
          Optional.empty());
    }

    private static Topic topic(ConsumerRecord<String, byte[]> received) {
      return RunRecord.SOURCES.stream()
          .filter(topic -> topic.name().equals(received.topic()))
          .findFirst()
          .orElseThrow();
    }

    private void setAside(Topic topic, ConsumerRecord<String, byte[]> unreadable, String reason) {
      ProducerRecord<String, byte[]> letter = DeadLetters.of(topic, unreadable, reason);
      LOG.warnf(
          "Unreadable record (%s, partition %d, offset %d) set aside on %s: %s",
          unreadable.topic(), unreadable.partition(), unreadable.offset(), letter.topic(), reason);
      context.forward(
          new Record<>(
              letter.key(), letter.value(), context.currentSystemTimeMs(), letter.headers()),
          letter.topic());
    }
  }
}
