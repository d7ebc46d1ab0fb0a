package io.fullrank.cli;

import io.fullrank.network.data.DataSetException;
import io.fullrank.network.data.DataSets;
import io.fullrank.proto.v1.ExperimentSpec;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code fullrank run}. */
@Command(
    name = "run",
    description = "Runs an experiment, on a stack of its own or on one that is there.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank run examples/strokes.yaml",
      "  fullrank run examples/semeion-fc.yaml --data ~/data --json out.json",
      "  fullrank run my.yaml --set seeds=[1,2,3] --set epochs=10",
      "  fullrank run my.yaml --server localhost",
      "",
      "Exit status: 0 if all runs finished, 1 if something failed, 2 for unusable input."
    })
final class RunCommand implements Callable<Integer> {

  private final Environment environment;

  @Parameters(paramLabel = "EXPERIMENT.yaml", description = "The experiment file.")
  private Path experiment;

  @Option(
      names = "--server",
      paramLabel = "HOST",
      description =
          "Use the stack on this host (started by 'fullrank up', for instance) instead of starting"
              + " one; --trainer-port and --metrics-port say where it listens.")
  private String server;

  @Mixin private ExperimentOptions options;
  @Mixin private StackOptions stackOptions;

  RunCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() throws InterruptedException {
    ExperimentSpec spec = options.read(experiment);
    Optional<Path> json = options.json();
    if (server != null) {
      if (stackOptions.data().isPresent() || stackOptions.work().isPresent()) {
        throw new BadInputException(
            "--data and --work are for a stack that is started here; the one on %s has its own"
                .formatted(server));
      }
      Ports ports = stackOptions.ports().toConnectTo();
      try (ServiceClient client = new ServiceClient(server, ports)) {
        new ExperimentExecution(environment, client, Liveness.unknown()).execute(spec, json);
      }
    } else {
      StackSettings settings = stackOptions.settings(false);
      requireData(spec, settings);
      try (Stack stack = StackOptions.start(environment, settings);
          ServiceClient client = new ServiceClient("127.0.0.1", stack.ports())) {
        new ExperimentExecution(environment, client, stack).execute(spec, json);
      }
    }
    return ExitCode.OK;
  }

  // The trainer would find out too, but only once everything has been started for nothing.
  private static void requireData(ExperimentSpec spec, StackSettings settings) {
    try {
      DataSets.load(spec.getDataSet(), settings.data().orElse(Path.of("data")));
    } catch (DataSetException unusable) {
      throw new BadInputException(unusable.getMessage(), unusable);
    }
  }
}
