package io.fullrank.cli.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fullrank.cli.failure.ExecutionFailedException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/** Records and trees as JSON, indented for people. */
public final class Json {

  /** Makes and reads the trees that are written. */
  static final ObjectMapper MAPPER = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private Json() {}

  /** Returns a new JSON object without keys. */
  public static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  /** Returns a value as JSON. */
  public static String text(Object value) {
    try {
      return MAPPER.writeValueAsString(value);
    } catch (JsonProcessingException impossible) {
      throw new UncheckedIOException(impossible);
    }
  }

  /**
   * Writes a value to the file that {@code --json} names, whole or not at all.
   *
   * @throws ExecutionFailedException if that fails
   */
  public static void write(Path file, Object value) {
    try {
      WholeFile.write(file, text(value) + System.lineSeparator());
    } catch (IOException failed) {
      throw new ExecutionFailedException(
          "--json %s: could not be written (%s)".formatted(file, failed.getMessage()), failed);
    }
  }
}
