package io.fullrank.cli.command;

import io.fullrank.cli.client.MetricsOptions;
import io.fullrank.cli.client.ServiceClient;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.report.ComparisonTable;
import io.fullrank.cli.report.ExperimentResult;
import io.fullrank.cli.report.ResultsFolder;
import io.fullrank.cli.report.ResultsOptions;
import io.fullrank.cli.report.TableFormat;
import io.fullrank.cli.terminal.Environment;
import io.fullrank.proto.v1.Run;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Function;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code fullrank compare}. */
@Command(
    name = "compare",
    description = {
      "Compares the base and two-phase runs of experiments: those that 'run' kept the results of, or"
          + " those of a stack if one is named.",
      "Without an experiment: the newest of each name."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank compare --table markdown",
      "  fullrank compare strokes-0a1b2c",
      "  fullrank compare --server localhost --table csv",
      "  fullrank runs    # names the experiments of a stack"
    })
public final class CompareCommand implements Callable<Integer> {

  private final Environment environment;

  @Parameters(
      paramLabel = "EXPERIMENT",
      arity = "0..*",
      description = "The experiments' identities, as 'run' printed them.")
  private List<String> experiments = List.of();

  @Option(
      names = "--table",
      paramLabel = "FORMAT",
      description = {
        "One table with two rows for each experiment, instead of its whole summary:",
        "text, markdown, or csv with all figures in full."
      })
  private TableFormat table;

  @Mixin private ResultsOptions results;
  @Mixin private MetricsOptions metrics;

  public CompareCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() throws InterruptedException {
    List<ExperimentResult> compared = metrics.nameAStack() ? metrics.query(this::ask) : kept();
    if (table != null) {
      new ComparisonTable(compared).lines(table).forEach(environment.out()::println);
      return ExitCode.OK;
    }
    for (Iterator<ExperimentResult> each = compared.iterator(); each.hasNext(); ) {
      each.next().summary().lines().forEach(environment.out()::println);
      if (each.hasNext()) {
        environment.out().println();
      }
    }
    return ExitCode.OK;
  }

  private List<ExperimentResult> kept() {
    ResultsFolder folder = results.folder();
    return experiments.isEmpty()
        ? folder.readNewest()
        : experiments.stream().map(folder::read).toList();
  }

  private List<ExperimentResult> ask(ServiceClient client) {
    Collection<List<Run>> asked =
        experiments.isEmpty()
            ? ExperimentResult.newestOfEachName(
                byExperiment(client.listRuns("")), Function.identity())
            : experiments.stream().map(experiment -> runsOf(experiment, client)).toList();
    if (asked.isEmpty()) {
      throw new BadInputException("the stack has no experiments yet");
    }
    return asked.stream()
        .map(
            runs ->
                new ExperimentResult(
                    client.compare(runs.get(0).getRequest().getExperiment()), runs))
        .toList();
  }

  private static List<Run> runsOf(String experiment, ServiceClient client) {
    List<Run> runs = client.listRuns(experiment);
    if (runs.isEmpty()) {
      throw new BadInputException(
          "no experiment is called %s; 'fullrank runs' lists what there is".formatted(experiment));
    }
    return runs;
  }

  private static Collection<List<Run>> byExperiment(List<Run> runs) {
    Map<String, List<Run>> byExperiment = new LinkedHashMap<>();
    for (Run run : runs) {
      byExperiment
          .computeIfAbsent(run.getRequest().getExperiment(), any -> new ArrayList<>())
          .add(run);
    }
    return byExperiment.values();
  }
}
