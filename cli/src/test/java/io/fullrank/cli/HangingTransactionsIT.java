package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.messaging.StoppedBroker;
import io.fullrank.testsupport.process.JavaCommand;
import io.fullrank.testsupport.process.PackagedService;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A broker is killed while transactions end, and has lost their markers when it is back: the three
 * packaged services serve soon, and nothing is lost.
 */
class HangingTransactionsIT {

  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final Duration SERVES_AGAIN = Duration.ofSeconds(60);
  private static final String EXPERIMENT =
      Path.of("src", "test", "resources", "end-to-end.yaml").toString();

  @TempDir Path folder;

  private EmbeddedKafka broker;
  private PackagedService trainer;
  private PackagedService checker;
  private PackagedService metrics;

  @BeforeEach
  void start() throws Exception {
    broker = EmbeddedKafka.start(folder.resolve("kafka"), 0);
    trainer = start("trainer-service", "trainer");
    checker = start("checker-service", "checker");
    metrics = start("metrics-service", "metrics");
    for (PackagedService service : List.of(trainer, checker, metrics)) {
      service.awaitReady();
    }
  }

  @AfterEach
  void stop() throws Exception {
    for (AutoCloseable each : new AutoCloseable[] {trainer, checker, metrics, broker}) {
      if (each != null) {
        each.close();
      }
    }
  }

  /** As Kafka 4.1 to 4.4 do it: the coordinator has taken commits for complete. */
  @Test
  void serveAgainAndLoseNothingWhenMarkersAreMissing() throws Exception {
    finishExperiment();
    String before = runs(metrics);

    broker.kill();
    assertThat(new StoppedBroker(folder.resolve("kafka")).loseLastMarkers(any -> true))
        .anyMatch(partition -> partition.startsWith("fullrank.experiments-"))
        .anyMatch(partition -> partition.startsWith("fullrank.verdicts-"))
        .anyMatch(partition -> partition.startsWith("fullrank-metrics-runs-changelog-"));
    startBrokerAgain();

    assertServesWithAll(before);
    assertThat(metrics.log()).contains("Ended: ").doesNotContain("Hangs: ");
  }

  /** What it does with commits that are prepared is up to the broker. */
  @Test
  void serveAgainAndLoseNothingWhenCommitsWerePrepared() throws Exception {
    finishExperiment();
    String before = runs(metrics);

    broker.kill();
    StoppedBroker stopped = new StoppedBroker(folder.resolve("kafka"));
    assertThat(stopped.loseLastMarkers(any -> true)).isNotEmpty();
    assertThat(stopped.loseLastCompletions()).isPositive();
    startBrokerAgain();

    assertServesWithAll(before);
  }

  /** One that knows nothing needs all changelogs and offsets; the others go on. */
  private void assertServesWithAll(String before) throws Exception {
    try (PackagedService other = start("metrics-service", "other")) {
      for (PackagedService each : List.of(trainer, checker, metrics, other)) {
        await()
            .atMost(SERVES_AGAIN)
            // It does not listen yet.
            .ignoreExceptionsInstanceOf(IOException.class)
            .untilAsserted(
                () ->
                    assertThat(each.http().get("/q/health/ready"))
                        .as(each.log())
                        .satisfies(ready -> assertThat(ready.statusCode()).isEqualTo(200)));
      }
      for (PackagedService each : List.of(metrics, other)) {
        assertThat(runs(each)).isEqualTo(before);
      }
      finishExperiment();
    }
  }

  private void startBrokerAgain() throws Exception {
    int port = Integer.parseInt(broker.bootstrapServers().split(":", -1)[1]);
    broker = EmbeddedKafka.start(folder.resolve("kafka"), port);
  }

  private PackagedService start(String room, String name) throws IOException {
    return PackagedService.start(
        JavaCommand.service(room)
            .in(
                Map.of(
                    "FULLRANK_KAFKA_BOOTSTRAP_SERVERS",
                    broker.bootstrapServers(),
                    "FULLRANK_METRICS_STATE_DIRECTORY",
                    folder.resolve(name + "-state").toString())),
        folder.resolve(name + ".log"));
  }

  /** Has all of it done: runs trained, their snapshots judged, and all of that told. */
  private void finishExperiment() throws IOException {
    Path json = folder.resolve("result.json");
    CommandRun command =
        CommandRun.at(
            ROOT,
            "run",
            EXPERIMENT,
            "--trainer",
            address(trainer),
            "--metrics",
            address(metrics),
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

  private static String address(PackagedService service) {
    return "127.0.0.1:" + service.grpcPort();
  }

  private static String runs(PackagedService metrics) throws IOException {
    HttpResponse<String> runs = metrics.http().get("/api/v1/runs");
    assertThat(runs.statusCode()).as(runs.body()).isEqualTo(200);
    return runs.body();
  }
}
