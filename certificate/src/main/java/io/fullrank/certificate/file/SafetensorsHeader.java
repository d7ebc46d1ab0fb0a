package io.fullrank.certificate.file;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import io.fullrank.certificate.file.SafetensorsFile.Tensor;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Parses the JSON header of a safetensors file: an object with one member per tensor, and maybe
 * {@code __metadata__}, an object of texts, which says nothing about the tensors.
 */
final class SafetensorsHeader {

  private static final String METADATA = "__metadata__";

  /** More tensors than any real file has, and few enough for a small heap. */
  private static final int MAX_TENSORS = 1 << 18;

  private static final int MAX_DIMENSIONS = 64;

  /**
   * Levels that are known: the object, a tensor, a list. As many again may follow in unknown keys.
   */
  private static final int MAX_NESTING = 6;

  private static final int MAX_NAME_CHARACTERS = 4096;

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(MAX_NESTING)
                  .maxNameLength(MAX_NAME_CHARACTERS)
                  .maxNumberLength(20)
                  .build())
          .build();

  /** Bits of an element, for the types whose ranges are compared with the shape. */
  private static final Map<String, Integer> BITS =
      Map.ofEntries(
          Map.entry("BOOL", 8),
          Map.entry("U8", 8),
          Map.entry("I8", 8),
          Map.entry("F8_E5M2", 8),
          Map.entry("F8_E4M3", 8),
          Map.entry("F8_E8M0", 8),
          Map.entry("F8_E4M3FNUZ", 8),
          Map.entry("F8_E5M2FNUZ", 8),
          Map.entry("I16", 16),
          Map.entry("U16", 16),
          Map.entry("F16", 16),
          Map.entry("BF16", 16),
          Map.entry("I32", 32),
          Map.entry("U32", 32),
          Map.entry("F32", 32),
          Map.entry("I64", 64),
          Map.entry("U64", 64),
          Map.entry("F64", 64),
          Map.entry("C64", 64));

  private final JsonParser parser;
  private final List<Tensor> tensors = new ArrayList<>();

  private SafetensorsHeader(JsonParser parser) {
    this.parser = parser;
  }

  /** The bytes are not such a header; the message is for people. */
  static final class MalformedHeaderException extends Exception {
    MalformedHeaderException(String message) {
      super(message);
    }

    MalformedHeaderException(String message, Throwable cause) {
      super(message, cause);
    }
  }

  /**
   * Parses a header.
   *
   * @param header its bytes
   * @param dataBytes the number of bytes that follow it in the file
   * @return the tensors in the order of the header; their ranges cover the data without holes or
   *     overlaps, and where the type is known, have the length that type and shape need
   */
  static List<Tensor> parse(byte[] header, long dataBytes) throws MalformedHeaderException {
    // The format is UTF-8, and Jackson would guess at other encodings.
    try (JsonParser parser =
        JSON.createParser(
            new InputStreamReader(
                new ByteArrayInputStream(header), StandardCharsets.UTF_8.newDecoder()))) {
      SafetensorsHeader parsing = new SafetensorsHeader(parser);
      parsing.object();
      requireCovered(parsing.tensors, dataBytes);
      return List.copyOf(parsing.tensors);
    } catch (JacksonException e) {
      throw new MalformedHeaderException(
          String.format(
              Locale.ROOT,
              "its header is no valid JSON at character %d: %s",
              e.getLocation() == null ? 0 : e.getLocation().getCharOffset(),
              // Jackson quotes the file in its message, which is cut off there; the rest is ASCII.
              e.getOriginalMessage().replaceAll("[^\\x20-\\x7e]+", " ").split("\\(was|;", 2)[0]),
          e);
    } catch (CharacterCodingException e) {
      throw new MalformedHeaderException("its header is not UTF-8", e);
    } catch (IOException e) {
      throw new IllegalStateException("nothing is read but memory", e);
    }
  }

  private void object() throws IOException, MalformedHeaderException {
    require(parser.nextToken() == JsonToken.START_OBJECT, "its header is no JSON object");
    Set<String> names = new HashSet<>();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = parser.currentName();
      require(names.add(name), "its header has '%s' twice", name);
      parser.nextToken();
      if (name.equals(METADATA)) {
        require(parser.currentToken() == JsonToken.START_OBJECT, METADATA + " is no JSON object");
        parser.skipChildren();
      } else {
        require(
            tensors.size() < MAX_TENSORS, "its header names more than " + MAX_TENSORS + " tensors");
        tensors.add(tensor(name));
      }
    }
    require(parser.nextToken() == null, "its header goes on after the JSON object");
  }

  private Tensor tensor(String name) throws IOException, MalformedHeaderException {
    require(parser.currentToken() == JsonToken.START_OBJECT, "tensor '%s' is no JSON object", name);
    String type = null;
    List<Long> shape = null;
    List<Long> offsets = null;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = parser.currentName();
      parser.nextToken();
      switch (key) {
        case "dtype" -> {
          require(type == null, "tensor '%s' has 'dtype' twice", name);
          require(
              parser.currentToken() == JsonToken.VALUE_STRING,
              "tensor '%s': dtype is no text",
              name);
          type = parser.getText();
        }
        case "shape" -> {
          require(shape == null, "tensor '%s' has 'shape' twice", name);
          shape = integers(name, key, MAX_DIMENSIONS);
        }
        case "data_offsets" -> {
          require(offsets == null, "tensor '%s' has 'data_offsets' twice", name);
          offsets = integers(name, key, 2);
        }
        // The format has no other keys today; unknown ones may be skipped.
        default -> parser.skipChildren();
      }
    }
    require(type != null, "tensor '%s' lacks 'dtype'", name);
    require(shape != null, "tensor '%s' lacks 'shape'", name);
    require(offsets != null, "tensor '%s' lacks 'data_offsets'", name);
    require(
        offsets.size() == 2 && offsets.get(0) <= offsets.get(1),
        "tensor '%s': data_offsets %s are not a begin and an end",
        name,
        offsets);
    Tensor tensor = new Tensor(name, type, shape, offsets.get(0), offsets.get(1));
    requireLength(tensor);
    return tensor;
  }

  private List<Long> integers(String name, String key, int atMost)
      throws IOException, MalformedHeaderException {
    require(
        parser.currentToken() == JsonToken.START_ARRAY, "tensor '%s': %s is no list", name, key);
    List<Long> integers = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      require(
          integers.size() < atMost, "tensor '%s': %s has more than %d entries", name, key, atMost);
      require(
          parser.currentToken() == JsonToken.VALUE_NUMBER_INT
              && parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER
              && parser.getLongValue() >= 0,
          "tensor '%s': an entry of %s is no integer from 0 to 2^63 - 1",
          name,
          key);
      integers.add(parser.getLongValue());
    }
    return integers;
  }

  private static void requireLength(Tensor tensor) throws MalformedHeaderException {
    Integer bits = BITS.get(tensor.type());
    if (bits == null) {
      return;
    }
    long expected;
    try {
      long elements = 1;
      for (long dimension : tensor.shape()) {
        elements = Math.multiplyExact(elements, dimension);
      }
      expected = Math.multiplyExact(elements, (long) bits / Byte.SIZE);
    } catch (ArithmeticException e) {
      throw new MalformedHeaderException(
          "tensor '"
              + MatrixFile.printable(tensor.name())
              + "' has shape "
              + tensor.shape()
              + ", more than any file can hold",
          e);
    }
    require(
        expected == tensor.end() - tensor.begin(),
        "tensor '%s': shape %s of %s asks for %d bytes, data_offsets for %d",
        tensor.name(),
        tensor.shape(),
        tensor.type(),
        expected,
        tensor.end() - tensor.begin());
  }

  private static void requireCovered(List<Tensor> tensors, long dataBytes)
      throws MalformedHeaderException {
    List<Tensor> sorted = new ArrayList<>(tensors);
    sorted.sort(Comparator.comparingLong(Tensor::begin).thenComparingLong(Tensor::end));
    long covered = 0;
    String last = "";
    for (Tensor tensor : sorted) {
      require(
          tensor.begin() >= covered,
          "tensors '%s' and '%s' overlap at byte %d of the data",
          last,
          tensor.name(),
          tensor.begin());
      require(
          tensor.begin() == covered,
          "bytes %d to %d of the data, before tensor '%s', belong to no tensor",
          covered,
          tensor.begin(),
          tensor.name());
      require(
          tensor.end() <= dataBytes,
          "is truncated: tensor '%s' ends at byte %d of the data, of which there are %d",
          tensor.name(),
          tensor.end(),
          dataBytes);
      covered = tensor.end();
      last = tensor.name();
    }
    require(
        covered == dataBytes,
        "has trailing bytes: its tensors have %d bytes, but %d follow the header",
        covered,
        dataBytes);
  }

  private static void require(boolean condition, String message, Object... arguments)
      throws MalformedHeaderException {
    if (!condition) {
      Object[] shown = arguments.clone();
      for (int i = 0; i < shown.length; i++) {
        shown[i] = shown[i] instanceof String text ? MatrixFile.printable(text) : shown[i];
      }
      throw new MalformedHeaderException(String.format(Locale.ROOT, message, shown));
    }
  }
}
