package io.fullrank.certificate.file;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The index of a model that is stored in several safetensors files, such as {@code
 * model.safetensors.index.json}: a JSON object whose {@code weight_map} names the file of each
 * tensor. The files lie beside it; an index that names another folder is refused.
 */
public final class SafetensorsIndex {

  private static final String WEIGHT_MAP = "weight_map";
  private static final int MAX_BYTES = 100_000_000;

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(16).build())
          .build();

  private final Map<String, Path> fileOf;

  private SafetensorsIndex(Map<String, Path> fileOf) {
    this.fileOf = fileOf;
  }

  /**
   * Reads an index; the files that it names are not opened.
   *
   * @throws InvalidMatrixFileException if it cannot be read, or is no such index
   */
  public static SafetensorsIndex read(Path path) {
    try (MatrixFile file = MatrixFile.open(path)) {
      if (file.size() > MAX_BYTES) {
        throw file.invalid("has more than " + MAX_BYTES + " bytes, too many for an index");
      }
      return new SafetensorsIndex(parse(file, path));
    }
  }

  /** Returns the names of all tensors, in the order of the index. */
  public List<String> tensors() {
    return List.copyOf(fileOf.keySet());
  }

  /** Returns the files that hold them, each once. */
  public List<Path> files() {
    return fileOf.values().stream().distinct().toList();
  }

  /** Returns the file that should hold a tensor; empty if the index does not name the tensor. */
  public Optional<Path> fileOf(String tensor) {
    return Optional.ofNullable(fileOf.get(tensor));
  }

  private static Map<String, Path> parse(MatrixFile file, Path index) {
    byte[] bytes = file.header(0, (int) file.size()).array();
    // The format is UTF-8, and Jackson would guess at other encodings.
    try (JsonParser parser =
        JSON.createParser(
            new InputStreamReader(
                new ByteArrayInputStream(bytes), StandardCharsets.UTF_8.newDecoder()))) {
      Map<String, Path> files = null;
      require(file, parser.nextToken() == JsonToken.START_OBJECT, "is no JSON object");
      while (parser.nextToken() != JsonToken.END_OBJECT) {
        String key = parser.currentName();
        parser.nextToken();
        if (key.equals(WEIGHT_MAP)) {
          require(file, files == null, "has 'weight_map' twice");
          files = weightMap(file, index, parser);
        } else {
          parser.skipChildren();
        }
      }
      require(file, parser.nextToken() == null, "goes on after the JSON object");
      require(file, files != null, "lacks 'weight_map', which names the file of each tensor");
      return files;
    } catch (JacksonException e) {
      throw file.invalid(
          "is no valid JSON at line "
              + (e.getLocation() == null ? 1 : e.getLocation().getLineNr())
              + ", as the index of a safetensors model is",
          e);
    } catch (CharacterCodingException e) {
      throw file.invalid("is not UTF-8", e);
    } catch (IOException e) {
      throw new IllegalStateException("nothing is read but memory", e);
    }
  }

  private static Map<String, Path> weightMap(MatrixFile file, Path index, JsonParser parser)
      throws IOException {
    require(
        file,
        parser.currentToken() == JsonToken.START_OBJECT,
        "has a weight_map that is no object");
    Map<String, Path> files = new LinkedHashMap<>();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String tensor = parser.currentName();
      String shown = "tensor '" + MatrixFile.printable(tensor) + "'";
      require(file, parser.nextToken() == JsonToken.VALUE_STRING, "names no file for " + shown);
      String name = parser.getText();
      require(
          file,
          name.endsWith(".safetensors")
              && name.chars().noneMatch(c -> c == '/' || c == '\\' || c < ' '),
          "names '"
              + MatrixFile.printable(name)
              + "' for "
              + shown
              + ", which is no .safetensors file beside the index");
      require(
          file, files.put(tensor, index.resolveSibling(name)) == null, "names " + shown + " twice");
    }
    return files;
  }

  private static void require(MatrixFile file, boolean condition, String message) {
    if (!condition) {
      throw file.invalid(message);
    }
  }
}
