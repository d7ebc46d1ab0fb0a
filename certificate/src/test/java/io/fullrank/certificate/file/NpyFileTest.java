package io.fullrank.certificate.file;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.fullrank.certificate.matrix.Matrix;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The golden files come from NumPy: src/test/oracle/npy.py. */
class NpyFileTest {

  private static final double[][] VALUES = {{1, -2.5, 0}, {65504, 0x1p-24, -0x1p-14}};

  private static final String HEADER_3X2 =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";

  @TempDir Path folder;

  static String[] goldenFiles() {
    return new String[] {
      "f2-little-C", "f2-little-F", "f2-big-C", "f2-big-F",
      "f4-little-C", "f4-little-F", "f4-big-C", "f4-big-F",
      "f8-little-C", "f8-little-F", "f8-big-C", "f8-big-F",
      "version-2", "version-3"
    };
  }

  @ParameterizedTest
  @MethodSource("goldenFiles")
  void readsEveryTypeByteOrderLayoutAndVersion(String name) {
    try (Matrix matrix = NpyFile.read(golden(name), false);
        Matrix withOnes = NpyFile.read(golden(name), true)) {
      assertHolds(matrix, VALUES);
      assertHolds(withOnes, new double[][] {{1, -2.5, 0, 1}, {65504, 0x1p-24, -0x1p-14, 1}});
    }
  }

  /** What {@code hashlib.sha256(np.ascontiguousarray(a, '<f4').tobytes())} says, for each type. */
  @ParameterizedTest
  @MethodSource("goldenFiles")
  void digestsTheEntriesInTheirOwnTypeWhateverTheirOrder(String name) throws Exception {
    ByteBuffer entries = ByteBuffer.allocate(6 * 8).order(ByteOrder.LITTLE_ENDIAN);
    short[] halves = {0x3c00, (short) 0xc100, 0, 0x7bff, 1, (short) 0x8400};
    for (int k = 0; k < 6; k++) {
      double value = VALUES[k / 3][k % 3];
      if (name.startsWith("f2")) {
        entries.putShort(halves[k]);
      } else if (name.startsWith("f4")) {
        entries.putFloat((float) value);
      } else {
        entries.putDouble(value);
      }
    }
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    digest.update(entries.flip());

    assertThat(NpyFile.sha256(golden(name))).isEqualTo(digest.digest());
  }

  @Test
  void keepsExtremeAndSpecialValues() {
    try (Matrix f8 = NpyFile.read(golden("extremes-f8"), false);
        Matrix f2 = NpyFile.read(golden("specials-f2"), false)) {
      assertHolds(
          f8,
          new double[][] {
            {Double.MIN_VALUE, Double.MAX_VALUE},
            {-0.0, Double.NaN},
            {Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}
          });
      assertHolds(
          f2,
          new double[][] {
            {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 0x1p-15}
          });
    }
  }

