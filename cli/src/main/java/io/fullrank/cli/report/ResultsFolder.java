package io.fullrank.cli.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.Run;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The folder in which {@code run} keeps what the metrics service answered about each experiment, so
 * that {@code compare} can print it once the stack is gone: one file for each, {@code
 * EXPERIMENT.result.json}, with the messages in protobuf's JSON.
 */
public final class ResultsFolder {

  /** Where it is unless told otherwise, in the current folder. */
  static final String DEFAULT = "results";

  /** Names as the trainer makes them, and a few more; none is a path. */
  private static final Pattern EXPERIMENT = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,127}");

  private static final String ENDING = ".result.json";
  private static final String COMPARISON = "comparison";
  private static final String RUNS = "runs";

  private final Path folder;

  ResultsFolder(Path folder) {
    this.folder = folder;
  }

  /**
   * Makes the folder, if it is not there.
   *
   * @throws BadInputException if it cannot be made
   */
  public void create() {
    try {
      Files.createDirectories(folder);
    } catch (IOException failed) {
      throw new BadInputException(
          "--results %s: the folder could not be made (%s)".formatted(folder, failed), failed);
    }
  }

  /**
   * Keeps the result of an experiment, whole or not at all.
   *
   * @throws ExecutionFailedException if it could not be written
   * @throws BadInputException if its name is none
   */
  public void keep(ExperimentResult result) {
    try {
      ObjectNode root = Json.MAPPER.createObjectNode();
      root.set(COMPARISON, tree(result.comparison()));
      ArrayNode runs = root.putArray(RUNS);
      for (Run run : result.runs()) {
        runs.add(tree(run));
      }
      WholeFile.write(file(result.experiment()), Json.text(root));
    } catch (IOException failed) {
      throw new ExecutionFailedException(
          "--results %s: the result of %s could not be written (%s)"
              .formatted(folder, result.experiment(), failed),
          failed);
    }
  }

  /**
   * Returns what was kept of an experiment.
   *
   * @throws BadInputException if there is nothing, or nothing that can be read
   */
  public ExperimentResult read(String experiment) {
    if (!Files.isRegularFile(file(experiment))) {
      throw new BadInputException(
          "%s: no result of an experiment %s; 'fullrank run' keeps them there, and --server asks a"
                  .formatted(folder, experiment)
              + " stack instead");
    }
    return read(file(experiment));
  }

  /**
   * Returns what was kept of the newest experiment of each name, in the order of submission.
   *
   * @throws BadInputException if there is nothing, or something that cannot be read
   */
  public List<ExperimentResult> readNewest() {
    List<ExperimentResult> results = new ArrayList<>();
    for (Path file : files()) {
      results.add(read(file));
    }
    if (results.isEmpty()) {
      throw new BadInputException(
          "%s: no results of experiments; 'fullrank run' keeps them there, and --server asks a stack"
                  .formatted(folder)
              + " instead");
    }
    return ExperimentResult.newestOfEachName(results, ExperimentResult::runs);
  }

  private List<Path> files() {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> file.getFileName().toString().endsWith(ENDING))
          .filter(file -> !file.getFileName().toString().startsWith("."))
          .sorted()
          .toList();
    } catch (IOException failed) {
      throw new BadInputException("%s: could not be read (%s)".formatted(folder, failed), failed);
    }
  }

  /**
   * @throws BadInputException if the name, which a server or the user has chosen, would lead out of
   *     the folder
   */
  private Path file(String experiment) {
    if (!EXPERIMENT.matcher(experiment).matches()) {
      throw new BadInputException(
          "--results %s: '%s' is not the name of an experiment".formatted(folder, experiment));
    }
    return folder.resolve(experiment + ENDING);
  }

  private static JsonNode tree(Message message) throws IOException {
    return Json.MAPPER.readTree(JsonFormat.printer().print(message));
  }

  private static ExperimentResult read(Path file) {
    try {
      JsonNode root = Json.MAPPER.readTree(Files.readAllBytes(file));
      JsonNode comparison = root.path(COMPARISON);
      JsonNode runs = root.path(RUNS);
      if (!comparison.isObject() || !runs.isArray() || runs.isEmpty()) {
        throw new BadInputException(
            "%s: not the result of an experiment, which has '%s' and '%s'; move the file elsewhere"
                .formatted(file, COMPARISON, RUNS));
      }
      List<Run> parsed = new ArrayList<>();
      for (JsonNode run : runs) {
        parsed.add(parse(run, Run.newBuilder()).build());
      }
      return new ExperimentResult(parse(comparison, Comparison.newBuilder()).build(), parsed);
    } catch (InvalidProtocolBufferException foreign) {
      throw new BadInputException(
          "%s: not a result that this version of fullrank reads (%s)"
              .formatted(file, firstLine(foreign)),
          foreign);
    } catch (IOException failed) {
      throw new BadInputException(
          "%s: could not be read as JSON (%s)".formatted(file, firstLine(failed)), failed);
    }
  }

  private static <T extends Message.Builder> T parse(JsonNode tree, T builder)
      throws InvalidProtocolBufferException {
    JsonFormat.parser().merge(tree.toString(), builder);
    return builder;
  }

  private static String firstLine(IOException failed) {
    return String.valueOf(failed.getMessage()).lines().findFirst().orElse("");
  }
}
