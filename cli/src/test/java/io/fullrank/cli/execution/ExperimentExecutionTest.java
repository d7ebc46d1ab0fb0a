package io.fullrank.cli.execution;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.fullrank.cli.CommandRun;
import io.fullrank.cli.SampleRuns;
import io.fullrank.cli.ScriptedServices;
import io.fullrank.cli.client.ServiceClient;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.installation.Endpoint;
import io.fullrank.cli.message.Runs;
import io.fullrank.cli.stack.Liveness;
import io.fullrank.cli.terminal.PlainProgress;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Variant;
import io.grpc.Status;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ExperimentExecutionTest {

  private static final Run BASE = SampleRuns.finished(Variant.VARIANT_BASE, 1, 0.01, 0.07);
  private static final Run TWO_PHASE =
      SampleRuns.finishedTwoPhase(1, 0.01, 0.07, SampleRuns.bound(0.12, 0.01, true));

  @TempDir Path folder;
  private Path experiment;
  private Path json;
  private Path results;
  private ScriptedServices services;

  @BeforeEach
  void start() throws Exception {
    services = new ScriptedServices();
    json = folder.resolve("out.json");
    results = folder.resolve("results");
    experiment =
        Files.writeString(
            folder.resolve("small.yaml"),
            """
            name: strokes
            dataset: {name: strokes, train: 20, test: 20}
            network: {type: fully-connected, widths: [8, 32]}
            epochs: 1
            seeds: [1]
            """);
  }

  @AfterEach
  void stop() throws InterruptedException {
    services.close();
  }

  @Test
  void followsRunsToTheirEndAndSumsThemUp() throws Exception {
    services.thenRuns();
    services.thenRuns(SampleRuns.running(Variant.VARIANT_BASE, 1, 10));
    services.thenRuns(BASE, SampleRuns.running(Variant.VARIANT_TWO_PHASE, 1, 300));
    services.thenRuns(TWO_PHASE, BASE);

    CommandRun run = run();

    assertThat(run.err()).isEqualTo("warning: the condition cannot hold\n");
    assertThat(run.status()).isZero();
    assertThat(run.out()).contains("phase 1", "phase 2", "finished", "equivalent", "0 lost");
    assertThat(new ObjectMapper().readTree(json.toFile()).at("/runs"))
        .extracting(each -> each.get("variant").asText())
        .containsExactly("base", "two-phase");
  }

  @Test
  void waitsForTheVerdictsThatAreStillToCome() {
    Run.Builder behind = BASE.toBuilder();
    behind.getSnapshotsBuilder().setChecked(3);
    services.thenRuns(behind.build(), TWO_PHASE);
    services.thenRuns(BASE, TWO_PHASE);

    assertThat(run().out()).contains("20 published, 14 checked", "0 lost");
  }

  @Test
  void goesOnAfterTheMetricsServiceWasAway() {
    services.thenRuns(SampleRuns.running(Variant.VARIANT_BASE, 1, 10));
    services.thenFailure(Status.UNAVAILABLE);
    services.thenFailure(Status.UNAVAILABLE);
    services.thenRuns(BASE, TWO_PHASE);

    assertThat(run().status()).isZero();
  }

  @Test
  void namesTheRunThatFailedAndStillWritesTheResults() {
    Run.Builder failed = SampleRuns.pending(Variant.VARIANT_BASE, 1).toBuilder();
    failed.setState(RunState.RUN_STATE_FAILED).getResultBuilder().setReason("no memory");
    services.thenRuns(failed.build(), TWO_PHASE);

    CommandRun run = run();

    assertThat(run.status()).isEqualTo(1);
    assertThat(run.err())
        .endsWith("fullrank: run %s FAILED: no memory%n".formatted(BASE.getRequest().getRun()));
    assertThat(json).exists();
  }

  @Test
  void doesNotFailBecauseACertificateIsRefused() {
    Run refuted =
        SampleRuns.finished(Variant.VARIANT_TWO_PHASE, 1, 0.01, 0.07).toBuilder()
            .setWitnessVerdict(SampleRuns.refuted(240, "too few columns"))
            .build();
    services.thenRuns(BASE, refuted);

    CommandRun run = run();

    assertThat(run.status()).isZero();
    assertThat(run.out()).contains("REFUTED: too few columns");
  }

  @Test
  void failsWhenAStatedBoundDidNotHold() {
    services.thenRuns(
        BASE, SampleRuns.finishedTwoPhase(1, 0.3, 0.07, SampleRuns.bound(0.12, 0.3, false)));

    CommandRun run = run();

    assertThat(run.status()).isEqualTo(1);
    assertThat(run.err()).contains("two-phase.1: the guaranteed bound on the loss did not hold");
  }

  @ParameterizedTest
  @EnumSource(
      value = Status.Code.class,
      names = {"INVALID_ARGUMENT", "FAILED_PRECONDITION"})
  void passesOnWhatTheTrainerFindsFaultWith(Status.Code code) {
    services.refuseSubmissions(code.toStatus().withDescription("train-images: truncated"));

    CommandRun run = run();

    assertThat(run.status()).isEqualTo(2);
    assertThat(run.err()).isEqualTo("fullrank: train-images: truncated\n");
    assertThat(json).doesNotExist();
  }

  @Test
  void failsWhenTheTrainerDoes() {
    services.refuseSubmissions(Status.UNAVAILABLE.withDescription("Kafka did not take it"));

    CommandRun run = run();

    assertThat(run.status()).isEqualTo(1);
    assertThat(run.err().lines()).hasSize(1);
    assertThat(run.err()).contains("trainer service", "Kafka did not take it");
  }

  @Test
  void givesUpOnAMetricsServiceThatStaysAway() throws Exception {
    services.thenFailure(Status.UNAVAILABLE.withDescription("gone"));

    try (ServiceClient client = new ServiceClient("localhost", services.ports())) {
      assertThatThrownBy(() -> follow(client, Liveness.unknown(), "e", "e.base.1"))
          .isInstanceOf(ExecutionFailedException.class)
          .hasMessageContaining("gone")
          .hasMessageContaining("fullrank runs --experiment e");
    }
  }

  @Test
  void returnsWhatIsLostWhenNoVerdictComesAnyMore() throws Exception {
    Run.Builder behind = BASE.toBuilder();
    behind.getSnapshotsBuilder().setChecked(3);
    services.thenRuns(behind.build());

    try (ServiceClient client = new ServiceClient("localhost", services.ports())) {
      List<Run> runs =
          follow(client, Liveness.unknown(), SampleRuns.EXPERIMENT, BASE.getRequest().getRun());

      assertThat(Runs.unaccounted(runs.get(0).getSnapshots())).isEqualTo(4);
    }
  }

  @Test
  void stopsWatchingWhenTheStackDies() throws Exception {
    services.thenRuns(SampleRuns.running(Variant.VARIANT_BASE, 1, 10));
    Liveness dead =
        limit -> {
          throw new ExecutionFailedException("the checker service ended");
        };

    try (ServiceClient client = new ServiceClient("localhost", services.ports())) {
      assertThatThrownBy(() -> follow(client, dead, "e", "e.base.1"))
          .hasMessage("the checker service ended");
    }
  }

  @Test
  void listsRuns() {
    services.thenRuns(BASE, SampleRuns.pending(Variant.VARIANT_TWO_PHASE, 1));

    CommandRun runs = CommandRun.of("runs", "--metrics-port", port(Endpoint.METRICS_GRPC));

    assertThat(runs.status()).isZero();
    assertThat(runs.out().lines())
        .hasSize(3)
        .anySatisfy(line -> assertThat(line).contains("base.1", "FINISHED", "400/400", "CERTIFIED"))
        .anySatisfy(line -> assertThat(line).contains("two-phase.1", "PENDING"));
  }

  @Test
  void comparesFromWhatARunKeptOnceTheStackIsGone() throws Exception {
    services.thenRuns(BASE, TWO_PHASE);
    CommandRun run = run();
    services.close();

    CommandRun compare =
        CommandRun.of("compare", SampleRuns.EXPERIMENT, "--results", results.toString());
    CommandRun table =
        CommandRun.of("compare", "--table", "markdown", "--results", results.toString());

    assertThat(compare.status()).isZero();
    assertThat(run.out()).contains(compare.out());
    assertThat(table.status()).isZero();
    assertThat(table.out().lines())
        .hasSize(4)
        .allMatch(line -> line.startsWith("| ") && line.endsWith(" |"))
        .anySatisfy(line -> assertThat(line).contains("two-phase", "7.1% ± 0.5", "0.89", "yes"));
  }

  @Test
  void keepsWhatAFailedRunCameTo() {
    Run.Builder failed = SampleRuns.pending(Variant.VARIANT_BASE, 1).toBuilder();
    failed.setState(RunState.RUN_STATE_FAILED).getResultBuilder().setReason("no memory");
    services.thenRuns(failed.build(), TWO_PHASE);

    assertThat(run().status()).isEqualTo(1);
    assertThat(CommandRun.of("compare", "--results", results.toString()).out())
        .contains("Experiment " + SampleRuns.EXPERIMENT);
  }

  @Test
  void runsSeveralFilesAndSumsEachUp() throws Exception {
    Path other =
        Files.writeString(
            folder.resolve("other.yaml"),
            Files.readString(experiment).replace("name: strokes\n", "name: other\n"));
    services.thenRuns(BASE, TWO_PHASE);

    CommandRun run = run(other);

    assertThat(run.status()).isZero();
    assertThat(services.submitted()).containsExactly("strokes", "other");
    assertThat(run.out().lines().filter(line -> line.startsWith("Experiment strokes-0a1b2c:")))
        .hasSize(2);
    assertThat(run.out().lines().filter(line -> line.startsWith("Experiment other-0a1b2c:")))
        .hasSize(2);
    assertThat(new ObjectMapper().readTree(json.toFile()))
        .extracting(report -> report.get("experiment").asText())
        .containsExactly("strokes-0a1b2c", "other-0a1b2c");
  }

  @Test
  void comparesTheNewestExperimentOfEachNameOfAStack() {
    services.thenRuns(BASE, TWO_PHASE);

    CommandRun table =
        CommandRun.of("compare", "--table", "csv", "--metrics-port", port(Endpoint.METRICS_GRPC));

    assertThat(table.status()).isZero();
    assertThat(table.out().lines()).hasSize(3);
  }

  @Test
  void comparesAnExperiment() {
    services.thenRuns(BASE, TWO_PHASE);
    String port = port(Endpoint.METRICS_GRPC);

    assertThat(CommandRun.of("compare", SampleRuns.EXPERIMENT, "--metrics-port", port).out())
        .contains("difference −0.2 points");

    CommandRun unknown = CommandRun.of("compare", "nothing", "--metrics-port", port);
    assertThat(unknown.status()).isEqualTo(2);
    assertThat(unknown.err()).isEqualTo("fullrank: no experiment 'nothing'\n");
  }

  private CommandRun run(Path... more) {
    List<String> arguments = new ArrayList<>(List.of("run", experiment.toString()));
    Stream.of(more).map(Path::toString).forEach(arguments::add);
    arguments.addAll(
        List.of(
            "--json",
            json.toString(),
            "--results",
            results.toString(),
            "--server",
            "localhost",
            "--trainer-port",
            port(Endpoint.TRAINER_GRPC),
            "--metrics-port",
            port(Endpoint.METRICS_GRPC)));
    return CommandRun.of(arguments.toArray(String[]::new));
  }

  private String port(Endpoint endpoint) {
    return Integer.toString(services.ports().of(endpoint));
  }

  private static List<Run> follow(
      ServiceClient client, Liveness liveness, String experiment, String run)
      throws InterruptedException {
    PrintStream nowhere =
        new PrintStream(OutputStream.nullOutputStream(), true, StandardCharsets.UTF_8);
    List<Run> ended = new ArrayList<>();
    new ExperimentWatch(
            client,
            new PlainProgress(nowhere, System::nanoTime),
            liveness,
            Duration.ofMillis(500),
            Duration.ofMillis(500))
        .follow(Map.of(experiment, List.of(run)), (name, runs) -> ended.addAll(runs));
    return ended;
  }
}
