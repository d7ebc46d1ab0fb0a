package io.fullrank.metrics.streams;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import io.fullrank.metrics.store.HeldPartitions;
import io.fullrank.metrics.store.RunChanges;
import io.fullrank.metrics.store.RunRecord;
import io.fullrank.proto.Topic;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.testsupport.hostile.HostileInputs;
import io.fullrank.testsupport.hostile.HostileInputs.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Records of all topics, changed at random, on their way into the stores. */
class HostileRecordsTest {

  private static final Path GOLDEN = Path.of("../proto/src/test/resources/golden");

  @ParameterizedTest
  @CsvSource({"EXPERIMENTS, run_request", "PROGRESS, run_event", "VERDICTS, check_record"})
  void areFoldedOrRefused(String topicName, String prefix) throws IOException {
    Topic topic =
        switch (topicName) {
          case "EXPERIMENTS" -> Topic.EXPERIMENTS;
          case "PROGRESS" -> Topic.PROGRESS;
          default -> Topic.VERDICTS;
        };
    HeldPartitions held = InMemory.heldPartitions(new RunChanges(), () -> InMemory.NOW);
    HostileInputs hostile =
        new HostileInputs(17, golden(prefix), Set.of(WireFormatException.class), 1 << 20);

    Outcome outcome =
        hostile.give(
            10_000,
            bytes ->
                InMemory.apply(
                    held,
                    RunRecord.read(
                        topic,
                        new ConsumerRecord<>(topic.name(), 0, 0, key(topic, bytes), bytes))));

    assertThat(outcome.read()).isPositive();
    assertThat(outcome.refused()).isPositive();
  }

  /** The key of the run that a record is about, as its writer would give it. */
  private static String key(Topic topic, byte[] bytes) {
    try {
      if (topic.equals(Topic.EXPERIMENTS)) {
        return RunRequest.parseFrom(bytes).getRun();
      }
      if (topic.equals(Topic.PROGRESS)) {
        return RunEvent.parseFrom(bytes).getRun();
      }
      CheckRecord record = CheckRecord.parseFrom(bytes);
      return record.hasVerdict() ? record.getVerdict().getRun() : record.getSkipped().getRun();
    } catch (InvalidProtocolBufferException malformed) {
      return "run";
    }
  }

  private static List<byte[]> golden(String prefix) throws IOException {
    List<byte[]> inputs = new ArrayList<>();
    try (Stream<Path> files = Files.list(GOLDEN)) {
      for (Path file :
          files
              .filter(path -> path.getFileName().toString().startsWith(prefix))
              .sorted()
              .toList()) {
        inputs.add(Files.readAllBytes(file));
      }
    }
    return inputs;
  }
}
