package io.fullrank.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.protobuf.util.Durations;
import com.google.protobuf.util.Timestamps;
import io.fullrank.cli.installation.Endpoint;
import io.fullrank.cli.installation.Installation;
import io.fullrank.cli.installation.Service;
import io.fullrank.cli.stack.Stack;
import io.fullrank.cli.stack.StackSettings;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.Heartbeat;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.testsupport.FreePort;
import io.fullrank.testsupport.Waiting;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A real Prometheus that scrapes a running stack while an experiment goes on: whatever the
 * dashboards ask must be there.
 */
class MonitoringIT {

  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final Path MONITORING = ROOT.resolve("k8s").resolve("monitoring");
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final HttpClient HTTP = HttpClient.newHttpClient();
  private static final Duration LIMIT = Waiting.LIMIT;

  @TempDir static Path folder;

  private static Stack stack;
  private static Process prometheus;
  private static String address;
  private static Instant begun;

  @BeforeAll
  static void runAnExperiment() throws Exception {
    String program = PrometheusTools.require("prometheus");
    stack =
        Stack.start(
            Installation.sourceTree(ROOT),
            new StackSettings(
                ReservedPorts.ofStack(),
                Optional.empty(),
                Optional.of(folder.resolve("work")),
                false));
    startPrometheus(program);
    begun = Instant.now();
    publishARunWithMeasures();
    // Long enough that its rates are seen while it runs.
    CommandRun run =
        CommandRun.at(
            ROOT,
            "run",
            Path.of("src", "test", "resources", "end-to-end.yaml").toString(),
            "--set",
            "epochs=1200",
            "--set",
            "seeds=[1]",
            "--set",
            "snapshots.every-epochs=20",
            "--set",
            "two-phase.solver=gradient-descent",
            "--results",
            folder.resolve("results").toString(),
            "--server",
            "localhost",
            "--trainer-port",
            port(Endpoint.TRAINER_GRPC),
            "--metrics-port",
            port(Endpoint.METRICS_GRPC));
    assertThat(run.status()).as("%s%n%s", run.out(), run.err()).isZero();
  }

  @AfterAll
  static void stop() {
    if (prometheus != null) {
      prometheus.destroy();
      prometheus.onExit().orTimeout(30, TimeUnit.SECONDS).join();
    }
    if (stack != null) {
      stack.close();
    }
  }

  @Test
  void everyPanelHasData() throws Exception {
    List<String> empty = new ArrayList<>();
    int queries = 0;
    for (Path file : dashboards()) {
      JsonNode dashboard = JSON.readTree(file.toFile());
      for (JsonNode panel : dashboard.get("panels")) {
        for (JsonNode target : panel.get("targets")) {
          queries++;
          String query = target.get("expr").asText();
          if (!hasData(query)) {
            empty.add("%s: %s: %s".formatted(file.getFileName(), panel.get("title"), query));
          }
        }
      }
      for (JsonNode annotation : dashboard.at("/annotations/list")) {
        queries++;
        if (!hasData(annotation.get("expr").asText())) {
          empty.add("%s: %s".formatted(file.getFileName(), annotation));
        }
      }
    }
    assertThat(empty).isEmpty();
    assertThat(queries).isGreaterThan(40);
  }

  @Test
  void variablesOfferWhatTheirQueriesFind() throws Exception {
    for (Path file : dashboards()) {
      for (JsonNode variable : JSON.readTree(file.toFile()).at("/templating/list")) {
        if (variable.get("type").asText().equals("query")) {
          String[] query = variable.get("definition").asText().split("[(, )]+");
          assertThat(query[0]).isEqualTo("label_values");
          JsonNode values = get("/api/v1/label/%s/values?match[]=%s".formatted(query[2], query[1]));
          assertThat(values.get("data")).as(variable.toString()).isNotEmpty();
        }
      }
    }
  }

