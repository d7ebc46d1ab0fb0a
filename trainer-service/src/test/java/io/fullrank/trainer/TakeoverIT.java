package io.fullrank.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.util.Timestamps;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.TopicCreation;
import io.fullrank.network.experiment.ExperimentFile;
import io.fullrank.network.state.UnusableCheckpointException;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Variant;
import io.fullrank.testsupport.FreePort;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.process.JavaCommand;
import io.fullrank.testsupport.process.JavaProcess;
import io.fullrank.trainer.checkpoint.CheckpointFile;
import io.fullrank.trainer.checkpoint.CheckpointFolder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two packaged trainers share the runs of an experiment. One of them is killed in the middle of
 * phase 2; the other one has the same runs besides, and finishes both.
 */
class TakeoverIT {

  private static final Duration LIMIT = Waiting.LIMIT;
  private static final String GROUP = "takeover";
  private static final int EPOCHS = 1500;
  private static final long STEPS_PER_EPOCH = 5;

  @TempDir Path folder;

  @Test
  void theOtherTrainerFinishesTheRunsOfAKilledOneWithTheSameBits() throws Exception {
    try (EmbeddedKafka kafka = EmbeddedKafka.start(folder.resolve("kafka"), FreePort.any())) {
      KafkaConnection connection = KafkaConnection.to(kafka.bootstrapServers());
      try (Admin admin = connection.admin("test")) {
        TopicCreation.ensure(admin, Topic.ALL);
        try (JavaProcess first = start(kafka, "first");
            JavaProcess second = start(kafka, "second")) {
          shareKillAndFinish(connection, admin, first, second);
        }
      }
    }
  }

  @Test
  void aTrainerThatIsAskedToStopGoesOnWhereItStopped() throws Exception {
    try (EmbeddedKafka kafka = EmbeddedKafka.start(folder.resolve("kafka"), FreePort.any())) {
      KafkaConnection connection = KafkaConnection.to(kafka.bootstrapServers());
      try (Admin admin = connection.admin("test")) {
        TopicCreation.ensure(admin, Topic.ALL);
      }
      String run = "asked.base.1";
      try (TopicReader reader = new TopicReader(connection, run)) {
        submit(connection, request(run, Variant.VARIANT_BASE));
        // Seldom enough that none but the one at the end can be the last.
        JavaProcess first = start(kafka, "first", "-Dfullrank.trainer.checkpoint-interval=PT1H");
        reader.awaitEvent(RunEvent::hasProgress, LIMIT);
        // SIGTERM, as from an operating system or Kubernetes.
        first.close();
        List<CheckpointFile> files = checkpointsOf(run);
        assertThat(files).as(first.log()).hasSize(1);
        try (JavaProcess second = start(kafka, "second")) {
          assertThat(reader.awaitResult(LIMIT).getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
          assertThat(second.isAlive()).isTrue();
        }
        assertThat(reader.events().stream().filter(RunEvent::hasProgress))
            .extracting(event -> event.getProgress().getStep())
            .doesNotHaveDuplicates()
            .hasSize(EPOCHS);
        // The checkpoint is of the step at which the first one stopped.
        long last =
            reader.events().stream()
                .filter(event -> event.getAttempt() == reader.events().get(0).getAttempt())
                .mapToLong(event -> event.getProgress().getStep())
                .max()
                .orElseThrow();
        assertThat(files.get(0).step()).isBetween(last, last + STEPS_PER_EPOCH - 1);
      }
    }
  }

  private void shareKillAndFinish(
      KafkaConnection connection, Admin admin, JavaProcess first, JavaProcess second)
      throws Exception {
    await()
        .atMost(LIMIT)
        // The group is not there before its first member.
        .ignoreExceptionsMatching(failed -> failed.getCause() instanceof GroupIdNotFoundException)
        .untilAsserted(
            () -> {
              assertThat(first.isAlive()).as(first.log()).isTrue();
              assertThat(second.isAlive()).as(second.log()).isTrue();
              assertThat(partitions(admin, "first")).hasSize(3);
              assertThat(partitions(admin, "second")).hasSize(3);
            });
    Set<Integer> ofFirst = partitions(admin, "first");
    String taken = name("two-phase", ofFirst, true);
    String kept = name("two-phase", ofFirst, false);
    String takenBase = name("base", ofFirst, true);
    String keptBase = name("base", ofFirst, false);
    try (WitnessCheck checker = new WitnessCheck(connection, taken, kept);
        TopicReader ofTaken = new TopicReader(connection, taken);
        TopicReader ofKept = new TopicReader(connection, kept);
        TopicReader ofTakenBase = new TopicReader(connection, takenBase);
        TopicReader ofKeptBase = new TopicReader(connection, keptBase)) {
      submit(
          connection,
          request(taken, Variant.VARIANT_TWO_PHASE),
          request(kept, Variant.VARIANT_TWO_PHASE),
          request(takenBase, Variant.VARIANT_BASE),
          request(keptBase, Variant.VARIANT_BASE));
      await().atMost(LIMIT).pollInterval(Duration.ofMillis(50)).until(() -> inPhaseTwo(taken));
      first.kill();

      RunResult result = ofTaken.awaitResult(LIMIT);
      assertThat(checker.failure()).isEmpty();
      assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
      assertThat(result.getGuarantee().getStatement())
          .as(result.getGuarantee().getReason())
          .isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_BOUND);
      assertThat(result.getGuarantee().getHeld()).isTrue();
      assertSame(ofTaken, ofKept);
      assertSame(ofTakenBase, ofKeptBase);
      assertSeamless(ofTaken);
      await().atMost(LIMIT).until(() -> checkpointsOf(taken).isEmpty());
    }
  }

