package io.fullrank.checker;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import io.fullrank.checker.configuration.CheckLoopSettings;
import io.fullrank.checker.configuration.CheckPolicy;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * The topics as one test sees them: a group that begins at their present end, a producer of chunks,
 * and what has been published (and committed) since.
 */
public final class Wire implements AutoCloseable {

  private final KafkaConnection connection;
  private final String group = "group-" + UUID.randomUUID();
  private final KafkaProducer<String, byte[]> producer;
  private final KafkaConsumer<String, byte[]> consumer;
  private final List<CheckRecord> records = new ArrayList<>();
  private final List<ConsumerRecord<String, byte[]>> deadLetters = new ArrayList<>();

  public Wire(String bootstrapServers) throws InterruptedException, ExecutionException {
    this.connection = KafkaConnection.to(bootstrapServers);
    List<Topic> topics = List.of(Topic.SNAPSHOTS, Topic.VERDICTS, Topic.SNAPSHOTS.deadLetters());
    producer = connection.producer("trainer", Map.of());
    consumer = connection.consumer("reader", Map.of());
    try (Admin admin = connection.admin("test")) {
      TopicCreation.ensure(admin, topics);
      Map<TopicPartition, OffsetAndMetadata> ends = new HashMap<>();
      consumer
          .endOffsets(partitions(Topic.SNAPSHOTS))
          .forEach((partition, end) -> ends.put(partition, new OffsetAndMetadata(end)));
      admin.alterConsumerGroupOffsets(group, ends).all().get();
    }
    consumer.assign(
        Stream.of(Topic.VERDICTS, Topic.SNAPSHOTS.deadLetters())
            .flatMap(topic -> partitions(topic).stream())
            .toList());
    consumer.seekToEnd(List.of());
    consumer.assignment().forEach(consumer::position);
  }

  public KafkaConnection connection() {
    return connection;
  }

  public CheckLoopSettings settings(CheckPolicy policy) {
    return settings(policy, 64 << 20);
  }

  public CheckLoopSettings settings(CheckPolicy policy, long memoryBytes) {
    return new CheckLoopSettings("checker-" + group, group, policy, memoryBytes, 16 << 20);
  }

  String group() {
    return group;
  }

  public void publish(Snapshot snapshot, int chunks) {
    TestSnapshots.chunks(snapshot, chunks).forEach(this::publish);
  }

  public void publish(SnapshotChunk chunk) {
    publish(chunk.getRun(), chunk.toByteArray());
  }

  public void publish(String key, byte[] value) {
    var unused = producer.send(new ProducerRecord<>(Topic.SNAPSHOTS.name(), key, value));
    producer.flush();
  }

  /** Returns all check records so far, in the order of reading. */
  public List<CheckRecord> records() {
    read();
    return records;
  }

  /** Returns all check records so far, short: run, step, and outcome or reason. */
  public List<String> summaries() {
    return records().stream().map(Wire::summary).toList();
  }

  public List<ConsumerRecord<String, byte[]>> deadLetters() {
    read();
    return deadLetters;
  }

  /** Returns the snapshots of all verdicts that a broker holds. */
  public static List<SnapshotId> allVerdicts(String bootstrapServers) {
    List<SnapshotId> ids = new ArrayList<>();
    try (KafkaConsumer<String, byte[]> consumer =
        KafkaConnection.to(bootstrapServers).consumer("auditor", Map.of())) {
      consumer.assign(partitions(Topic.VERDICTS));
      consumer.seekToBeginning(List.of());
      Map<TopicPartition, Long> ends = consumer.endOffsets(consumer.assignment());
      while (ends.entrySet().stream()
          .anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
        for (ConsumerRecord<String, byte[]> record : consumer.poll(Duration.ofMillis(50))) {
          Verdict verdict = parsed(record).getVerdict();
          ids.add(new SnapshotId(verdict.getRun(), verdict.getAttempt(), verdict.getStep()));
        }
      }
    }
    return ids;
  }

  /** Asserts that nothing of the group's is left to do: all that was published is settled. */
  public void assertAllCommitted() throws InterruptedException, ExecutionException {
    try (Admin admin = connection.admin("test")) {
      Map<TopicPartition, OffsetAndMetadata> committed =
          admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
      consumer
          .endOffsets(partitions(Topic.SNAPSHOTS))
          .forEach(
              (partition, end) ->
                  assertThat(committed.get(partition).offset()).as("%s", partition).isEqualTo(end));
    }
  }

  @Override
  public void close() {
    producer.close();
    consumer.close();
  }

  private void read() {
    Map<TopicPartition, Long> ends = consumer.endOffsets(consumer.assignment());
    while (ends.entrySet().stream()
        .anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
      for (ConsumerRecord<String, byte[]> record : consumer.poll(Duration.ofMillis(50))) {
        if (record.topic().equals(Topic.VERDICTS.name())) {
          records.add(parsed(record));
        } else {
          deadLetters.add(record);
        }
      }
    }
  }

  private static CheckRecord parsed(ConsumerRecord<String, byte[]> record) {
    try {
      CheckRecord parsed = CheckRecord.parseFrom(record.value());
      assertThat(record.key())
          .isEqualTo(
              parsed.hasVerdict() ? parsed.getVerdict().getRun() : parsed.getSkipped().getRun());
      return parsed;
    } catch (InvalidProtocolBufferException malformed) {
      throw new AssertionError(malformed);
    }
  }

  private static String summary(CheckRecord record) {
    return record.hasVerdict()
        ? "%s %d %s"
            .formatted(
                record.getVerdict().getRun(),
                record.getVerdict().getStep(),
                record.getVerdict().getCertificate().getOutcome().name().substring(8))
        : "%s %d %s"
            .formatted(
                record.getSkipped().getRun(),
                record.getSkipped().getStep(),
                record.getSkipped().getReason().name().substring(12));
  }

  private static List<TopicPartition> partitions(Topic topic) {
    List<TopicPartition> partitions = new ArrayList<>();
    for (int partition = 0; partition < topic.partitions(); partition++) {
      partitions.add(new TopicPartition(topic.name(), partition));
    }
    return partitions;
  }
}
