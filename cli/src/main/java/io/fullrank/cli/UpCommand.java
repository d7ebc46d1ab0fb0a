package io.fullrank.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code fullrank up}. */
@Command(
    name = "up",
    description = {
      "Starts a Kafka broker and the three services on this machine and stays until Ctrl-C.",
      "With --work, the next 'up' in the same folder goes on where this one stopped."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank up --data ~/data",
      "  fullrank up --work ~/fullrank --metrics-port 19003",
      "  fullrank up --any-ports"
    })
final class UpCommand implements Callable<Integer> {

  private final Environment environment;

  @Mixin private StackOptions stackOptions;

  UpCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() throws InterruptedException {
    try (Stack stack = StackOptions.start(environment, stackOptions.settings(true))) {
      StackAddresses.lines(stack).forEach(environment.out()::println);
      stack.awaitEnd();
    }
    return ExitCode.OK;
  }
}
