package io.fullrank.cli.snapshot;

import com.google.protobuf.InvalidProtocolBufferException;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.proto.SnapshotAssembler;
import io.fullrank.proto.Topic;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.utils.Utils;

/** The snapshots that Kafka still holds, read without a group and without a trace. */
public final class PublishedSnapshots {

  private static final Duration POLL = Duration.ofSeconds(1);
  private static final int ANSWER_LIMIT_MILLIS = 20_000;
  private static final int MOST_IDLE_POLLS = 20;
  private static final int STEPS_SHOWN = 20;

  private final KafkaConnection kafka;

  /** Connects to nothing yet. */
  public PublishedSnapshots(KafkaConnection kafka) {
    this.kafka = kafka;
  }

  /**
   * Returns the newest snapshot of a run at a step.
   *
   * @throws BadInputException if there is none; the message says which steps there are
   * @throws ExecutionFailedException if the broker does not answer
   */
  public Snapshot find(String run, long step) {
    Map<String, Object> overrides =
        Map.of(ConsumerConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, ANSWER_LIMIT_MILLIS);
    try (KafkaConsumer<String, byte[]> consumer = kafka.consumer("fullrank-snapshots", overrides)) {
      List<PartitionInfo> partitions = consumer.partitionsFor(Topic.SNAPSHOTS.name());
      if (partitions.isEmpty()) {
        throw new BadInputException("%s: no stack has published snapshots there".formatted(kafka));
      }
      // As Kafka's producers choose the partition of a key.
      int number =
          Utils.toPositive(Utils.murmur2(run.getBytes(StandardCharsets.UTF_8))) % partitions.size();
      TopicPartition partition = new TopicPartition(Topic.SNAPSHOTS.name(), number);
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      long end = consumer.endOffsets(List.of(partition)).get(partition);
      Search search = new Search(run, step);
      int idle = 0;
      while (consumer.position(partition) < end) {
        ConsumerRecords<String, byte[]> records = consumer.poll(POLL);
        idle = records.isEmpty() ? idle + 1 : 0;
        if (idle == MOST_IDLE_POLLS) {
          throw new TimeoutException("it brings no records for %d s".formatted(idle));
        }
        for (ConsumerRecord<String, byte[]> each : records) {
          if (run.equals(each.key())) {
            search.take(each.value());
          }
        }
      }
      return search.result();
    } catch (KafkaException unavailable) {
      throw new ExecutionFailedException(
          "Kafka at %s does not answer: %s".formatted(kafka, unavailable.getMessage()),
          unavailable);
    }
  }

  /** What has been found so far. */
  private static final class Search {
    private final String run;
    private final long step;
    private final SnapshotAssembler assembler;
    private final TreeSet<Long> steps = new TreeSet<>();
    private Optional<Snapshot> found = Optional.empty();
    private Optional<String> problem = Optional.empty();

    Search(String run, long step) {
      this.run = run;
      this.step = step;
      this.assembler = new SnapshotAssembler(run, Long.MAX_VALUE);
    }

    void take(byte[] record) {
      try {
        SnapshotChunk chunk = SnapshotChunk.parseFrom(record);
        steps.add(chunk.getStep());
        if (chunk.getStep() == step) {
          found = assembler.accept(chunk).snapshot().or(() -> found);
        }
      } catch (InvalidProtocolBufferException | WireFormatException unusable) {
        problem = Optional.of(unusable.getMessage());
      }
    }

    Snapshot result() {
      return found.orElseThrow(() -> new BadInputException(missing()));
    }

    private String missing() {
      if (steps.isEmpty()) {
        return "Kafka holds no snapshot of a run '%s'; it keeps them for a day".formatted(run);
      }
      if (steps.contains(step)) {
        return "the snapshot of run %s at step %d is not complete%s"
            .formatted(run, step, problem.map(reason -> ": " + reason).orElse(""));
      }
      String known =
          steps.stream().limit(STEPS_SHOWN).map(String::valueOf).collect(Collectors.joining(", "));
      return "Kafka holds no snapshot of run %s at step %d; it holds those of steps %s%s"
          .formatted(run, step, known, steps.size() > STEPS_SHOWN ? ", ..." : "");
    }
  }
}
