package io.fullrank.proto;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.fullrank.proto.WireFormatException.Fault;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class TensorsTest {

  private static final Path ORACLE = Path.of("src/test/oracle/half_floats.txt");

  @Test
  void storesFloat32RowMajorAndLittleEndian() throws WireFormatException {
    Tensor tensor = Tensors.of("w", new long[] {2, 1}, new float[] {1, -2});

    assertThat(tensor.getType()).isEqualTo(DataType.DATA_TYPE_FLOAT32);
    assertThat(tensor.getShapeList()).containsExactly(2L, 1L);
    assertThat(tensor.getData().toByteArray())
        .containsExactly(0x00, 0x00, 0x80, 0x3f, 0x00, 0x00, 0x00, 0xc0);
    assertThat(Tensors.toFloats(tensor)).containsExactly(1, -2);
    assertThat(Tensors.toDoubles(tensor)).containsExactly(1, -2);
  }

  @Test
  void storesFloat64RowMajorAndLittleEndian() throws WireFormatException {
    Tensor tensor = Tensors.of("w", new long[] {1, 2}, new double[] {0.1, -0.0});

    assertThat(tensor.getType()).isEqualTo(DataType.DATA_TYPE_FLOAT64);
    assertThat(tensor.getData().toByteArray())
        .containsExactly(0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0x80);
    assertThat(Tensors.toDoubles(tensor)).containsExactly(0.1, -0.0);
  }

  @Test
  void keepsTheArrayApartFromTheTensor() throws WireFormatException {
    float[] values = {1};
    Tensor tensor = Tensors.of("w", new long[] {1}, values);

    values[0] = 2;

    assertThat(Tensors.toFloats(tensor)).containsExactly(1);
  }

  @Test
  void readsBytesThatArePartOfOthers() throws WireFormatException {
    ByteString data = Tensors.of("w", new long[] {4}, new float[] {7, 8, 1.5f, -2}).getData();
    Tensor part =
        Tensor.newBuilder()
            .setType(DataType.DATA_TYPE_FLOAT32)
            .addShape(2)
            .setData(data.substring(2 * Float.BYTES))
            .build();
    Tensor halves =
        Tensor.newBuilder()
            .setType(DataType.DATA_TYPE_BFLOAT16)
            .addShape(1)
            .setData(data.substring(3 * Float.BYTES + Short.BYTES))
            .build();

    assertThat(Tensors.toDoubles(part)).containsExactly(1.5, -2);
    assertThat(Tensors.toFloats(part)).containsExactly(1.5f, -2);
    assertThat(Tensors.toDoubles(halves)).containsExactly(-2);
  }

  @Test
  void keepsSpecialValuesToTheBit() throws WireFormatException {
    double[] special = {
      Double.MIN_VALUE, Double.MAX_VALUE, Double.NEGATIVE_INFINITY, Double.NaN, -0.0
    };
    float[] specialFloats = {
      Float.MIN_VALUE, Float.MAX_VALUE, Float.NEGATIVE_INFINITY, Float.NaN, -0.0f
    };

    assertThat(Tensors.toDoubles(Tensors.of("w", new long[] {5}, special)))
        .containsExactly(special);
    assertThat(Tensors.toFloats(Tensors.of("w", new long[] {5}, specialFloats)))
        .containsExactly(specialFloats);
  }

  @ParameterizedTest
  @EnumSource(names = {"DATA_TYPE_FLOAT16", "DATA_TYPE_BFLOAT16"})
  void widensEveryHalfFloatAsNumPyDoes(DataType type) throws Exception {
    Tensor all = tensor(type, ByteString.copyFrom(allPatterns()), 1 << 16);

    double[] values = Tensors.toDoubles(all);

    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    ByteBuffer bytes = ByteBuffer.allocate(8 << 16).order(ByteOrder.LITTLE_ENDIAN);
    for (double value : values) {
      bytes.putLong(Double.doubleToLongBits(value));
    }
    String name = type.name().substring("DATA_TYPE_".length()).toLowerCase(Locale.ROOT);
    assertThat(oracle(name, "sha256"))
        .isEqualTo(HexFormat.of().formatHex(digest.digest(bytes.array())));
    // In words, what the checksum says of all: subnormal, normal, infinite, not a number.
    for (int pattern : new int[] {0x0001, 0x03ff, 0x0400, 0x3555, 0x7bff, 0x7c00, 0xfc00, 0xc248}) {
      assertThat(values[pattern]).isEqualTo(parse(oracle(name, "0x%04x".formatted(pattern))));
    }
  }

  @Test
  void narrowsHalfFloatsToFloat32WithoutLoss() throws WireFormatException {
    Tensor all = tensor(DataType.DATA_TYPE_FLOAT16, ByteString.copyFrom(allPatterns()), 1 << 16);

    float[] floats = Tensors.toFloats(all);
    double[] doubles = Tensors.toDoubles(all);

    double[] widened = new double[floats.length];
    Arrays.setAll(widened, i -> floats[i]);
    assertThat(widened).isEqualTo(doubles);
  }

  @Test
  void refusesFloat64WhereFloat32IsExpected() {
    Tensor wide = Tensors.of("hidden.1.weight", new long[] {1}, new double[] {0.1});

    assertRefused(Fault.UNKNOWN_DATA_TYPE, "hidden.1.weight", () -> Tensors.toFloats(wide));
  }

  @Test
  void takesScalarsAndEmptyTensors() throws WireFormatException {
    assertThat(Tensors.toFloats(Tensors.of("s", new long[0], new float[] {7}))).containsExactly(7);
    assertThat(Tensors.toFloats(Tensors.of("e", new long[] {0, 3}, new float[0]))).isEmpty();
  }

  static List<Tensor> tensorsWhoseBytesDoNotFit() {
    return List.of(
        tensor(DataType.DATA_TYPE_FLOAT32, bytes(7), 2),
        tensor(DataType.DATA_TYPE_FLOAT32, bytes(9), 2),
        tensor(DataType.DATA_TYPE_FLOAT64, bytes(8), 2),
        tensor(DataType.DATA_TYPE_FLOAT16, bytes(0), 1),
        tensor(DataType.DATA_TYPE_BFLOAT16, bytes(3), 1),
        tensor(DataType.DATA_TYPE_FLOAT32, bytes(0)),
        tensor(DataType.DATA_TYPE_FLOAT32, bytes(4), 0));
  }

  @ParameterizedTest
  @MethodSource("tensorsWhoseBytesDoNotFit")
  void refusesBytesThatDoNotFitTheShapeAndSaysBoth(Tensor tensor) {
    assertThatThrownBy(() -> Tensors.validate(tensor))
        .isInstanceOfSatisfying(
            WireFormatException.class,
            refused -> assertThat(refused.fault()).isEqualTo(Fault.SHAPE_BYTES_MISMATCH))
        .hasMessageContaining("'w'")
        .hasMessageContaining(tensor.getShapeList().toString())
        .hasMessageContaining("there are " + tensor.getData().size());
  }

  static List<Tensor> tensorsOfImpossibleShape() {
    DataType f32 = DataType.DATA_TYPE_FLOAT32;
    return List.of(
        tensor(f32, bytes(4), -1),
        tensor(f32, bytes(4), -1, -1),
        tensor(f32, bytes(4), Long.MIN_VALUE),
        tensor(f32, bytes(4), Long.MAX_VALUE, Long.MAX_VALUE),
        // Products that come to 1, 0 or a small number when they overflow.
        tensor(f32, bytes(4), Long.MAX_VALUE, Long.MAX_VALUE, 1),
        tensor(f32, bytes(0), 1L << 32, 1L << 32),
        tensor(f32, bytes(4), (1L << 32) + 1, (1L << 32) - 1, 1),
        tensor(f32, bytes(0), 1L << 62, 4),
        tensor(f32, bytes(0), (1L << 29) + 1),
        tensor(DataType.DATA_TYPE_FLOAT64, bytes(0), 1L << 28));
  }

  @ParameterizedTest
  @MethodSource("tensorsOfImpossibleShape")
  void refusesShapesThatCannotBe(Tensor tensor) {
    assertRefused(Fault.INVALID_SHAPE, "'w'", () -> Tensors.validate(tensor));
  }

  @Test
  void refusesUnknownElementTypes() {
    Tensor unspecified = tensor(DataType.DATA_TYPE_UNSPECIFIED, bytes(4), 1);
    Tensor later = unspecified.toBuilder().setTypeValue(17).build();

    assertRefused(Fault.UNKNOWN_DATA_TYPE, "'w'", () -> Tensors.validate(unspecified));
    assertRefused(Fault.UNKNOWN_DATA_TYPE, "17", () -> Tensors.toDoubles(later));
  }

  @Test
  void doesNotBuildTensorsThatItWouldNotRead() {
    assertThatThrownBy(() -> Tensors.of("w", new long[] {2}, new float[1]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("tensor 'w': shape [2] asks for 2 elements, there are 1");
    assertThatThrownBy(() -> Tensors.of("w", new long[] {-1, -1}, new double[1]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("negative");
    assertThatThrownBy(() -> Tensors.of("w", new long[] {1L << 62, 4}, new double[0]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'w'");
  }

  private interface Reading {
    Object read() throws WireFormatException;
  }

  private static void assertRefused(Fault fault, String text, Reading reading) {
    assertThatThrownBy(reading::read)
        .isInstanceOfSatisfying(
            WireFormatException.class, refused -> assertThat(refused.fault()).isEqualTo(fault))
        .hasMessageContaining(text);
  }

  private static Tensor tensor(DataType type, ByteString data, long... shape) {
    Tensor.Builder tensor = Tensor.newBuilder().setName("w").setType(type).setData(data);
    for (long dimension : shape) {
      tensor.addShape(dimension);
    }
    return tensor.build();
  }

  private static ByteString bytes(int count) {
    return ByteString.copyFrom(new byte[count]);
  }

  private static byte[] allPatterns() {
    ByteBuffer patterns = ByteBuffer.allocate(2 << 16).order(ByteOrder.LITTLE_ENDIAN);
    for (int pattern = 0; pattern < 1 << 16; pattern++) {
      patterns.putShort((short) pattern);
    }
    return patterns.array();
  }

  private static String oracle(String type, String key) throws IOException {
    String prefix = type + " " + key + " ";
    return Files.readAllLines(ORACLE).stream()
        .filter(line -> line.startsWith(prefix))
        .map(line -> line.substring(prefix.length()))
        .findFirst()
        .orElseThrow();
  }

  private static double parse(String text) {
    return switch (text) {
      case "inf" -> Double.POSITIVE_INFINITY;
      case "-inf" -> Double.NEGATIVE_INFINITY;
      default -> Double.parseDouble(text);
    };
  }
}
