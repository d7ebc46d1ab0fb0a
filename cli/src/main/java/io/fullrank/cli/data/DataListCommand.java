package io.fullrank.cli.data;

import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.terminal.Environment;
import io.fullrank.cli.terminal.TextTable;
import io.fullrank.network.data.DataFolder;
import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.proto.v1.DataSetIdentity;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code fullrank data list}. */
@Command(
    name = "list",
    description = {
      "Lists the data sets in a folder, checks their files against the published SHA-256, and reads"
          + " them as an experiment would."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank data list",
      "  fullrank data list --data ~/data",
      "",
      "Exit status: 0 if all that is there can be used, 1 if not, 2 if there is no such folder."
    })
public final class DataListCommand implements Callable<Integer> {

  private final Environment environment;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description = "Folder that holds one folder per data set (default: data).")
  private Path data = Path.of("data");

  public DataListCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() {
    if (!Files.isDirectory(data)) {
      throw new BadInputException(
          "--data %s: %s"
              .formatted(data, Files.exists(data) ? "not a directory" : "no such directory"));
    }
    List<DataFolder> folders = inspect();
    if (folders.isEmpty()) {
      environment.out().printf("No data sets in %s; see 'fullrank data download --help'.%n", data);
      return ExitCode.OK;
    }
    TextTable table = new TextTable();
    table.row("folder", "data set", "examples", "files");
    for (DataFolder folder : folders) {
      table.row(
          folder.directory(),
          folder.dataSet(),
          folder.identity().map(DataListCommand::size).orElse("unusable"),
          files(folder));
    }
    table.lines().forEach(environment.out()::println);
    List<String> problems = folders.stream().flatMap(each -> each.problems().stream()).toList();
    problems.forEach(problem -> environment.err().println("fullrank: " + problem));
    return problems.isEmpty() ? ExitCode.OK : ExitCode.FAILED;
  }

  private List<DataFolder> inspect() {
    try {
      return DataFolder.inspectAll(data);
    } catch (DataSetException unreadable) {
      throw new ExecutionFailedException(unreadable.getMessage(), unreadable);
    }
  }

  static String size(DataSetIdentity identity) {
    String shape =
        "%d×%d×%d".formatted(identity.getChannels(), identity.getHeight(), identity.getWidth());
    // Semeion has no test file: the rows that are not trained on are the test rows.
    return identity.getName().equals("semeion")
        ? "%d of %s".formatted(identity.getTrainRows() + identity.getTestRows(), shape)
        : "%d + %d of %s".formatted(identity.getTrainRows(), identity.getTestRows(), shape);
  }

  private static String files(DataFolder folder) {
    int all = folder.published().size() + folder.others().size();
    return "%d of %d as published (SHA-256)".formatted(folder.published().size(), all);
  }
}
