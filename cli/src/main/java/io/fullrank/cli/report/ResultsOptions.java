package io.fullrank.cli.report;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The option of commands that keep or read the results of experiments. */
public final class ResultsOptions {

  @Option(
      names = "--results",
      paramLabel = "DIR",
      defaultValue = ResultsFolder.DEFAULT,
      description =
          "Folder in which 'run' keeps the result of each experiment for 'compare'"
              + " (default: ${DEFAULT-VALUE}).")
  private Path folder;

  public ResultsFolder folder() {
    return new ResultsFolder(folder);
  }
}
