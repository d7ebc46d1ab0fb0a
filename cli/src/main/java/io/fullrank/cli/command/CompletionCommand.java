package io.fullrank.cli.command;

import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.terminal.Environment;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code fullrank completion}. */
@Command(
    name = "completion",
    description = "Prints a script that completes commands and options in bash and zsh.",
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank completion > ~/.local/share/bash-completion/completions/fullrank",
      "  source <(fullrank completion)"
    })
public final class CompletionCommand implements Callable<Integer> {

  private final Environment environment;

  @Spec private CommandSpec spec;

  public CompletionCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() {
    environment.out().print(AutoComplete.bash(spec.root().name(), spec.root().commandLine()));
    environment.out().flush();
    return ExitCode.OK;
  }
}