  /** Results, and weights and gradients of the last snapshots. */
  private static void assertSame(TopicReader taken, TopicReader kept) {
    RunResult result = taken.awaitResult(LIMIT);
    RunResult undisturbed = kept.awaitResult(LIMIT);
    assertThat(result.toBuilder().clearSeconds().build())
        .isEqualTo(undisturbed.toBuilder().clearSeconds().build());
    Snapshot last = last(taken, result.getSteps());
    Snapshot expected = last(kept, result.getSteps());
    assertThat(last.getWeightsList()).isNotEmpty().isEqualTo(expected.getWeightsList());
    assertThat(last.getGradientsList()).isNotEmpty().isEqualTo(expected.getGradientsList());
    assertThat(last.getFeaturesSha256()).isEqualTo(expected.getFeaturesSha256());
  }

  private static Snapshot last(TopicReader reader, long step) {
    await()
        .atMost(LIMIT)
        .until(() -> reader.awaitSnapshots(1).stream().anyMatch(taken -> taken.getStep() == step));
    return reader.awaitSnapshots(1).stream()
        .filter(taken -> taken.getStep() == step)
        .findFirst()
        .orElseThrow();
  }

  /** What the attempts told together is what one attempt would have told. */
  private static void assertSeamless(TopicReader taken) {
    List<RunHeader> headers =
        taken.events().stream().filter(RunEvent::hasStarted).map(RunEvent::getStarted).toList();
    RunHeader begun = headers.get(0);
    RunHeader last = headers.get(headers.size() - 1);
    assertThat(begun.getTrainer()).isEqualTo("first");
    assertThat(begun.hasResumedFromStep()).isFalse();
    assertThat(last.getTrainer()).isEqualTo("second");
    assertThat(last.getResumedFromStep()).isGreaterThanOrEqualTo(begun.getSwitchStep());
    assertThat(last.getWarningsList()).isEmpty();
    assertThat(last.getVersionsMap())
        .isEqualTo(begun.getVersionsMap())
        .containsKeys("fullrank", "java", "nd4j", "javacpp", "openblas", "openblas-kernel")
        .doesNotContainValue("unknown");
    List<Progress> standing = new ArrayList<>();
    long attempt = 0;
    for (RunEvent event : taken.events()) {
      if (event.hasStarted()) {
        attempt = event.getAttempt();
        long resumed = event.getStarted().getResumedFromStep();
        standing.removeIf(now -> now.getStep() > resumed);
      } else if (event.hasProgress() && event.getAttempt() == attempt) {
        standing.add(event.getProgress());
      }
    }
    List<Long> expected =
        new ArrayList<>(
            LongStream.rangeClosed(1, EPOCHS).mapToObj(epoch -> epoch * STEPS_PER_EPOCH).toList());
    // At the switch the run tells of both phases.
    expected.add(expected.indexOf(begun.getSwitchStep()), begun.getSwitchStep());
    assertThat(standing).extracting(Progress::getStep).containsExactlyElementsOf(expected);
    assertThat(standing).extracting(Progress::getSeconds).isSorted();
  }

