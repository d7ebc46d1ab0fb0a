package io.fullrank.cli.chaos;

import com.google.protobuf.InvalidProtocolBufferException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.proto.SnapshotAssembler;
import io.fullrank.proto.Topic;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.Verdict;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/**
 * What the topics hold in the end, of committed records.
 *
 * @param requests by run
 * @param results all that the attempts of a run reported, without times
 * @param weights SHA-256 of the weights of a run's snapshots, by step: one for a step, unless
 *     attempts disagree
 * @param verdicts how many there are of each
 */
record Records(
    Map<String, RunRequest> requests,
    Map<String, List<RunResult>> results,
    Map<String, TreeMap<Long, TreeSet<String>>> weights,
    Map<VerdictId, Integer> verdicts) {

  /** What may have one verdict. */
  record VerdictId(String run, long attempt, long step, String check) {}

  private static final Duration POLL = Duration.ofSeconds(1);
  private static final int MOST_IDLE_POLLS = 60;

  /**
   * Reads all topics from their beginning to their end.
   *
   * @throws ExecutionFailedException if a record cannot be read, or the broker brings none
   */
  static Records read(KafkaConnection kafka) {
    Records records =
        new Records(new HashMap<>(), new HashMap<>(), new HashMap<>(), new HashMap<>());
    Map<String, SnapshotAssembler> assemblers = new HashMap<>();
    read(kafka, Topic.EXPERIMENTS, value -> records.add(RunRequest.parseFrom(value)));
    read(kafka, Topic.PROGRESS, value -> records.add(RunEvent.parseFrom(value)));
    read(kafka, Topic.VERDICTS, value -> records.add(CheckRecord.parseFrom(value)));
    read(
        kafka,
        Topic.SNAPSHOTS,
        value -> {
          SnapshotChunk chunk = SnapshotChunk.parseFrom(value);
          records.add(
              chunk,
              assemblers.computeIfAbsent(
                  chunk.getRun(), run -> new SnapshotAssembler(run, Long.MAX_VALUE)));
        });
    return records;
  }

  private void add(RunRequest request) {
    requests.put(request.getRun(), request);
  }

  private void add(RunEvent event) {
    if (event.hasFinished()) {
      results
          .computeIfAbsent(event.getRun(), first -> new ArrayList<>())
          .add(event.getFinished().toBuilder().clearSeconds().build());
    }
  }

  private void add(CheckRecord record) {
    if (record.hasVerdict()) {
      Verdict verdict = record.getVerdict();
      verdicts.merge(
          new VerdictId(
              verdict.getRun(), verdict.getAttempt(), verdict.getStep(), verdict.getCheck()),
          1,
          Integer::sum);
    }
  }

  private void add(SnapshotChunk chunk, SnapshotAssembler assembler) {
    try {
      assembler
          .accept(chunk)
          .snapshot()
          .ifPresent(
              snapshot ->
                  weights
                      .computeIfAbsent(chunk.getRun(), first -> new TreeMap<>())
                      .computeIfAbsent(snapshot.getStep(), first -> new TreeSet<>())
                      .add(sha256(snapshot)));
    } catch (WireFormatException sentAgain) {
      // Chunks that are sent again in any order: a snapshot of which that leaves nothing is missed.
      assert sentAgain.getMessage() != null;
    }
  }

  private static String sha256(Snapshot snapshot) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (Tensor tensor : snapshot.getWeightsList()) {
        digest.update(tensor.toByteArray());
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  /** What is done with the value of a record. */
  private interface Reader {
    void take(byte[] value) throws InvalidProtocolBufferException;
  }

  private static void read(KafkaConnection kafka, Topic topic, Reader reader) {
    try (KafkaConsumer<String, byte[]> consumer = kafka.consumer("chaos-records", Map.of())) {
      List<TopicPartition> partitions =
          IntStream.range(0, topic.partitions())
              .mapToObj(number -> new TopicPartition(topic.name(), number))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      int idle = 0;
      while (partitions.stream().anyMatch(each -> consumer.position(each) < ends.get(each))) {
        ConsumerRecords<String, byte[]> records = consumer.poll(POLL);
        idle = records.isEmpty() ? idle + 1 : 0;
        if (idle == MOST_IDLE_POLLS) {
          throw new ExecutionFailedException(topic.name() + " brings no more records");
        }
        for (ConsumerRecord<String, byte[]> record : records) {
          reader.take(record.value());
        }
      }
    } catch (InvalidProtocolBufferException unreadable) {
      throw new ExecutionFailedException(
          "%s: a record cannot be read (%s)".formatted(topic.name(), unreadable.getMessage()),
          unreadable);
    }
  }
}
