package io.fullrank.cli;

import io.fullrank.cli.bench.BenchCertificateCommand;
import io.fullrank.cli.bench.BenchCommand;
import io.fullrank.cli.bench.BenchMetricsCommand;
import io.fullrank.cli.bench.BenchTrainingCommand;
import io.fullrank.cli.chaos.BenchChaosCommand;
import io.fullrank.cli.command.CheckCommand;
import io.fullrank.cli.command.CheckRunCommand;
import io.fullrank.cli.command.CompareCommand;
import io.fullrank.cli.command.CompletionCommand;
import io.fullrank.cli.command.DemoCommand;
import io.fullrank.cli.command.ImagesCommand;
import io.fullrank.cli.command.ImportCommand;
import io.fullrank.cli.command.KafkaCommand;
import io.fullrank.cli.command.ProveCommand;
import io.fullrank.cli.command.RunCommand;
import io.fullrank.cli.command.RunsCommand;
import io.fullrank.cli.command.UpCommand;
import io.fullrank.cli.command.VerifyCommand;
import io.fullrank.cli.data.DataCommand;
import io.fullrank.cli.data.DataDownloadCommand;
import io.fullrank.cli.data.DataListCommand;
import io.fullrank.cli.doctor.DoctorCommand;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.terminal.Environment;
import java.util.Locale;
import java.util.Optional;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command {@code fullrank}. */
@Command(
    name = "fullrank",
    description = {
      "Watches deep networks train and proves, live, whether the output layer alone can bring the training loss as close as one likes"
          + " to its infimum over all layers."
    },
    mixinStandardHelpOptions = true,
    versionProvider = Fullrank.Version.class,
    scope = ScopeType.INHERIT,
    synopsisSubcommandLabel = "COMMAND",
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank demo                                    a first experiment on this machine",
      "  fullrank run examples/semeion-fc.yaml --data DIR",
      "  fullrank check features.npy",
      "  fullrank COMMAND --help                          options and examples of a command"
    })
public final class Fullrank implements Runnable {

  @Spec private CommandSpec spec;

  Fullrank() {}

  /** Runs one command and ends the process with its exit status. */
  public static void main(String[] arguments) {
    // Digits and decimal points are the same in every locale.
    Locale.setDefault(Locale.ROOT);
    // What libraries would log at lower levels reaches the user as an exception, once.
    Logger.getLogger("").setLevel(Level.SEVERE);
    System.exit(commandLine(Environment.ofProcess()).execute(arguments));
  }

  /** Returns the command with all its subcommands. */
  static CommandLine commandLine(Environment environment) {
    CommandLine commandLine =
        new CommandLine(new Fullrank())
            .addSubcommand(new DemoCommand(environment))
            .addSubcommand(new UpCommand(environment))
            .addSubcommand(new KafkaCommand(environment))
            .addSubcommand(new RunCommand(environment))
            .addSubcommand(new RunsCommand(environment))
            .addSubcommand(new CompareCommand(environment))
            .addSubcommand(new CheckCommand(environment))
            .addSubcommand(new CheckRunCommand(environment))
            .addSubcommand(new ProveCommand(environment))
            .addSubcommand(new VerifyCommand(environment))
            .addSubcommand(new ImportCommand(environment))
            .addSubcommand(
                new CommandLine(new BenchCommand())
                    .addSubcommand(new BenchCertificateCommand(environment))
                    .addSubcommand(new BenchTrainingCommand(environment))
                    .addSubcommand(new BenchMetricsCommand(environment))
                    .addSubcommand(new BenchChaosCommand(environment)))
            .addSubcommand(
                new CommandLine(new DataCommand())
                    .addSubcommand(new DataListCommand(environment))
                    .addSubcommand(new DataDownloadCommand(environment)))
            .addSubcommand(new DoctorCommand(environment))
            .addSubcommand(new ImagesCommand(environment))
            .addSubcommand(new CompletionCommand(environment));
    commandLine.setOut(new java.io.PrintWriter(environment.out(), true));
    commandLine.setErr(new java.io.PrintWriter(environment.err(), true));
    commandLine.setUsageHelpAutoWidth(false);
    // Options say auto and openblas where enums say AUTO and OPENBLAS.
    commandLine.setCaseInsensitiveEnumValuesAllowed(true);
    commandLine.setParameterExceptionHandler((invalid, arguments) -> explain(environment, invalid));
    commandLine.setExecutionExceptionHandler(
        (failed, command, parsed) -> explain(environment, failed, parsed));
    return commandLine;
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Missing command");
  }

  private static int explain(Environment environment, ParameterException invalid) {
    environment
        .err()
        .printf(
            "fullrank: %s (see '%s --help')%n",
            invalid.getMessage(), invalid.getCommandLine().getCommandSpec().qualifiedName());
    return ExitCode.BAD_INPUT;
  }

  private static int explain(Environment environment, Exception failed, ParseResult parsed) {
    if (failed instanceof InterruptedException) {
      // The user has stopped the command and needs no message.
      return ExitCode.FAILED;
    }
    environment.err().println("fullrank: " + failed.getMessage());
    if (failed instanceof BadInputException) {
      return ExitCode.BAD_INPUT;
    }
    if (!(failed instanceof ExecutionFailedException)) {
      environment.err().println("This is an error in fullrank itself:");
      failed.printStackTrace(environment.err());
    }
    return ExitCode.FAILED;
  }

  /** The version in the manifest of the jar. */
  static final class Version implements IVersionProvider {

    @Override
    public String[] getVersion() {
      return new String[] {
        "fullrank "
            + Optional.ofNullable(Fullrank.class.getPackage().getImplementationVersion())
                .orElse("(not packaged)")
      };
    }
  }
}
