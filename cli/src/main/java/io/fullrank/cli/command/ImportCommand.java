package io.fullrank.cli.command;

import io.fullrank.cli.client.IngestClient;
import io.fullrank.cli.client.IngestOptions;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.failure.ServiceUnavailableException;
import io.fullrank.cli.playback.ReportFile;
import io.fullrank.cli.playback.ReportPlayer;
import io.fullrank.cli.report.ImportReport;
import io.fullrank.cli.terminal.DownloadProgress;
import io.fullrank.cli.terminal.Environment;
import io.fullrank.proto.v1.RegisterRunResponse;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.function.LongConsumer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code fullrank import}. */
@Command(
    name = "import",
    description = {
      "Plays a file that a training program wrote without a server to the trainer service of a"
          + " stack.",
      "The file is checked as a whole before anything is sent. A file that is imported again is the"
          + " same run, so that an import that broke off can be repeated."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank import run.fullrank",
      "  fullrank import run.fullrank --server host.example.org --ca ca.pem --token-file token",
      "  fullrank import run.fullrank --partial    # of a program that was killed while it wrote"
    })
public final class ImportCommand implements Callable<Integer> {

  private final Environment environment;

  @Parameters(paramLabel = "FILE", description = "What the program wrote.")
  private Path file;

  @Option(
      names = "--partial",
      description =
          "Take a file that ends in the middle of a message or a snapshot, up to there; without"
              + " this option it is refused.")
  private boolean partial;

  @Option(names = "--json", description = "Print the result as JSON.")
  private boolean json;

  @Mixin private IngestOptions server;

  public ImportCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() throws InterruptedException {
    ReportFile reports = ReportFile.check(file, partial);
    try (IngestClient client = server.connect()) {
      RegisterRunResponse run = client.register(reports.registration());
      DownloadProgress progress = environment.downloadProgress();
      LongConsumer shown =
          json
              ? offset -> {}
              : offset -> progress.show(file.toString(), offset, OptionalLong.of(reports.end()));
      new ReportPlayer(reports, client, shown).play(run);
      ImportReport report =
          new ImportReport(
              file.toString(),
              run.getRun(),
              run.getExperiment(),
              reports.snapshots(),
              reports.hasResult(),
              run.getWarningsList());
      if (json) {
        environment.out().println(report.toJson());
      } else {
        progress.sent(file.toString(), "accepted by the server");
        report.lines().forEach(environment.out()::println);
      }
      return ExitCode.OK;
    } catch (ServiceUnavailableException away) {
      throw new ExecutionFailedException(
          away.getMessage() + "; 'fullrank up' starts a stack", away);
    }
  }
}