  @Test
  void rulesAreEvaluatedAndNothingFires() throws Exception {
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () -> {
              List<JsonNode> rules = new ArrayList<>();
              get("/api/v1/rules")
                  .at("/data/groups")
                  .forEach(group -> group.get("rules").forEach(rules::add));
              assertThat(rules).hasSize(18);
              assertThat(rules)
                  .allSatisfy(rule -> assertThat(rule.get("health").asText()).isEqualTo("ok"));
              assertThat(rules).noneMatch(rule -> rule.path("state").asText().equals("firing"));
            });
  }

  @Test
  void everyServiceKeepsToPrometheusConventions() throws Exception {
    for (Service service : Service.values()) {
      HttpResponse<String> metrics =
          HTTP.send(
              HttpRequest.newBuilder(
                      URI.create("http://" + stack.ports().address(service.http()) + "/metrics"))
                  .header("Accept", "text/plain")
                  .build(),
              HttpResponse.BodyHandlers.ofString());
      assertThat(metrics.body()).contains("fullrank_build_info{");
      PrometheusTools.promtool(metrics.body(), "check", "metrics");
    }
  }

  /**
   * Puts a run in that goes on, with a verdict of each check whose measures a panel shows, since
   * the experiment has that of the features alone. It switches phases once Prometheus has seen it
   * in the first; a phase of the experiment may be over between two scrapes.
   */
  private static void publishARunWithMeasures() throws Exception {
    String run = "measured.two-phase.1";
    RunRequest request =
        RunRequest.newBuilder()
            .setRun(run)
            .setExperiment("measured")
            .setVariant(Variant.VARIANT_TWO_PHASE)
            .setSeed(1)
            // No trainer takes it.
            .setSpec(
                ExperimentSpec.newBuilder()
                    .setName("measured")
                    .setNetwork(
                        NetworkSpec.newBuilder()
                            .setExternal(ExternalNetwork.newBuilder().setFramework("test"))))
            .setSubmittedAt(Timestamps.fromMillis(System.currentTimeMillis()))
            .build();
    RunEvent heartbeat =
        RunEvent.newBuilder()
            .setRun(run)
            .setAttempt(1)
            .setHeartbeat(Heartbeat.newBuilder().setInterval(Durations.fromHours(1)))
            .build();
    try (KafkaProducer<String, byte[]> producer =
        KafkaConnection.to(stack.ports().address(Endpoint.KAFKA)).producer("test", Map.of())) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      sent.add(
          producer.send(
              new ProducerRecord<>(Topic.EXPERIMENTS.name(), run, request.toByteArray())));
      sent.add(
          producer.send(new ProducerRecord<>(Topic.PROGRESS.name(), run, heartbeat.toByteArray())));
      for (Verdict verdict :
          List.of(
              measured("tangent-kernel", "", "gradient-norm-lower-bound", "gradient-norm"),
              measured(
                  "gradient-descent",
                  "",
                  "gram-lambda-min",
                  "population-lambda-min",
                  "loss",
                  "loss-envelope"),
              measured("margins", "", "normalized-margin-median"),
              measured("collapse", "hidden.1", "effective-rank"))) {
        CheckRecord record =
            CheckRecord.newBuilder().setVerdict(verdict.toBuilder().setRun(run)).build();
        sent.add(
            producer.send(new ProducerRecord<>(Topic.VERDICTS.name(), run, record.toByteArray())));
      }
      sent.add(producer.send(progress(run, 10, Phase.PHASE_ONE)));
      for (Future<RecordMetadata> each : sent) {
        each.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
      }
      String phase = "fullrank_run_phase{run=\"%s\"} == ".formatted(run);
      await().atMost(LIMIT).until(() -> hasData(phase + 1));
      producer.send(progress(run, 20, Phase.PHASE_TWO)).get(LIMIT.toSeconds(), TimeUnit.SECONDS);
      await().atMost(LIMIT).until(() -> hasData(phase + 2));
    }
  }

  private static ProducerRecord<String, byte[]> progress(String run, long step, Phase phase) {
    RunEvent event =
        RunEvent.newBuilder()
            .setRun(run)
            .setAttempt(1)
            .setProgress(Progress.newBuilder().setStep(step).setPhase(phase))
            .build();
    return new ProducerRecord<>(Topic.PROGRESS.name(), run, event.toByteArray());
  }

  private static Verdict measured(String check, String layer, String... names) {
    Verdict.Builder verdict = Verdict.newBuilder().setAttempt(1).setStep(10).setCheck(check);
    for (String name : names) {
      for (MeasureKind kind :
          List.of(MeasureKind.MEASURE_KIND_LOWER_BOUND, MeasureKind.MEASURE_KIND_UPPER_BOUND)) {
        verdict.addMeasures(
            Measure.newBuilder()
                .setName(name)
                .setLayer(layer)
                .setValue(0.5)
                .setUnit("1")
                .setKind(kind));
      }
    }
    return verdict.build();
  }

  private static void startPrometheus(String program) throws IOException {
    String configuration =
        Files.readString(MONITORING.resolve("prometheus.yaml"))
            .replace("rules/fullrank.yaml", MONITORING.resolve("rules/fullrank.yaml").toString())
            .replaceAll("(scrape|evaluation)_interval: .*", "$1_interval: 1s")
            .replace("localhost:8081", "localhost:" + port(Endpoint.TRAINER_HTTP))
            .replace("localhost:8082", "localhost:" + port(Endpoint.CHECKER_HTTP))
            .replace("localhost:8083", "localhost:" + port(Endpoint.METRICS_HTTP));
    Path file = Files.writeString(folder.resolve("prometheus.yaml"), configuration);
    address = "127.0.0.1:" + FreePort.any();
    prometheus =
        new ProcessBuilder(
                program,
                "--config.file=" + file,
                "--storage.tsdb.path=" + folder.resolve("tsdb"),
                "--enable-feature=exemplar-storage",
                "--web.listen-address=" + address)
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("prometheus.log").toFile())
            .start();
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () -> {
              assertThat(prometheus.isAlive())
                  .as(Files.readString(folder.resolve("prometheus.log")))
                  .isTrue();
              assertThat(hasData("min(up) == 1")).isTrue();
            });
  }

  private static List<Path> dashboards() throws IOException {
    try (Stream<Path> files = Files.list(MONITORING.resolve("dashboards"))) {
      List<Path> sorted = files.sorted().toList();
      assertThat(sorted).hasSize(3);
      return sorted;
    }
  }

  /** Returns whether a query as a panel has it found a number at some time of the experiment. */
  private static boolean hasData(String query) throws IOException {
    String ofAll =
        query
            .replace("run=\"$run\"", "run=~\".+two-phase.+\"")
            .replace("$experiment", ".+")
            .replace("$__rate_interval", "10s");
    assertThat(ofAll).as("an unknown variable").doesNotContain("$");
    JsonNode answer =
        get(
            "/api/v1/query_range?step=1&start=%s&end=%s&query=%s"
                .formatted(
                    begun == null ? Instant.now().minusSeconds(10) : begun,
                    Instant.now(),
                    encoded(ofAll)));
    for (JsonNode series : answer.at("/data/result")) {
      for (JsonNode value : series.get("values")) {
        if (Double.isFinite(Double.parseDouble(value.get(1).asText().replace("Inf", "Infinity")))) {
          return true;
        }
      }
    }
    return false;
  }

  private static JsonNode get(String path) throws IOException {
    try {
      HttpResponse<String> response =
          HTTP.send(
              HttpRequest.newBuilder(URI.create("http://" + address + path.replace("[]", "%5B%5D")))
                  .timeout(Duration.ofSeconds(20))
                  .build(),
              HttpResponse.BodyHandlers.ofString());
      assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
      return JSON.readTree(response.body());
    } catch (ConnectException notYet) {
      return JSON.createObjectNode();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new UncheckedIOException(new IOException(interrupted));
    }
  }

  private static String encoded(String query) {
    return URLEncoder.encode(query, StandardCharsets.UTF_8);
  }

  private static String port(Endpoint endpoint) {
    return Integer.toString(stack.ports().of(endpoint));
  }
}
