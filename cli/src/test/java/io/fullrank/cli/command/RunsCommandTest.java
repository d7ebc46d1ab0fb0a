package io.fullrank.cli.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.cli.CommandRun;
import io.fullrank.cli.SampleRuns;
import io.fullrank.cli.ScriptedServices;
import io.fullrank.cli.installation.Endpoint;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.Variant;
import io.grpc.Status;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class RunsCommandTest {

  private ScriptedServices services;

  @BeforeEach
  void start() throws Exception {
    services = new ScriptedServices();
    services.thenRuns(
        SampleRuns.running(Variant.VARIANT_BASE, 1, 100),
        SampleRuns.external(Variant.VARIANT_TWO_PHASE, 1));
  }

  @AfterEach
  void stop() throws Exception {
    services.close();
  }

  @Test
  void listsRunsOfMixedOrigin() {
    assertThat(lines("runs"))
        .containsExactly(
            "  run                          trained by          state              step      loss"
                + "                 test error   latest certificate",
            "  strokes-0a1b2c.base.1        fullrank            RUNNING            100/400   0.143"
                + "                7.3%",
            "  strokes-0a1b2c.two-phase.1   torch 2.13.0, cpu   RUNNING, stalled   300"
                + "       0.143 (mini-batch)");
  }

  @Test
  void comparesRunsOfMixedOrigin() {
    assertThat(lines("compare", SampleRuns.EXPERIMENT))
        .contains(
            "Experiment strokes-0a1b2c: strokes, 600 training and 1000 test examples,"
                + " hidden layers of 64, 768; Net$1 in torch 2.13.0, cpu, last hidden layer of 1280")
        .anySatisfy(line -> assertThat(line).contains("features as computed by the client"));
  }

  /** They would clear the screen, or write other lines over these. */
  @Test
  void printsNoControlCharactersOfAServer() {
    Run.Builder hostile = SampleRuns.running(Variant.VARIANT_BASE, 1, 100).toBuilder();
    hostile.getRequestBuilder().setRun("strokes\u001b[2J\r\u009b1m.base.1");
    services.thenRuns(hostile.build());
    services.thenFailure(Status.INVALID_ARGUMENT.withDescription("no\u001b]0;title\u0007\nrun"));
    assertThat(lines("runs")).hasSize(3);

    assertThat(lines("runs"))
        .hasSize(2)
        .anySatisfy(line -> assertThat(line).contains("strokes [2J  1m.base.1"))
        .noneMatch(line -> line.chars().anyMatch(Character::isISOControl));
    CommandRun refused = run("runs");
    assertThat(refused.status()).isEqualTo(2);
    assertThat(refused.err()).isEqualToNormalizingNewlines("fullrank: no ]0;title  run\n");
  }

  private List<String> lines(String... command) {
    CommandRun run = run(command);
    assertThat(run.status()).as(run.err()).isZero();
    return run.out().lines().map(String::stripTrailing).toList();
  }

  private CommandRun run(String... command) {
    String port = Integer.toString(services.ports().of(Endpoint.METRICS_GRPC));
    String[] arguments = new String[command.length + 2];
    System.arraycopy(command, 0, arguments, 0, command.length);
    arguments[command.length] = "--metrics-port";
    arguments[command.length + 1] = port;
    return CommandRun.of(arguments);
  }
}
