package io.fullrank.cli.execution;

import io.fullrank.cli.failure.BadInputException;
import io.fullrank.network.experiment.ExperimentFile;
import io.fullrank.network.experiment.yaml.InvalidExperimentException;
import io.fullrank.proto.v1.ExperimentSpec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** The options of commands that run an experiment. */
public final class ExperimentOptions {

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Write the results to this file as JSON.")
  private Path json;

  @Option(
      names = "--set",
      paramLabel = "KEY=VALUE",
      description =
          "Replace a value of the experiment file, such as two-phase.solver=gradient-descent or"
              + " seeds=[1,2]; may be given more than once.")
  private List<String> overrides = List.of();

  /**
   * Returns where the results go.
   *
   * @throws BadInputException if no file can be there
   */
  public Optional<Path> json() {
    if (json == null) {
      return Optional.empty();
    }
    Path absolute = json.toAbsolutePath();
    if (Files.isDirectory(absolute)) {
      throw new BadInputException("--json %s: is a directory; name a file".formatted(json));
    }
    if (!Files.isDirectory(absolute.getParent())) {
      throw new BadInputException("--json %s: its folder does not exist".formatted(json));
    }
    return Optional.of(absolute);
  }

  /**
   * Reads an experiment with its overrides.
   *
   * @throws BadInputException naming file, key and what is wrong
   */
  public ExperimentSpec read(Path yaml) {
    try {
      return ExperimentFile.read(yaml, overrides);
    } catch (InvalidExperimentException invalid) {
      throw new BadInputException(invalid.getMessage(), invalid);
    }
  }
}
