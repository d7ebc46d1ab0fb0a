package io.fullrank.cli;

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
      "",
      "Exit status: 0 if all runs finished, 1 if something failed, 2 for unusable input."
    })
final class DemoCommand implements Callable<Integer> {

  private final Environment environment;

  @Option(
      names = "--keep",
      description = "Keep the stack running after the experiment, until Ctrl-C.")
  private boolean keep;

  @Mixin private ExperimentOptions options;
  @Mixin private StackOptions stackOptions;

  DemoCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() throws InterruptedException {
    Path file = environment.installation().examples().resolve("strokes.yaml");
    ExperimentSpec spec = options.read(file);
    Optional<Path> json = options.json();
    PrintStream out = environment.out();
    try (Stack stack = StackOptions.start(environment, stackOptions.settings(false));
        ServiceClient client = new ServiceClient("127.0.0.1", stack.ports())) {
      new ExperimentExecution(environment, client, stack)
          .execute(List.of(spec), json, result -> {});
      out.println();
      out.println("What the words mean");
      ExperimentSummary.explanation().forEach(out::println);
      out.println();
      out.println("Where to look");
      out.println("  the experiment   " + file);
      out.println("  the logs         " + stack.work());
      out.println("  your own         fullrank run --help");
      if (keep) {
        out.println();
        StackAddresses.lines(stack).forEach(out::println);
        stack.awaitEnd();
      }
    }
    return ExitCode.OK;
  }
}
