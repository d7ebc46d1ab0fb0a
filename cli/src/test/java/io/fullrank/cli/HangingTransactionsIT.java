package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.kafka.EmbeddedKafkaBroker;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.testsupport.FreePort;
import io.fullrank.testsupport.kafka.StoppedBroker;
import io.fullrank.testsupport.process.JavaCommand;
import io.fullrank.testsupport.process.PackagedService;
import java.io.File;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.TransactionState;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A broker is killed while transactions end: when it is back, the three packaged services serve
 * soon, and nothing is lost.
 */
class HangingTransactionsIT {

  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final Duration SERVE_AGAIN = Duration.ofSeconds(60);
  private static final Set<TransactionState> UNDER_WAY =
      Set.of(
          TransactionState.ONGOING,
          TransactionState.PREPARE_COMMIT,
          TransactionState.PREPARE_ABORT);

  @TempDir Path folder;

  private final int port = FreePort.any();
  private final List<AutoCloseable> started = new ArrayList<>();
  private EmbeddedKafka broker;
  private PackagedService trainer;
  private PackagedService checker;
  private PackagedService metrics;

  @AfterEach
  void stop() throws Exception {
    for (AutoCloseable each : started) {
      each.close();
    }
    broker.close();
  }

  /** What Kafka 4.1 to 4.4 do: the coordinators take all commits for complete. */
  @Test
  void serveAgainAndLoseNothingWhenMarkersAreMissing() throws Exception {
    start(EmbeddedKafkaBroker.classPath());
    String before = runs(metrics);

    broker.kill();
    assertThat(new StoppedBroker(folder.resolve("kafka")).loseLastMarkers(any -> true))
        .anyMatch(partition -> partition.startsWith("fullrank.experiments-"))
        .anyMatch(partition -> partition.startsWith("fullrank.verdicts-"))
        .anyMatch(partition -> partition.startsWith("fullrank-metrics-runs-changelog-"));
    startBroker(EmbeddedKafkaBroker.classPath());

    assertServeWith(before);
    assertThat(metrics.log()).contains("Ended: ").doesNotContain("Hangs: ");
  }

  /** What such a Kafka makes of commits that were prepared is left to it. */
  @Test
  void serveAgainAndLoseNothingWhenCommitsWerePrepared() throws Exception {
    start(newerKafka());
    String before = runs(metrics);

    awaitCompletions();
    broker.kill();
    StoppedBroker stopped = new StoppedBroker(folder.resolve("kafka"));
    assertThat(stopped.loseLastMarkers(any -> true)).isNotEmpty();
    assertThat(stopped.loseLastCompletions()).isPositive();
    startBroker(newerKafka());

    assertServeWith(before);
  }

  /** A coordinator whose last word is of a transaction that goes on has no completion to lose. */
  private void awaitCompletions() {
    try (Admin admin = KafkaConnection.to("127.0.0.1:" + port).admin("test")) {
      await()
          .atMost(SERVE_AGAIN)
          .until(
              () -> admin.listTransactions().all().get(),
              all ->
                  all.stream().noneMatch(each -> UNDER_WAY.contains(each.state()))
                      && all.stream()
                          .anyMatch(each -> each.state() == TransactionState.COMPLETE_COMMIT));
    }
  }

  private void start(String kafka) throws Exception {
    startBroker(kafka);
    trainer = start("trainer-service", "trainer");
    checker = start("checker-service", "checker");
    metrics = start("metrics-service", "metrics");
    for (PackagedService service : List.of(trainer, checker, metrics)) {
      service.awaitReady();
    }
    finishExperiment();
  }

  private void startBroker(String kafka) throws Exception {
    broker = EmbeddedKafka.start(folder.resolve("kafka"), port, kafka);
  }

  private PackagedService start(String room, String name) throws IOException {
    PackagedService service =
        PackagedService.start(
            JavaCommand.service(room)
                .in(
                    Map.of(
                        "FULLRANK_KAFKA_BOOTSTRAP_SERVERS",
                        "127.0.0.1:" + port,
                        "FULLRANK_METRICS_STATE_DIRECTORY",
                        folder.resolve(name + "-state").toString())),
            folder.resolve(name + ".log"));
    started.add(service);
    return service;
  }

  /** An instance that knows nothing needs all changelogs and offsets; the others go on. */
  private void assertServeWith(String before) throws Exception {
    PackagedService other = start("metrics-service", "other");
    await()
        .atMost(SERVE_AGAIN)
        .untilAsserted(
            () -> {
              for (PackagedService each : List.of(trainer, checker, metrics, other)) {
                assertThat(each.http().status("/q/health/ready")).as(each.log()).isEqualTo(200);
              }
              assertThat(runs(metrics)).isEqualTo(before);
              assertThat(runs(other)).isEqualTo(before);
            });
    finishExperiment();
  }

  /** Runs are trained, their snapshots judged, and all of that is told. */
  private void finishExperiment() throws IOException {
    Path json = folder.resolve("result.json");
    CommandRun command =
        CommandRun.at(
            ROOT,
            "run",
            Path.of("src", "test", "resources", "end-to-end.yaml").toString(),
            "--trainer",
            "127.0.0.1:" + trainer.grpcPort(),
            "--metrics",
            "127.0.0.1:" + metrics.grpcPort(),
            "--results",
            folder.resolve("results").toString(),
            "--json",
            json.toString());
    assertThat(command.status()).as("%s%n%s", command.out(), command.err()).isZero();
    JsonNode runs = new ObjectMapper().readTree(Files.readAllBytes(json)).get("runs");
    assertThat(runs).hasSize(4);
    for (JsonNode run : runs) {
      assertThat(run.get("state").asText()).isEqualTo("FINISHED");
      assertThat(run.at("/snapshots/lost").asLong()).isZero();
    }
  }

  private static String runs(PackagedService metrics) throws IOException {
    HttpResponse<String> runs = metrics.http().get("/api/v1/runs");
    assertThat(runs.statusCode()).as(runs.body()).isEqualTo(200);
    return runs.body();
  }

  // The server that this test has on its class path, with the classes that run the shipped one.
  private static String newerKafka() {
    return System.getProperty("java.class.path")
        + File.pathSeparator
        + ROOT.resolve("kafka-broker/target/classes");
  }
}
