package io.fullrank.network.data.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.proto.v1.DataSetSpec;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.zip.DeflaterOutputStream;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that SciPy wrote: src/test/oracle/svhn.py, which prints the fingerprints, too. */
class SvhnFileTest {

  /** Where the tag of the pictures' data lies in a plain file. */
  private static final int ELEMENT_OF_PICTURES = 184;

  /** Where the array of the digits begins in it. */
  private static final int ARRAY_OF_DIGITS = 9408;

  @TempDir Path data;
  private Path train;

  @BeforeEach
  void copyGoodFiles() throws IOException {
    train = Files.createDirectory(data.resolve("svhn")).resolve("train_32x32.mat");
    copy("svhn-train.mat", train);
    copy("svhn-test.mat", train.resolveSibling("test_32x32.mat"));
  }

  @Test
  void readsCompressedAndPlainFilesInTheOrderOfTheFile() throws Exception {
    SvhnFile compressed = SvhnFile.open(train.getParent(), SvhnFile.TRAIN);
    Samples all = compressed.read(IntStream.range(0, 12).toArray());
    assertThat(all.labels()).containsExactly(1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2);
    assertThat(sha256(all))
        .isEqualTo("600c3cb47a47134205f5e561599b3fcbb01263fde269f0595c1a78330daaa5f0");
    SvhnFile plain = SvhnFile.open(train.getParent(), SvhnFile.TEST);
    Samples test = plain.read(IntStream.range(0, 3).toArray());
    assertThat(test.labels()).containsExactly(1, 2, 3);
    assertThat(sha256(test))
        .isEqualTo("07ef8f24bfea4f1769a8ecffe39dc44647248d441048dcd7ed792f62184642cc");
  }

  @Test
  void drawsRows() {
    DataSet all = load(0);
    DataSet five = load(5);
    assertThat(all.train().shape()).isEqualTo(new ImageShape(3, 32, 32));
    assertThat(all.identity().getClasses()).isEqualTo(10);
    assertThat(all.train().rows()).isEqualTo(12);
    assertThat(all.test().rows()).isEqualTo(3);
    assertThat(five.train().values()).isEqualTo(Arrays.copyOf(all.train().values(), 5 * 3072));
    assertThatThrownBy(() -> load(13))
        .isInstanceOf(DataSetException.class)
        .hasMessage(
            train.getParent() + ": train_32x32.mat holds 12 rows, but the experiment asks for 13");
  }

  @Test
  void reportsContentsOfOtherKinds() throws IOException {
    assertFails(
        "svhn-wrong-shape.mat",
        "X is [32, 31, 3, 2] of uint8, expected [32, 32, 3, rows] of uint8");
    assertFails(
        "svhn-wrong-type.mat",
        "X is [32, 32, 3, 2] of double, expected [32, 32, 3, rows] of uint8");
    assertFails("svhn-wrong-label.mat", "label 0.0 of row 1 is not in 1 … 10");
    assertFails(
        "svhn-fewer-labels.mat", "y has 1 labels for the 2 pictures in X; get the file again");
    assertFails("svhn-no-labels.mat", "has no variable y; is it a file of SVHN's cropped digits?");
  }

