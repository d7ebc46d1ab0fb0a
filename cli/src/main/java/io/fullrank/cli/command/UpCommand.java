package io.fullrank.cli.command;

import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.stack.Stack;
import io.fullrank.cli.stack.StackAddresses;
import io.fullrank.cli.stack.StackOptions;
import io.fullrank.cli.terminal.Environment;
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
public final class UpCommand implements Callable<Integer> {

  private final Environment environment;

  @Mixin private StackOptions stackOptions;

  public UpCommand(Environment environment) {
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