  static List<String> integerFiles() {
    return Stream.of("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
        .flatMap(
            kind ->
                Stream.of("little-C", "little-F", "big-C", "big-F")
                    .filter(layout -> !kind.endsWith("1") || layout.startsWith("little"))
                    .map(layout -> kind + "-" + layout))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("integerFiles")
  void readsIntegersOfEverySizeOrderAndLayout(String name) {
    try (Matrix matrix = NpyFile.read(golden(name), false);
        StoredRows rows = NpyFile.open(golden(name), false)) {
      assertHolds(matrix, new double[][] {{1, 0, 100}, {0, 127, 2}});
      assertThat(rows.sha256()).isEqualTo(NpyFile.sha256(golden(name)));
    }
  }

  @Test
  void readsBooleansAsZeroAndOne() {
    try (Matrix matrix = NpyFile.read(golden("booleans"), true)) {
      assertHolds(matrix, new double[][] {{1, 0, 1, 1}, {0, 1, 1, 1}});
    }
  }

  @ParameterizedTest
  @CsvSource({
    "i1, -0x1p7, 127", "u1, 0, 255", "i2, -0x1p15, 32767", "u2, 0, 65535",
    "i4, -0x1p31, 2147483647", "u4, 0, 4294967295", "i8, -0x1p53, 0x1p53", "u8, 0, 0x1p53"
  })
  void widensTheLeastAndTheLargestIntegersExactly(String type, double least, double largest) {
    try (Matrix matrix = NpyFile.read(golden("limits-" + type), false)) {
      assertHolds(matrix, new double[][] {{least, largest}});
    }
  }

  @ParameterizedTest
  @CsvSource({
    "i8-above, 9007199254740993",
    "i8-below, -9007199254740993",
    "i8-least, -9223372036854775808",
    "u8-above, 18446744073709551615"
  })
  void refusesIntegersThatFloat64DoesNotAllHold(String name, String integer) {
    assertRefused(
        golden("invalid-" + name), "holds the integer " + integer + ", beyond 2^53, where not");
    try (StoredRows rows = NpyFile.open(golden("invalid-i8-above"), false)) {
      assertThatThrownBy(() -> rows.getRow(0, 0, new double[2], 0, 2))
          .isInstanceOf(InvalidMatrixFileException.class)
          .hasMessageContaining("9007199254740993");
    }
  }

  /** The long integers of Python 2 end in L. */
  @Test
  void readsTheHeadersOfPythonTwo() {
    try (Matrix matrix = NpyFile.read(golden("python2"), false)) {
      assertHolds(matrix, VALUES);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"False", "True"})
  void readsFilesLargerThanOneWindow(String fortranOrder) throws IOException {
    int rows = 70;
    int columns = 300_000;
    ByteBuffer data = ByteBuffer.allocate(rows * columns * 4).order(ByteOrder.LITTLE_ENDIAN);
    boolean fortran = fortranOrder.equals("True");
    for (int k = 0; k < rows * columns; k++) {
      int row = fortran ? k % rows : k / columns;
      int column = fortran ? k / rows : k % columns;
      data.putFloat(row * 1000 + column % 997);
    }
    Path file =
        write(
            "{'descr': '<f4', 'fortran_order': "
                + fortranOrder
                + ", 'shape': ("
                + rows
                + ", "
                + columns
                + "), }",
            data.array());
    try (Matrix matrix = NpyFile.read(file, false);
        StoredRows stored = NpyFile.open(file, false)) {
      double[] row = new double[columns];
      double[] part = new double[1000];
      for (int i = rows - 1; i >= 0; i--) {
        stored.getRow(i, 200_000, part, 1, 999);
        matrix.getRow(i, 0, row, 0, columns);
        assertThat(Arrays.equals(part, 1, 1000, row, 200_000, 200_999)).isTrue();
        for (int j = 0; j < columns; j++) {
          if (row[j] != i * 1000 + j % 997) {
            assertThat(row[j]).as("row %d, column %d", i, j).isEqualTo(i * 1000 + j % 997);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "invalid-one-dimension | shape [3]; two dimensions are needed",
        "invalid-three-dimensions | shape [1, 2, 3]; two dimensions are needed",
        "invalid-no-dimensions | shape []; two dimensions are needed",
        "invalid-no-rows | empty array, 0 x 3",
        "invalid-no-columns | empty array, 3 x 0",
        "invalid-raw | elements of type '|V2'; NumPy saves bfloat16 and float8 as such raw bytes",
        "invalid-text | elements of type '<U1'; booleans, integers",
        "invalid-time | elements of type '<m8[s]'",
        "invalid-long-double | elements of type '<f16'",
        "invalid-archive | is a ZIP archive, as .npz and .pt files are; save the one array with",
        "invalid-complex | elements of type '<c16'",
        "invalid-objects | elements of type '|O'",
        "invalid-structure | the data type is a structure",
      })
  void refusesArraysThatAreNoMatrixOfNumbers(String name, String reason) {
    assertRefused(golden(name), reason);
  }

  static List<Arguments> hostileHeaders() {
    return List.of(
        arguments("{'descr': '<f4', 'fortran_order': False}", "lacks the key 'shape'"),
        arguments("{'descr': '<f4', 'shape': (3, 2)}", "lacks the key 'fortran_order'"),
        arguments("{'fortran_order': False, 'shape': (3, 2)}", "lacks the key 'descr'"),
        arguments(
            "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3, 2)}",
            "'descr' twice"),
        arguments(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), 'x': 1}", "unknown key 'x'"),
        arguments(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, -2)}", "a dimension, 0 or more"),
        arguments(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2.0)}", "')' was expected"),
        arguments("{'descr': '<f4', 'fortran_order': False, 'shape': [3, 2]}", "'(' was expected"),
        arguments(
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (3, 2)}", "True or False was expected"),
        arguments(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2)} x",
            "nothing more was expected"),
        arguments("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2", "its end was found"),
        arguments("{'descr': '<f4", "a quoted string was expected"),
        arguments(
            "{'descr': 'f4', 'fortran_order': False, 'shape': (3, 2)}", "elements of type 'f4'"),
        arguments(
            "{'descr': '|f4', 'fortran_order': False, 'shape': (3, 2)}", "elements of type '|f4'"),
        arguments(
            "{'descr': '|i4', 'fortran_order': False, 'shape': (3, 2)}", "elements of type '|i4'"),
        arguments(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3LL, 2)}", "')' was expected"),
        arguments(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (L, 2)}", "a dimension, 0 or more"),
        arguments("{'descr': '', 'fortran_order': False, 'shape': (3, 2)}", "elements of type ''"),
        arguments(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 2)}",
            "exceeds 2^63"),
        arguments(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}",
            "more than any file"),
        arguments(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387905, 2)}",
            "more than any file"),
        arguments(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000)}",
            "is truncated"),
        arguments("", "'{' was expected"));
  }

  @ParameterizedTest
  @MethodSource("hostileHeaders")
  void refusesHostileHeaders(String header, String reason) throws IOException {
    assertRefused(write(header, new byte[24]), reason);
  }

  @Test
  void keepsMessagesOnOneLineAndShort() throws IOException {
    String evil = "a\nb\u0007" + "c".repeat(1000);
    assertRefused(
        write("{'" + evil + "': 1}", new byte[0]), "unknown key 'a?b?" + "c".repeat(36) + "...'");
    assertRefused(
        write("{'descr': '" + evil + "', 'fortran_order': False, 'shape': (3, 2)}", new byte[24]),
        "elements of type 'a?b?" + "c".repeat(36) + "...'");
    assertRefused(
        write(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1,".repeat(1000) + ")}",
            new byte[4]),
        "more than 64 dimensions");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5, 6, 7, 8, 9, 10, 40})
  void refusesFilesThatEndWithinTheHeader(int length) throws IOException {
    byte[] whole = Files.readAllBytes(write(HEADER_3X2, new byte[24]));
    assertRefused(
        Files.write(folder.resolve("cut.npy"), Arrays.copyOf(whole, length)),
        "is truncated: it ends within its header");
  }

  @Test
  void refusesTooFewAndTooManyBytes() throws IOException {
    assertRefused(
        write(HEADER_3X2, new byte[23]),
        "is truncated: 3 x 2 entries of 4 bytes are 24 bytes, but 23 follow the header");
    assertRefused(
        write(HEADER_3X2, new byte[25]),
        "has trailing bytes: 3 x 2 entries of 4 bytes are 24 bytes, but 25 follow the header");
  }

  @Test
  void refusesWhatIsNoNpyFile() throws IOException {
    byte[] whole = Files.readAllBytes(write(HEADER_3X2, new byte[24]));
    byte[] magic = whole.clone();
    magic[0] = 'P';
    assertRefused(Files.write(folder.resolve("magic.npy"), magic), "is not an .npy file");
    byte[] version = whole.clone();
    version[6] = 4;
    assertRefused(Files.write(folder.resolve("version.npy"), version), "format version 4.0");
    byte[] huge = whole.clone();
    huge[6] = 2;
    Arrays.fill(huge, 8, 12, (byte) 0xff);
    assertRefused(
        Files.write(folder.resolve("huge.npy"), huge), "has a header of 4294967295 bytes");
    assertRefused(Files.write(folder.resolve("empty.npy"), new byte[0]), "is empty");
    assertRefused(Files.writeString(folder.resolve("text.npy"), "1 2"), "is not an .npy file");
    assertRefused(folder.resolve("absent.npy"), "no such file");
    assertRefused(folder, "is a directory");
    assertRefused(Path.of("/dev/zero"), "is not a regular file");
  }

  private static void assertRefused(Path file, String reason) {
    assertThatThrownBy(() -> NpyFile.read(file, true))
        .isInstanceOf(InvalidMatrixFileException.class)
        .hasMessageStartingWith(file + ": ")
        .hasMessageContaining(reason)
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n").hasSizeLessThan(400));
  }

  private static Path golden(String name) {
    try {
      return Path.of(NpyFileTest.class.getResource("/npy/" + name + ".npy").toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Writes a version 1 file with the given header. */
  private Path write(String header, byte[] data) throws IOException {
    byte[] text = header.getBytes(StandardCharsets.ISO_8859_1);
    ByteBuffer file =
        ByteBuffer.allocate(10 + text.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
    file.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0});
    file.putShort((short) text.length).put(text).put(data);
    return Files.write(folder.resolve("matrix.npy"), file.array());
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