  private boolean inPhaseTwo(String run) throws IOException {
    try {
      return checkpointsOf(run).stream()
          .limit(1)
          .anyMatch(file -> file.read().header().getPosition().getPhase() == Phase.PHASE_TWO);
    } catch (UnusableCheckpointException replaced) {
      // By newer ones, between the look into the folder and the look into the file.
      return false;
    }
  }

  private List<CheckpointFile> checkpointsOf(String run) throws IOException {
    return new CheckpointFolder(folder.resolve("checkpoints")).of(run);
  }

  private JavaProcess start(EmbeddedKafka kafka, String name) throws IOException {
    return start(kafka, name, "-Dfullrank.trainer.checkpoint-interval=PT0.1S");
  }

  private JavaProcess start(EmbeddedKafka kafka, String name, String interval) throws IOException {
    return JavaCommand.service("trainer-service")
        .with(
            "-Dfullrank.grpc.port=0",
            "-Dfullrank.http.port=0",
            interval,
            "-Dfullrank.kafka.bootstrap-servers=" + kafka.bootstrapServers(),
            // The shortest that brokers allow: so soon the group notices that a trainer is gone.
            "-Dfullrank.kafka.properties.\"session.timeout.ms\"=6000",
            "-Dfullrank.kafka.properties.\"heartbeat.interval.ms\"=1500",
            "-Dfullrank.trainer.name=" + name,
            "-Dfullrank.trainer.group=" + GROUP,
            "-Dfullrank.trainer.checkpoint-directory=" + folder.resolve("checkpoints"))
        .start(folder.resolve(name + ".log"));
  }

  /** The partitions of runs that a trainer owns. */
  private static Set<Integer> partitions(Admin admin, String trainer) throws Exception {
    Set<Integer> partitions = new HashSet<>();
    for (MemberDescription member :
        admin
            .describeConsumerGroups(List.of(GROUP))
            .describedGroups()
            .get(GROUP)
            .get(30, TimeUnit.SECONDS)
            .members()) {
      if (member.clientId().startsWith(trainer)) {
        member.assignment().topicPartitions().stream()
            .map(TopicPartition::partition)
            .forEach(partitions::add);
      }
    }
    return partitions;
  }

  /** A run whose partition is one of these, or is none of them. */
  private static String name(String label, Set<Integer> partitions, boolean among) {
    return Stream.iterate(1, i -> i + 1)
        .map(i -> "takeover.%s.%d".formatted(label, i))
        .filter(
            run ->
                among
                    == partitions.contains(
                        BuiltInPartitioner.partitionForKey(
                            run.getBytes(StandardCharsets.UTF_8), Topic.EXPERIMENTS.partitions())))
        .findFirst()
        .orElseThrow();
  }

  private static void submit(KafkaConnection connection, RunRequest... requests) throws Exception {
    try (KafkaProducer<String, byte[]> producer = connection.producer("test", Map.of())) {
      for (RunRequest request : requests) {
        producer
            .send(
                new ProducerRecord<>(
                    Topic.EXPERIMENTS.name(), request.getRun(), request.toByteArray()))
            .get();
      }
    }
  }

  private static RunRequest request(String run, Variant variant) {
    ExperimentSpec spec =
        ExperimentFile.read(
            Path.of("src/test/resources/small.yaml"),
            List.of(
                "algorithm={adam: {batch-size: 20}}",
                "two-phase.solver=nesterov",
                "epochs=" + EPOCHS,
                "snapshots={every-epochs: 500, weights: true, gradients: true}"));
    return RunRequest.newBuilder()
        .setRun(run)
        .setExperiment("takeover")
        .setVariant(variant)
        .setSeed(1)
        .setSpec(spec)
        .setSubmittedAt(Timestamps.now())
        .build();
  }
}
