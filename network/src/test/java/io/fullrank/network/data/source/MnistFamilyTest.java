package io.fullrank.network.data.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.data.SharedData;
import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.proto.v1.DataSetSpec;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Pictures of 2×3 pixels: row r has the pixels 6r … 6r+5 and the label r mod 10. */
class MnistFamilyTest {

  private static final int TRAIN = 40;
  private static final int TEST = 20;

  @TempDir Path data;
  private Path folder;
  private Path images;
  private Path labels;

  @BeforeEach
  void writeGoodFiles() throws IOException {
    folder = Files.createDirectory(data.resolve("mnist"));
    images = folder.resolve("train-images-idx3-ubyte");
    labels = folder.resolve("train-labels-idx1-ubyte");
    writeFiles("-", "");
  }

  @ParameterizedTest
  @ValueSource(strings = {"mnist", "kmnist", "fashion-mnist"})
  void readsEveryMemberOfTheFamily(String name) {
    DataSet all = load(name, "mnist", 0, 0, 1);
    assertThat(all.identity().getName()).isEqualTo(name);
    assertThat(all.train().rows()).isEqualTo(TRAIN);
    assertThat(all.test().rows()).isEqualTo(TEST);
    assertThat(all.train().inputs()).isEqualTo(6);
    assertRowsAreThoseOfTheFile(all.train());
    assertRowsAreThoseOfTheFile(all.test());
  }

