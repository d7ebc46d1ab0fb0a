package io.fullrank.trainer;

import static org.awaitility.Awaitility.await;

import io.fullrank.messaging.KafkaConnection;
import io.fullrank.proto.SnapshotAssembler;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.testsupport.Waiting;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** Reads what one run published, as any client would. */
public final class TopicReader implements AutoCloseable {

  private final KafkaConsumer<String, byte[]> consumer;
  private final String run;
  private final SnapshotAssembler assembler;
  private final List<RunEvent> events = new ArrayList<>();
  private final List<Snapshot> snapshots = new ArrayList<>();
  private final List<ConsumerRecord<String, byte[]>> deadLetters = new ArrayList<>();

  public TopicReader(KafkaConnection kafka, String run) {
    this.run = run;
    this.assembler = new SnapshotAssembler(run, 1 << 30);
    consumer = kafka.consumer("reader-" + run, Map.of());
    List<TopicPartition> partitions =
        Stream.of(
                Topic.PROGRESS.name(),
                Topic.SNAPSHOTS.name(),
                Topic.EXPERIMENTS.deadLetters().name())
            .filter(consumer.listTopics()::containsKey)
            .flatMap(topic -> consumer.partitionsFor(topic).stream())
            .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
            .toList();
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
  }

  /** Reads what there is. */
  public void poll() {
    for (ConsumerRecord<String, byte[]> received : consumer.poll(Duration.ofMillis(200))) {
      try {
        if (!run.equals(received.key())) {
          continue;
        }
        if (received.topic().equals(Topic.PROGRESS.name())) {
          events.add(RunEvent.parseFrom(received.value()));
        } else if (received.topic().equals(Topic.SNAPSHOTS.name())) {
          assembler
              .accept(SnapshotChunk.parseFrom(received.value()))
              .snapshot()
              .ifPresent(snapshots::add);
        } else {
          deadLetters.add(received);
        }
      } catch (Exception unexpected) {
        throw new AssertionError("a published record cannot be read", unexpected);
      }
    }
  }

  public List<RunEvent> events() {
    return events;
  }

  public List<ConsumerRecord<String, byte[]>> deadLetters() {
    return deadLetters;
  }

  public void awaitEvent(Predicate<RunEvent> wanted, Duration limit) {
    await()
        .atMost(limit)
        .until(
            () -> {
              poll();
              return events.stream().anyMatch(wanted);
            });
  }

  public RunResult awaitResult(Duration limit) {
    awaitEvent(RunEvent::hasFinished, limit);
    return events.stream().filter(RunEvent::hasFinished).findFirst().orElseThrow().getFinished();
  }

  public List<Snapshot> awaitSnapshots(int count) {
    await()
        .atMost(Waiting.LIMIT)
        .until(
            () -> {
              poll();
              return snapshots.size() >= count;
            });
    return snapshots;
  }

  @Override
  public void close() {
    consumer.close();
  }
}