  @Test
  void reportsTruncatedAndForeignFiles() throws IOException {
    byte[] whole = Files.readAllBytes(train);
    for (int length = 0; length < whole.length; length += 997) {
      Files.write(train, Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> load(0))
          .as("%d bytes", length)
          .isInstanceOf(DataSetException.class)
          .hasMessageStartingWith(train + ": ");
    }
    Files.write(train, Arrays.copyOf(whole, whole.length / 2));
    assertThatThrownBy(() -> load(0))
        .hasMessage(train + ": truncated: the file ends early; get the file again");
    Files.writeString(train, "<html>" + " ".repeat(1000));
    assertThatThrownBy(() -> load(0))
        .isInstanceOf(DataSetException.class)
        .hasMessageStartingWith(train + ": not a MAT-file of level 5");
    // A file of MATLAB 7.3, which is HDF5.
    byte[] header = Arrays.copyOf("MATLAB 7.3 MAT-file".getBytes(StandardCharsets.US_ASCII), 1000);
    header[124] = 0;
    header[125] = 2;
    header[126] = 'I';
    header[127] = 'M';
    Files.write(train, header);
    assertThatThrownBy(() -> load(0))
        .isInstanceOf(DataSetException.class)
        .hasMessageStartingWith(
            train + ": not a MAT-file of level 5 but of version 7.3, which is HDF5;");
    byte[] hdf5 =
        Arrays.copyOf(new byte[] {(byte) 0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'}, 99);
    Files.write(train, hdf5);
    assertThatThrownBy(() -> load(0))
        .isInstanceOf(DataSetException.class)
        .hasMessage(train + ": an HDF5 file, not a MAT-file of level 5");
  }

  @Test
  void reportsLengthsThatTheFileCannotHold() throws IOException {
    // The tag of the pictures' data.
    assertThatATestFileWith(ELEMENT_OF_PICTURES, 2, 0x7FFFFFF0)
        .hasMessageContaining(": damaged: an array holds an element of 2147483632 bytes");
    assertThatATestFileWith(ELEMENT_OF_PICTURES, 2, 1 << 20)
        .hasMessageContaining(
            ": damaged: an array holds an element of 1048576 bytes where it has ");
    // Of the array's flags, dimensions, and name.
    assertThatATestFileWith(136, 6, 0x7FFFFFF0).hasMessageContaining(" 2147483632 bytes");
    assertThatATestFileWith(152, 5, 0x7FFFFFF0).hasMessageContaining(" 2147483632 bytes");
    assertThatATestFileWith(176, 1, 0x7FFFFFF0).hasMessageContaining(" 2147483632 bytes");
  }

  @Test
  void reportsPicturesThatAreStoredAsOtherThings() throws IOException {
    int bytes = 3 * 3072;
    assertThatATestFileWith(ELEMENT_OF_PICTURES, 16, bytes)
        .hasMessageContaining(": damaged: X is stored as type 16, which is no type of numbers;");
    assertThatATestFileWith(ELEMENT_OF_PICTURES, 1, bytes)
        .hasMessageContaining(": X is of uint8 but stored as INT8;");
  }

  /** Compressed data that are damaged are told by their checksum. */
  @Test
  void reportsEveryDamageOfCompressedPictures() throws IOException {
    byte[] whole = Files.readAllBytes(train);
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 300; i++) {
      byte[] damaged = whole.clone();
      damaged[136 + random.nextInt(20_000)] ^= (byte) (1 + random.nextInt(255));
      Files.write(train, damaged);
      assertThatThrownBy(() -> SvhnFile.open(train.getParent(), SvhnFile.TRAIN))
          .isInstanceOf(DataSetException.class)
          .hasMessageStartingWith(train + ": damaged: ");
    }
  }

  /** What {@link #compressed} makes is read, so that what it makes of damaged files is a test. */
  @Test
  void readsWhatTheTestCompresses() throws IOException {
    Path test = train.resolveSibling(SvhnFile.TEST);
    Files.write(test, compressed(Files.readAllBytes(test)));
    assertThat(SvhnFile.open(test.getParent(), SvhnFile.TEST).read(new int[] {0, 1, 2}).labels())
        .containsExactly(1, 2, 3);
  }

  /** Whatever the bytes: pictures or one line, and no more memory than the file can hold. */
  @Test
  void staysSmallAndClearWhateverTheFileSays() throws IOException {
    Path test = train.resolveSibling(SvhnFile.TEST);
    byte[] whole = Files.readAllBytes(test);
    ThreadMXBean thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    SplittableRandom random = new SplittableRandom(2);
    int[] told = {0, 1, -1, 4, 8, 14, 15, 0xFFFF, 0x10001, 1 << 24, Integer.MAX_VALUE, 1 << 31};
    int reported = 0;
    for (int i = 0; i < 1500; i++) {
      ByteBuffer damaged = ByteBuffer.wrap(whole.clone()).order(ByteOrder.LITTLE_ENDIAN);
      for (int changes = 1 + random.nextInt(2); changes > 0; changes--) {
        // The tags of X up to its data, or those of y, which lie at the end.
        int word =
            random.nextBoolean()
                ? 32 + random.nextInt(16)
                : ARRAY_OF_DIGITS / 4 + random.nextInt(14);
        damaged.putInt(4 * word, told[random.nextInt(told.length)]);
      }
      Files.write(test, i % 2 == 0 ? damaged.array() : compressed(damaged.array()));
      long before = thread.getCurrentThreadAllocatedBytes();
      try {
        SvhnFile.open(test.getParent(), SvhnFile.TEST).read(new int[] {0});
      } catch (DataSetException e) {
        assertThat(e).message().startsWith(test + ": ").doesNotContain("\n");
        reported++;
      }
      assertThat(thread.getCurrentThreadAllocatedBytes() - before).isLessThan(8 << 20);
    }
    assertThat(reported).isGreaterThan(500);
  }

  /**
   * Damage that leaves the structure whole only a checksum can tell; no other exception escapes.
   */
  @Test
  void reportsDamageOfTheStructure() throws IOException {
    Path test = train.resolveSibling("test_32x32.mat");
    byte[] whole = Files.readAllBytes(test);
    int reported = 0;
    for (int at = 0; at < 200; at++) {
      for (int flipped : new int[] {0x01, 0x40, 0x80, 0xFF}) {
        byte[] damaged = whole.clone();
        damaged[at] ^= (byte) flipped;
        Files.write(test, damaged);
        try {
          load(0);
        } catch (DataSetException e) {
          assertThat(e).hasMessageStartingWith(test + ": ");
          reported++;
        }
      }
    }
    // At least the header's version and byte order, and the tags, sizes and names of X.
    assertThat(reported).isGreaterThan(100);
  }

  @Test
  void reportsAMissingFile() throws IOException {
    Files.delete(train);
    assertThatThrownBy(() -> load(0))
        .isInstanceOf(DataSetException.class)
        .hasMessage(
            train.getParent() + ": no file train_32x32.mat; put the data set's files there");
  }

  private AbstractThrowableAssert<?, ?> assertThatATestFileWith(int at, int type, int length)
      throws IOException {
    Path test = train.resolveSibling(SvhnFile.TEST);
    copy("svhn-test.mat", test);
    byte[] bytes = Files.readAllBytes(test);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(at, type).putInt(at + 4, length);
    Files.write(test, bytes);
    return assertThatThrownBy(
            () -> SvhnFile.open(test.getParent(), SvhnFile.TEST).read(new int[] {0}))
        .isInstanceOf(DataSetException.class)
        .hasMessageStartingWith(test + ": ");
  }

  /** The same file with compressed arrays. */
  private static byte[] compressed(byte[] plain) throws IOException {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.write(plain, 0, 128);
    for (byte[] array :
        List.of(
            Arrays.copyOfRange(plain, 128, ARRAY_OF_DIGITS),
            Arrays.copyOfRange(plain, ARRAY_OF_DIGITS, plain.length))) {
      ByteArrayOutputStream deflated = new ByteArrayOutputStream();
      try (DeflaterOutputStream out = new DeflaterOutputStream(deflated)) {
        out.write(array);
      }
      file.write(
          ByteBuffer.allocate(8)
              .order(ByteOrder.LITTLE_ENDIAN)
              .putInt(15)
              .putInt(deflated.size())
              .array());
      deflated.writeTo(file);
    }
    return file.toByteArray();
  }

  private void assertFails(String resource, String message) throws IOException {
    copy(resource, train);
    assertThatThrownBy(() -> load(0))
        .isInstanceOf(DataSetException.class)
        .hasMessage(train + ": " + message);
  }

  private DataSet load(int rows) {
    return DataSets.load(
        DataSetSpec.newBuilder().setName("svhn").setTrainSize(rows).setSplitSeed(1).build(), data);
  }

  /** SHA-256 over the levels, picture by picture, channel by channel, row by row. */
  private static String sha256(Samples samples) throws Exception {
    float[] values = samples.values();
    byte[] levels = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      levels[i] = (byte) Math.round(values[i] * 255);
    }
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(levels));
  }

  private static void copy(String resource, Path target) throws IOException {
    try (InputStream in = SvhnFileTest.class.getResourceAsStream(resource)) {
      Files.copy(in, target, StandardCopyOption.REPLACE_EXISTING);
    }
  }
}