  @ParameterizedTest
  @CsvSource({"-,.gz", ".,''", ".,.gz"})
  void readsEverySpellingAlike(String spelling, String ending) throws IOException {
    DataSet plain = load(30, 10, 1);
    try (var files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        Files.delete(file);
      }
    }
    writeFiles(spelling, ending);
    assertThat(load(30, 10, 1).identity()).isEqualTo(plain.identity());
  }

  @Test
  void drawsRowsWithTheSplitSeed() {
    DataSet seven = load(30, 10, 7);
    assertThat(seven.train().rows()).isEqualTo(30);
    assertThat(seven.test().rows()).isEqualTo(10);
    assertRowsAreThoseOfTheFile(seven.train());
    assertThat(load(30, 10, 7).identity()).isEqualTo(seven.identity());
    assertThat(load(30, 10, 8).identity().getTrainSha256())
        .isNotEqualTo(seven.identity().getTrainSha256());
    assertThat(load(20, 10, 7).train().labels())
        .isEqualTo(Arrays.copyOf(seven.train().labels(), 20));
  }

  @Test
  void reportsFewerRowsThanAskedFor() {
    assertThatThrownBy(() -> load(41, 0, 1))
        .isInstanceOf(DataSetException.class)
        .hasMessage(folder + ": the train files hold 40 rows, but the experiment asks for 41");
    assertThatThrownBy(() -> load(40, -1, 1))
        .isInstanceOf(DataSetException.class)
        .hasMessage(
            folder + ": the t10k files hold 20 rows, but the experiment asks for 4294967295");
  }

  @Test
  void reportsEveryTruncation() throws IOException {
    byte[] whole = Files.readAllBytes(images);
    for (int length = 0; length < whole.length; length++) {
      Files.write(images, Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> load(10, 0, 1))
          .as("%d bytes", length)
          .isInstanceOf(DataSetException.class)
          .hasMessageStartingWith(images + ": ")
          .hasMessageContaining("truncated")
          .hasMessageEndingWith("get the file again");
    }
  }

  @Test
  void saysHowManyBytesAreMissing() throws IOException {
    Files.write(images, Arrays.copyOf(Files.readAllBytes(images), 100));
    assertFails(
        images
            + ": truncated: [40, 2, 3] need 240 bytes after the header, found 84; get the file again");
    Files.write(images, Arrays.copyOf(Files.readAllBytes(images), 7));
    assertFails(images + ": truncated: 7 bytes are less than the header of 16; get the file again");
  }

  @Test
  void reportsTrailingBytes() throws IOException {
    Files.write(labels, Arrays.copyOf(Files.readAllBytes(labels), 8 + TRAIN + 1));
    assertFails(labels + ": more bytes than the 40 that [40] need; get the file again");
  }

  @Test
  void reportsAWrongMagicNumber() throws IOException {
    Files.copy(labels, images, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    assertFails(
        images + ": not an IDX file of images: begins with 0x00000801, expected 0x00000803");
    Files.writeString(images, "<html>not found</html>");
    assertFails(
        images + ": not an IDX file of images: begins with 0x3c68746d, expected 0x00000803");
  }

  @Test
  void reportsImpossibleSizes() throws IOException {
    byte[] bytes = Files.readAllBytes(images);
    Files.write(images, ByteBuffer.wrap(bytes.clone()).putInt(4, -1).array());
    assertFails(
        images
            + ": dimension 1 is 4294967295: not a data set of the MNIST family; get the file again");
    Files.write(images, ByteBuffer.wrap(bytes.clone()).putInt(8, 0).array());
    assertFails(
        images + ": dimension 2 is 0: not a data set of the MNIST family; get the file again");
    Files.write(
        images,
        ByteBuffer.wrap(bytes.clone())
            .putInt(4, 1 << 16)
            .putInt(8, 1 << 16)
            .putInt(12, 1 << 16)
            .array());
    assertFails(
        images + ": dimension 2 is 65536: not a data set of the MNIST family; get the file again");
  }

  @Test
  void reportsFilesThatDoNotBelongTogether() throws IOException {
    Files.write(labels, idx(TEST));
    assertFails(
        labels
            + ": 20 labels for the 40 images of train-images-idx3-ubyte: the two files do not belong together");
    Files.write(labels, idx(TRAIN));
    Files.write(folder.resolve("t10k-images-idx3-ubyte"), idx(TEST, 2, 2));
    assertFails(
        folder
            + ": training images are 1×2×3, test images 1×2×2: the files do not belong together");
  }

  @Test
  void reportsALabelOutOfRange() throws IOException {
    byte[] bytes = Files.readAllBytes(labels);
    bytes[8 + 5] = 10;
    Files.write(labels, bytes);
    assertFails(labels + ": label 10 of row 5 is not in 0 … 9");
    bytes[8 + 5] = (byte) 0xFF;
    Files.write(labels, bytes);
    assertFails(labels + ": label 255 of row 5 is not in 0 … 9");
  }

  @Test
  void reportsDamagedGzipData() throws IOException {
    byte[] compressed = gzip(Files.readAllBytes(images));
    Files.delete(images);
    Path file = folder.resolve("train-images-idx3-ubyte.gz");

    Files.write(file, Arrays.copyOf(compressed, compressed.length / 2));
    assertFails(file + ": truncated: the compressed data end early; get the file again");

    byte[] wrongChecksum = compressed.clone();
    wrongChecksum[compressed.length - 6] ^= 1;
    Files.write(file, wrongChecksum);
    assertFails(file + ": corrupt gzip data (Corrupt GZIP trailer); get the file again");

    Files.write(file, idx(TRAIN, 2, 3));
    assertFails(file + ": corrupt gzip data (Not in GZIP format); get the file again");

    Files.write(file, new byte[0]);
    assertFails(file + ": truncated: the compressed data end early; get the file again");
  }

  @Test
  void reportsGzipDataWithoutItsEnding() throws IOException {
    Files.write(images, gzip(Files.readAllBytes(images)));
    assertFails(images + ": holds gzip data; rename it to train-images-idx3-ubyte.gz");
  }

  @Test
  void reportsMissingFilesAndFolders() throws IOException {
    Files.delete(labels);
    assertFails(
        folder
            + ": no file train-labels-idx1-ubyte (nor with .gz); put the data set's files there");
    assertThatThrownBy(() -> load("kmnist", "", 1, 1, 1))
        .isInstanceOf(DataSetException.class)
        .hasMessage(
            data.resolve("kmnist")
                + ": no such folder for data set kmnist; put its files there or set the experiment's directory");
    Path nowhere = data.resolve("nowhere");
    assertThatThrownBy(
            () -> DataSets.load(DataSetSpec.newBuilder().setName("mnist").build(), nowhere))
        .isInstanceOf(DataSetException.class)
        .hasMessage(nowhere + ": no such data directory; it must hold one folder per data set");
  }

  @ParameterizedTest
  @ValueSource(strings = {"../mnist", "a/../../mnist", "/etc", "a\\b", "a\0b", ".."})
  void neverLeavesTheDataDirectory(String directory) {
    assertThatThrownBy(() -> load("mnist", directory, 1, 1, 1))
        .isInstanceOf(DataSetException.class)
        .hasMessageStartingWith("directory '" + directory + "' ");
  }

  @Test
  void reportsAnUnknownName() {
    assertThatThrownBy(() -> load("cifar", "", 1, 1, 1))
        .isInstanceOf(DataSetException.class)
        .hasMessage("unknown data set 'cifar'; known are " + String.join(", ", DataSets.names()));
  }

  @Test
  void readsRealFilesWhichHaveNoIdenticalRows() {
    DataSet real =
        DataSets.load(
            DataSetSpec.newBuilder()
                .setName("mnist")
                .setDirectory("mnist-10k")
                .setTrainSize(2000)
                .setSplitSeed(1)
                .build(),
            SharedData.directory());
    assertThat(real.train().shape()).isEqualTo(new ImageShape(1, 28, 28));
    assertThat(real.test().rows()).isEqualTo(2000);
    float[] values = real.train().values();
    Set<String> pictures = new HashSet<>();
    for (int row = 0; row < 2000; row++) {
      pictures.add(Arrays.toString(Arrays.copyOfRange(values, row * 784, row * 784 + 784)));
    }
    assertThat(pictures).hasSize(2000);
  }

  private DataSet load(int train, int test, long seed) {
    return load("mnist", "", train, test, seed);
  }

  private DataSet load(String name, String directory, int train, int test, long seed) {
    return DataSets.load(
        DataSetSpec.newBuilder()
            .setName(name)
            .setDirectory(directory)
            .setTrainSize(train)
            .setTestSize(test)
            .setSplitSeed(seed)
            .build(),
        data);
  }

  private void assertFails(String message) {
    assertThatThrownBy(() -> load(10, 0, 1))
        .isInstanceOf(DataSetException.class)
        .hasMessage(message);
  }

  private static void assertRowsAreThoseOfTheFile(Samples samples) {
    float[] values = samples.values();
    Set<Integer> rows = new HashSet<>();
    for (int row = 0; row < samples.rows(); row++) {
      int original = Math.round(values[row * 6] * 255) / 6;
      for (int i = 0; i < 6; i++) {
        assertThat(values[row * 6 + i]).isEqualTo((original * 6 + i) / 255f);
      }
      assertThat(samples.labels()[row]).isEqualTo(original % 10);
      assertThat(rows.add(original)).isTrue();
    }
  }

  private void writeFiles(String spelling, String ending) throws IOException {
    write("train-images" + spelling + "idx3-ubyte" + ending, idx(TRAIN, 2, 3));
    write("train-labels" + spelling + "idx1-ubyte" + ending, idx(TRAIN));
    write("t10k-images" + spelling + "idx3-ubyte" + ending, idx(TEST, 2, 3));
    write("t10k-labels" + spelling + "idx1-ubyte" + ending, idx(TEST));
  }

  private void write(String name, byte[] bytes) throws IOException {
    Files.write(folder.resolve(name), name.endsWith(".gz") ? gzip(bytes) : bytes);
  }

  /** One dimension: labels 0 … 9 in turn; three: pixels 0, 1, 2 … */
  private static byte[] idx(int... dimensions) {
    int count = Arrays.stream(dimensions).reduce(1, (a, b) -> a * b);
    ByteBuffer bytes = ByteBuffer.allocate(4 + 4 * dimensions.length + count);
    bytes.putInt(0x800 + dimensions.length);
    for (int dimension : dimensions) {
      bytes.putInt(dimension);
    }
    for (int i = 0; i < count; i++) {
      bytes.put((byte) (dimensions.length == 1 ? i % 10 : i));
    }
    return bytes.array();
  }

  private static byte[] gzip(byte[] bytes) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    }
    return out.toByteArray();
  }
}
