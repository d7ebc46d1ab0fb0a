package io.fullrank.metrics;

import static io.fullrank.metrics.Records.now;
import static io.fullrank.metrics.Records.progress;
import static io.fullrank.metrics.Records.record;
import static io.fullrank.metrics.Records.request;
import static io.fullrank.metrics.Records.started;
import static io.fullrank.metrics.Records.verdict;
import static io.fullrank.metrics.RunningMetrics.LIMIT;
import static io.fullrank.metrics.RunningMetrics.failure;
import static io.fullrank.metrics.RunningMetrics.run;
import static io.fullrank.metrics.RunningMetrics.serving;
import static io.fullrank.proto.v1.Outcome.OUTCOME_CERTIFIED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_RUNNING;
import static io.fullrank.proto.v1.Variant.VARIANT_BASE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import grpc.health.v1.HealthOuterClass.HealthCheckResponse.ServingStatus;
import io.fullrank.messaging.DeadLetters;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.WatchRunResponse;
import io.fullrank.testsupport.client.GrpcConnection;
import io.fullrank.testsupport.process.PackagedService;
import io.grpc.ManagedChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The packaged service when it or its broker goes; each test has both for itself. */
class MetricsOutageIT {

  @TempDir Path folder;

  private RunningMetrics running;

  @BeforeEach
  void start() throws Exception {
    running = RunningMetrics.start(folder);
  }

  @AfterEach
  void stop() throws Exception {
    running.close();
  }

  @Test
  void setsUnreadableRecordsAsideOnceAcrossRestarts() throws Exception {
    byte[] garbage = "not a run event".getBytes(StandardCharsets.UTF_8);
    // More than Kafka's producers send unless they are told to.
    byte[] large = Arrays.copyOf(garbage, 2 << 20);
    running.send(Topic.EXPERIMENTS, "dead", request("dead", "dead-e", VARIANT_BASE, 1));
    long first = running.send(Topic.PROGRESS, "dead", garbage);
    running.send(Topic.PROGRESS, "dead", started("dead", 1));
    await()
        .atMost(LIMIT)
        .until(() -> running.exists("dead") && running.run("dead").getState() == RUN_STATE_RUNNING);
    assertThat(running.sample("fullrank_dead_letters_total{topic=\"fullrank.progress\"}")).isOne();

    Iterator<WatchRunResponse> states = running.watch("dead");
    assertThat(states.next().getRun().getState()).isEqualTo(RUN_STATE_RUNNING);
    running.service().close();
    assertThat(failure(states::hasNext)).startsWith("UNAVAILABLE");
    long second = running.send(Topic.PROGRESS, "dead", large);
    running.startServiceAgain();

    await().atMost(LIMIT).until(() -> running.deadLetters(Topic.PROGRESS).size() >= 2);
    List<ConsumerRecord<String, byte[]>> letters = running.deadLetters(Topic.PROGRESS);
    assertThat(letters)
        .extracting(letter -> header(letter, DeadLetters.SOURCE_OFFSET))
        .containsExactly(Long.toString(first), Long.toString(second));
    assertThat(letters).extracting(ConsumerRecord::value).containsExactly(garbage, large);
    assertThat(letters)
        .allSatisfy(
            letter -> {
              assertThat(letter.key()).isEqualTo("dead");
              assertThat(header(letter, DeadLetters.SOURCE_TOPIC)).isEqualTo("fullrank.progress");
              assertThat(header(letter, DeadLetters.SOURCE_PARTITION)).matches("[0-5]");
              assertThat(header(letter, DeadLetters.REASON)).contains("does not parse");
            });
    // A counter begins anew with its process.
    assertThat(running.sample("fullrank_dead_letters_total{topic=\"fullrank.progress\"}")).isOne();
    assertThat(running.run("dead").getState()).isEqualTo(RUN_STATE_RUNNING);
  }

  @Test
  void isTheSameAfterARestartAndSurvivesTheLossOfTheBroker() throws Exception {
    running.send(Topic.EXPERIMENTS, "kept", request("kept", "kept-e", VARIANT_BASE, 1));
    running.send(Topic.PROGRESS, "kept", now(started("kept", 1)));
    running.send(Topic.PROGRESS, "kept", now(progress("kept", 1, 10, 1, 0)));
    running.send(Topic.VERDICTS, "kept", record(verdict("kept", 1, 10, OUTCOME_CERTIFIED)));
    await()
        .atMost(LIMIT)
        .until(
            () -> running.exists("kept") && running.run("kept").getSnapshots().getChecked() == 1);
    Run before = running.run("kept");

    String address = running.broker().bootstrapServers();
    running.broker().kill();
    try (PackagedService other = running.startService(folder, "other");
        GrpcConnection connection = GrpcConnection.to(other.grpcPort())) {
      ManagedChannel toOther = connection.channel();
      // The one that starts now knows nothing and says so; the one that was there answers on.
      await().atMost(LIMIT).until(() -> other.http().status("/q/health/live") == 200);
      assertThat(other.http().status("/q/health/ready")).isEqualTo(503);
      assertThat(serving(toOther)).isEqualTo(ServingStatus.NOT_SERVING);
      assertThat(failure(() -> run(toOther, "kept")))
          .isEqualTo("UNAVAILABLE: the state is not complete yet, waiting for the Kafka broker");
      assertThat(other.http().samples())
          .anyMatch(line -> line.startsWith("fullrank_build_info"))
          .noneMatch(line -> line.startsWith("fullrank_runs"));
      await()
          .atMost(LIMIT)
          .until(() -> other.log().contains("Kafka at " + address + " does not answer, waiting"));
      assertThat(running.run("kept")).isEqualTo(before);
      assertThat(running.service().http().status("/q/health/ready")).isEqualTo(200);

      running.broker().startAgain();
      other.awaitReady();
      assertThat(serving(toOther)).isEqualTo(ServingStatus.SERVING);
      assertThat(run(toOther, "kept")).isEqualTo(before);
      assertThat(other.log()).containsOnlyOnce("does not answer");

      running.send(Topic.PROGRESS, "kept", progress("kept", 1, 20, 2, 0));
      await().atMost(LIMIT).until(() -> running.run("kept").getProgress().getStep() == 20);
      await().atMost(LIMIT).until(() -> run(toOther, "kept").getProgress().getStep() == 20);
    }
  }

  /** Such as a process leaves that dies while it deletes a store. */
  @Test
  void makesStateAnewThatCannotBeOpened() throws Exception {
    running.send(Topic.EXPERIMENTS, "whole", request("whole", "whole-e", VARIANT_BASE, 1));
    await().atMost(LIMIT).until(() -> running.exists("whole"));
    Run before = running.run("whole");
    running.service().close();
    try (Stream<Path> files = Files.walk(folder.resolve("service"))) {
      List<Path> manifests =
          files.filter(file -> file.getFileName().toString().startsWith("MANIFEST")).toList();
      assertThat(manifests).isNotEmpty();
      for (Path manifest : manifests) {
        Files.delete(manifest);
      }
    }

    running.startServiceAgain();

    assertThat(running.service().log()).contains("cannot be opened and is made anew");
    assertThat(running.run("whole")).isEqualTo(before);
  }

  private static String header(ConsumerRecord<String, byte[]> letter, String key) {
    return new String(letter.headers().lastHeader(key).value(), StandardCharsets.UTF_8);
  }
}
