package io.fullrank.cli.command;

import io.fullrank.cli.client.MetricsOptions;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.message.Labels;
import io.fullrank.cli.message.Runs;
import io.fullrank.cli.terminal.Environment;
import io.fullrank.cli.terminal.RunLine;
import io.fullrank.cli.terminal.TextTable;
import io.fullrank.proto.v1.Run;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code fullrank runs}. */
@Command(
    name = "runs",
    description = "Lists the runs of a stack, in the order of their submission.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank runs",
      "  fullrank runs --experiment strokes-0a1b2c",
      "  fullrank runs --server trainer.example.org"
    })
public final class RunsCommand implements Callable<Integer> {

  private final Environment environment;

  @Option(
      names = "--experiment",
      paramLabel = "EXPERIMENT",
      description = "Only the runs of this experiment.")
  private String experiment = "";

  @Mixin private MetricsOptions metrics;

  public RunsCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() throws InterruptedException {
    List<Run> runs = metrics.query(client -> client.listRuns(experiment));
    TextTable table = new TextTable();
    table.row("run", "trained by", "state", "step", "loss", "test error", "latest certificate");
    for (Run run : runs) {
      table.row(
          run.getRequest().getRun(),
          Runs.trainedBy(run),
          Labels.constant(run.getState(), "RUN_STATE_") + (run.getStalled() ? ", stalled" : ""),
          run.hasHeader() ? RunLine.step(run) : "",
          RunLine.loss(run).orElse(""),
          RunLine.testError(run).orElse(""),
          Runs.latestVerdict(run).map(RunLine::certificate).orElse(""));
    }
    if (runs.isEmpty()) {
      environment.out().println("No runs.");
    } else {
      table.lines().forEach(environment.out()::println);
    }
    return ExitCode.OK;
  }
}
