package io.fullrank.cli;

import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.Run;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code fullrank compare}. */
@Command(
    name = "compare",
    description = "Compares the base and two-phase runs of an experiment.",
    footerHeading = "%nExamples:%n",
    footer = {"  fullrank compare strokes-0a1b2c", "  fullrank runs    # names the experiments"})
final class CompareCommand implements Callable<Integer> {

  private final Environment environment;

  @Parameters(
      paramLabel = "EXPERIMENT",
      description = "The experiment's identity, as 'run' printed it.")
  private String experiment;

  @Mixin private MetricsOptions metrics;

  CompareCommand(Environment environment) {
    this.environment = environment;
  }

  private record Answer(Comparison comparison, List<Run> runs) {}

  @Override
  public Integer call() throws InterruptedException {
    Answer answer =
        metrics.query(
            client -> new Answer(client.compare(experiment), client.listRuns(experiment)));
    if (answer.runs().isEmpty()) {
      throw new BadInputException(
          "no experiment is called %s; 'fullrank runs' lists what there is".formatted(experiment));
    }
    new ExperimentSummary(
            experiment,
            answer.runs().get(0).getRequest().getSpec(),
            answer.runs(),
            answer.comparison())
        .lines()
        .forEach(environment.out()::println);
    return ExitCode.OK;
  }
}
