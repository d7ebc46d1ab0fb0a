package io.fullrank.cli.command;

import io.fullrank.cli.client.ServiceClient;
import io.fullrank.cli.execution.ExperimentExecution;
import io.fullrank.cli.execution.ExperimentOptions;
import io.fullrank.cli.execution.ServerOptions;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.report.ExperimentSummary;
import io.fullrank.cli.stack.Liveness;
import io.fullrank.cli.stack.Stack;
import io.fullrank.cli.stack.StackAddresses;
import io.fullrank.cli.stack.StackOptions;
import io.fullrank.cli.terminal.Environment;
import io.fullrank.proto.v1.ExperimentSpec;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code fullrank demo}. */
@Command(
    name = "demo",
    description = {
      "Trains, streams, certifies and compares on this machine: a Kafka broker, the three services"
          + " and one experiment on generated digits, base and two-phase.",
      "Leaves nothing running; logs stay in the work folder that it names."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank demo",
      "  fullrank demo --json demo.json",
      "  fullrank demo --set two-phase.solver=gradient-descent",
      "  fullrank demo --keep --any-ports",
      "  fullrank demo --trainer fullrank-trainer:9001 --metrics fullrank-metrics:9003",
      "",
      "Exit status: 0 if all runs finished, 1 if something failed, 2 for unusable input."
    })
public final class DemoCommand implements Callable<Integer> {

  private final Environment environment;

  @Option(
      names = "--keep",
      description = "Keep the stack running after the experiment, until Ctrl-C.")
  private boolean keep;

  @Mixin private ExperimentOptions options;
  @Mixin private ServerOptions server;
  @Mixin private StackOptions stackOptions;

  public DemoCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() throws InterruptedException {
    Path file = environment.installation().examples().resolve("strokes.yaml");
    ExperimentSpec spec = options.read(file);
    Optional<Path> json = options.json();
    if (keep && server.isGiven()) {
      throw new BadInputException("--keep is for a stack that is started here");
    }
    Optional<ServiceClient> connected = server.connect(stackOptions);
    if (connected.isPresent()) {
      try (ServiceClient client = connected.get()) {
        execute(client, Liveness.unknown(), spec, json);
        explain(file, Optional.empty());
      }
    } else {
      try (Stack stack = StackOptions.start(environment, stackOptions.settings(false));
          ServiceClient client = new ServiceClient("127.0.0.1", stack.ports())) {
        execute(client, stack, spec, json);
        explain(file, Optional.of(stack.work()));
        if (keep) {
          environment.out().println();
          StackAddresses.lines(stack).forEach(environment.out()::println);
          stack.awaitEnd();
        }
      }
    }
    return ExitCode.OK;
  }

  private void execute(
      ServiceClient client, Liveness liveness, ExperimentSpec spec, Optional<Path> json)
      throws InterruptedException {
    new ExperimentExecution(environment, client, liveness)
        .execute(List.of(spec), json, result -> {});
  }

  private void explain(Path experiment, Optional<Path> logs) {
    PrintStream out = environment.out();
    out.println();
    out.println("What the words mean");
    ExperimentSummary.explanation().forEach(out::println);
    out.println();
    out.println("Where to look");
    out.println("  the experiment   " + experiment);
    logs.ifPresent(folder -> out.println("  the logs         " + folder));
    out.println("  your own         fullrank run --help");
  }
}
