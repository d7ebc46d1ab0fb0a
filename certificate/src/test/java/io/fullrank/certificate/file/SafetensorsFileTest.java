package io.fullrank.certificate.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.certificate.file.SafetensorsFile.Tensor;
import io.fullrank.certificate.matrix.Matrix;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The golden files come from src/test/oracle/safetensors.py. */
class SafetensorsFileTest {

  private static final double[][] VALUES = {{1, -2.5, 0}, {65504, 0x1p-14, -0x1p-13}};

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"F16", "F32", "F64"})
  void readsEveryType(String type) {
    try (SafetensorsFile file = SafetensorsFile.open(golden(type));
        Matrix matrix = file.read("phi", false);
        Matrix withOnes = file.read("phi", true)) {
      assertThat(file.tensors()).extracting(Tensor::type).containsExactly(type);
      assertHolds(matrix, VALUES);
      assertHolds(withOnes, new double[][] {{1, -2.5, 0, 1}, {65504, 0x1p-14, -0x1p-13, 1}});
    }
  }

  @Test
  void readsBrainFloats() {
    try (SafetensorsFile file = SafetensorsFile.open(golden("BF16"));
        Matrix matrix = file.read("phi", false)) {
      assertHolds(matrix, new double[][] {{1, -2.5, 0}, {65280, 0x1p-14, -0x1p-13}});
    }
  }

  /** What the types' definitions say of some patterns of bits. */
  @ParameterizedTest
  @CsvSource({
    "BOOL, 00 01 02, 0 1 1",
    "I8, 80 ff 7f, -128 -1 127",
    "U8, 80 ff 7f, 128 255 127",
    "I16, 0080 ffff 0100, -32768 -1 1",
    "U16, 0080 ffff 0100, 32768 65535 1",
    "I32, 00000080 ffffffff, -0x1p31 -1",
    "U32, 00000080 ffffffff, 0x1p31 4294967295",
    "I64, 000000000000e0ff 0000000000002000, -0x1p53 0x1p53",
    "U64, 0000000000000000 0000000000002000, 0 0x1p53",
    "F8_E4M3, 00 80 01 08 38 b9 7e fe 7f ff, 0 -0.0 0x1p-9 0x1p-6 1 -1.125 448 -448 NaN NaN",
    "F8_E5M2, 00 80 01 04 3c bd 7b 7c fc 7f, 0 -0.0 0x1p-16 0x1p-14 1 -1.25 57344 Infinity"
        + " -Infinity NaN",
    "F8_E4M3FNUZ, 00 80 01 08 40 c1 7f ff, 0 NaN 0x1p-10 0x1p-7 1 -1.125 240 -240",
    "F8_E5M2FNUZ, 00 80 01 04 40 c1 7f ff, 0 NaN 0x1p-17 0x1p-15 1 -1.25 57344 -57344",
    "F8_E8M0, 00 7f 80 fe ff, 0x1p-127 1 2 0x1p127 NaN",
  })
  void widensEveryTypeByItsDefinition(String type, String bytes, String values) throws IOException {
    byte[] data = HexFormat.of().parseHex(bytes.replace(" ", ""));
    double[] expected = Arrays.stream(values.split(" ")).mapToDouble(Double::parseDouble).toArray();
    Path path =
        write(
            "{\"phi\": {\"dtype\": \"%s\", \"shape\": [1, %d], \"data_offsets\": [0, %d]}}"
                .formatted(type, expected.length, data.length),
            data);
    try (SafetensorsFile file = SafetensorsFile.open(path);
        Matrix matrix = file.read("phi", false)) {
      assertThat(file.tensors()).allMatch(Tensor::isMatrix);
      assertHolds(matrix, new double[][] {expected});
    }
  }

  @Test
  void refusesIntegersThatFloat64DoesNotAllHold() throws IOException {
    Path path =
        write(
            "{\"phi\": {\"dtype\": \"I64\", \"shape\": [1, 1], \"data_offsets\": [0, 8]}}",
            HexFormat.of().parseHex("ffffffffffffdfff"));
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertThatThrownBy(() -> file.read("phi", true))
          .isInstanceOf(InvalidMatrixFileException.class)
          .hasMessageStartingWith(path + ": holds the integer -9007199254740993, beyond 2^53");
    }
  }

  @Test
  void keepsExtremeAndSpecialValues() {
    try (SafetensorsFile file = SafetensorsFile.open(golden("extremes"));
        Matrix matrix = file.read("phi", false)) {
      assertHolds(
          matrix,
          new double[][] {
            {Double.MIN_VALUE, Double.MAX_VALUE},
            {-0.0, Double.NaN},
            {Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}
          });
    }
  }

  @Test
  void findsATensorAmongOthersAndTellsWhichAreMatrices() {
    try (SafetensorsFile file = SafetensorsFile.open(golden("model"));
        Matrix matrix = file.read("layers.1.weight", false)) {
      assertThat(file.tensors())
          .extracting(Tensor::name)
          .containsExactly(
              "layers.1.weight",
              "layers.0.weight",
              "layers.0.bias",
              "steps",
              "empty",
              "packed",
              "indices");
      assertThat(file.tensors().stream().filter(Tensor::isMatrix).map(Tensor::name))
          .containsExactly("layers.1.weight", "layers.0.weight", "indices");
      assertThat(file.tensors().get(0).shape()).containsExactly(2L, 3L);
      assertHolds(matrix, VALUES);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "steps, shape []",
    "packed, elements of type 'F4'",
    "layers.0.bias, shape [3]",
    "empty, 'shape [0, 3]'",
    "layers, has no tensor 'layers'",
  })
  void refusesWhatIsNoMatrixOfNumbers(String name, String reason) {
    try (SafetensorsFile file = SafetensorsFile.open(golden("model"))) {
      assertThatThrownBy(() -> file.read(name, true))
          .isInstanceOf(InvalidMatrixFileException.class)
          .hasMessageStartingWith(golden("model") + ": ")
          .hasMessageContaining(reason);
    }
  }

  /** The tensor before it makes the file longer than any mapping; it is a hole on the disk. */
  @Test
  void readsBeyondTwoGibibytes() throws IOException {
    long before = (1L << 31) + 1000;
    String header =
        ("{\"before\": {\"dtype\": \"U8\", \"shape\": [%d], \"data_offsets\": [0, %d]},"
                + " \"phi\": {\"dtype\": \"F32\", \"shape\": [1, 2], \"data_offsets\": [%d, %d]}}")
            .formatted(before, before, before, before + 8);
    Path path = write(header, new byte[0]);
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
      ByteBuffer numbers = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      numbers.putFloat(1.5f).putFloat(-7).flip();
      channel.write(numbers, Files.size(path) + before);
    }
    try (SafetensorsFile file = SafetensorsFile.open(path);
        Matrix matrix = file.read("phi", false)) {
      assertHolds(matrix, new double[][] {{1.5, -7}});
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "header-beyond-file | is truncated: its header has 1000 bytes, but only",
        "header-too-long | its header would have 100000001 bytes, at most 100000000 are allowed",
        "header-length-negative | its header would have 18446744073709551615 bytes",
        "not-json | its header is no valid JSON at character 0: Unrecognized token",
        "not-an-object | its header is no JSON object",
        "unfinished | its header is no valid JSON at character",
        "goes-on | its header goes on after the JSON object",
        "not-utf8 | its header is not UTF-8",
        "utf16 | its header is no valid JSON",
        "deeply-nested | tensor 'phi' is no JSON object",
        "nested-metadata | nesting depth (7) exceeds the maximum allowed",
        "metadata | __metadata__ is no JSON object",
        "tensor-twice | its header has 'phi' twice",
        "shape-twice | tensor 'phi' has 'shape' twice",
        "no-dtype | tensor 'phi' lacks 'dtype'",
        "no-shape | tensor 'phi' lacks 'shape'",
        "no-offsets | tensor 'phi' lacks 'data_offsets'",
        "tensor-is-a-number | tensor 'phi' is no JSON object",
        "dtype-is-a-number | tensor 'phi': dtype is no text",
        "negative-dimension | an entry of shape is no integer from 0 to 2^63 - 1",
        "fractional-dimension | an entry of shape is no integer",
        "huge-dimension | an entry of shape is no integer",
        "long-number | its header is no valid JSON",
        "product-overflows | more than any file can hold",
        "many-dimensions | shape has more than 64 entries",
        "one-offset | data_offsets [24] are not a begin and an end",
        "three-offsets | data_offsets has more than 2 entries",
        "backwards | data_offsets [24, 0] are not a begin and an end",
        "length | shape [2, 3] of F32 asks for 24 bytes, data_offsets for 20",
        "overlap | tensors 'a' and 'b' overlap at byte 8 of the data",
        "hole | bytes 8 to 16 of the data, before tensor 'b', belong to no tensor",
        "hole-at-start | bytes 0 to 16 of the data, before tensor 'b', belong to no tensor",
        "truncated | tensor 'phi' ends at byte 24 of the data, of which there are 23",
        "trailing | its tensors have 24 bytes, but 25 follow the header",
        "no-tensors | its tensors have 0 bytes, but 24 follow the header",
      })
  void refusesDamagedFiles(String name, String reason) {
    assertRefused(golden("invalid-" + name), reason);
  }

  @Test
  void refusesFilesThatEndWithinTheHeader() throws IOException {
    assertRefused(Files.write(folder.resolve("empty.safetensors"), new byte[0]), "is empty");
    assertRefused(
        Files.write(folder.resolve("short.safetensors"), new byte[7]),
        "is truncated: it ends within its header");
    assertRefused(
        Files.write(folder.resolve("zero.safetensors"), new byte[8]),
        "its header is no JSON object");
    assertRefused(folder.resolve("absent.safetensors"), "no such file");
    assertRefused(folder, "is a directory");
  }

  @Test
  void refusesMoreTensorsThanAnyModelHas() throws IOException {
    StringBuilder header = new StringBuilder("{");
    for (int i = 0; i <= 1 << 18; i++) {
      header
          .append(i == 0 ? "" : ",")
          .append("\"%d\":{\"dtype\":\"F4\",\"shape\":[],\"data_offsets\":[0,0]}".formatted(i));
    }
    assertRefused(
        write(header.append('}').toString(), new byte[0]), "names more than 262144 tensors");
  }

  @Test
  void keepsMessagesOnOneLineAndShort() throws IOException {
    String evil = "a\\nb\\u0007" + "c".repeat(1000);
    assertRefused(write("{\"" + evil + "\": 1}", new byte[0]), "tensor 'a?b?" + "c".repeat(36));
    assertRefused(write("{\"" + "c".repeat(5000) + "\": 1}", new byte[0]), "4096");
    assertRefused(write("{\"a\": " + "c\n".repeat(5000) + "}", new byte[0]), "Unrecognized token");
  }

  private static void assertRefused(Path path, String reason) {
    assertThatThrownBy(() -> SafetensorsFile.open(path).close())
        .isInstanceOf(InvalidMatrixFileException.class)
        .hasMessageStartingWith(path + ": ")
        .hasMessageContaining(reason)
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n").hasSizeLessThan(400));
  }

  private static Path golden(String name) {
    try {
      return Path.of(
          SafetensorsFileTest.class.getResource("/safetensors/" + name + ".safetensors").toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private Path write(String header, byte[] data) throws IOException {
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer file =
        ByteBuffer.allocate(8 + text.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
    file.putLong(text.length).put(text).put(data);
    return Files.write(folder.resolve("matrix.safetensors"), file.array());
  }

  /** Compares bit by bit, except for the payload of NaN; as text, to show where they differ. */
  private static void assertHolds(Matrix matrix, double[][] expected) {
    double[][] rows = new double[(int) matrix.rows()][(int) matrix.columns()];
    for (int i = 0; i < rows.length; i++) {
      matrix.getRow(i, 0, rows[i], 0, rows[i].length);
    }
    assertThat(Arrays.deepToString(rows)).isEqualTo(Arrays.deepToString(expected));
  }
}
