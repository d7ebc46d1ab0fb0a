package io.fullrank.cli.command;

import io.fullrank.cli.client.ServiceClient;
import io.fullrank.cli.execution.ExperimentExecution;
import io.fullrank.cli.execution.ExperimentOptions;
import io.fullrank.cli.execution.ServerOptions;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.report.ResultsFolder;
import io.fullrank.cli.report.ResultsOptions;
import io.fullrank.cli.stack.Liveness;
import io.fullrank.cli.stack.Stack;
import io.fullrank.cli.stack.StackOptions;
import io.fullrank.cli.stack.StackSettings;
import io.fullrank.cli.terminal.Environment;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.proto.v1.DataSetSpec;
import io.fullrank.proto.v1.ExperimentSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code fullrank run}. */
@Command(
    name = "run",
    description = {
      "Runs experiments, on a stack of its own or on one that is there.",
      "The result of each is kept for 'compare' as soon as it has ended."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank run examples/strokes.yaml",
      "  fullrank run examples/semeion-fc.yaml --data ~/data --json out.json",
      "  fullrank run my.yaml --set seeds=[1,2,3] --set epochs=10",
      "  fullrank run my.yaml --server localhost",
      "  fullrank run my.yaml --trainer fullrank-trainer:9001 --metrics fullrank-metrics:9003",
      "  fullrank run examples/paper/*.yaml && fullrank compare --table markdown",
      "",
      "Exit status: 0 if all runs finished, 1 if something failed, 2 for unusable input."
    })
public final class RunCommand implements Callable<Integer> {

  private final Environment environment;

  @Parameters(
      paramLabel = "EXPERIMENT.yaml",
      arity = "1..*",
      description = "The experiment files; they are submitted in this order.")
  private List<Path> files;

  @Mixin private ExperimentOptions options;
  @Mixin private ResultsOptions results;
  @Mixin private ServerOptions server;
  @Mixin private StackOptions stackOptions;

  public RunCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() throws InterruptedException {
    List<ExperimentSpec> specs = files.stream().map(options::read).toList();
    requireDistinctNames(specs);
    Optional<Path> json = options.json();
    ResultsFolder kept = results.folder();
    Optional<ServiceClient> connected = server.connect(stackOptions);
    if (connected.isPresent()) {
      try (ServiceClient client = connected.get()) {
        kept.create();
        new ExperimentExecution(environment, client, Liveness.unknown())
            .execute(specs, json, kept::keep);
      }
    } else {
      StackSettings settings = stackOptions.settings(false);
      requireData(specs, settings.data().orElse(Path.of("data")));
      kept.create();
      try (Stack stack = StackOptions.start(environment, settings);
          ServiceClient client = new ServiceClient("127.0.0.1", stack.ports())) {
        new ExperimentExecution(environment, client, stack).execute(specs, json, kept::keep);
      }
    }
    return ExitCode.OK;
  }

  // Two experiments of one name could not be told apart in a table.
  private void requireDistinctNames(List<ExperimentSpec> specs) {
    Map<String, Path> named = new HashMap<>();
    for (int i = 0; i < specs.size(); i++) {
      Path other = named.put(specs.get(i).getName(), files.get(i));
      if (other != null) {
        throw new BadInputException(
            "%s and %s: both name their experiment '%s'; rename one"
                .formatted(other, files.get(i), specs.get(i).getName()));
      }
    }
  }

  // The trainer would find out too, but only once everything has been started for nothing.
  private static void requireData(List<ExperimentSpec> specs, Path directory) {
    List<String> problems = new ArrayList<>();
    Set<DataSetSpec> dataSets = new LinkedHashSet<>();
    specs.forEach(spec -> dataSets.add(rowsOf(spec)));
    for (DataSetSpec dataSet : dataSets) {
      try {
        DataSets.load(dataSet, directory);
      } catch (DataSetException unusable) {
        problems.add(unusable.getMessage());
      }
    }
    if (!problems.isEmpty()) {
      throw new BadInputException(
          "%s ('fullrank data download NAME --data %s' gets a data set)"
              .formatted(String.join("; ", new LinkedHashSet<>(problems)), directory));
    }
  }

  // Augmentation happens to what has been loaded.
  private static DataSetSpec rowsOf(ExperimentSpec spec) {
    return spec.getDataSet().toBuilder().clearAugmentation().build();
  }
}
