package io.fullrank.network.data.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.proto.v1.DataSetSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files in the binary format, written here: byte i of picture r is (31r + 7i) mod 256, its label r
 * mod classes; pictures are counted through all files.
 */
class CifarFilesTest {

  private static final int INPUTS = 3072;
  private static final ImageShape SHAPE = new ImageShape(3, 32, 32);

  @TempDir Path data;
  private Path ten;
  private Path hundred;

  @BeforeEach
  void writeGoodFiles() throws IOException {
    ten = Files.createDirectories(data.resolve("cifar-10"));
    for (int batch = 1; batch <= 5; batch++) {
      Files.write(ten.resolve("data_batch_" + batch + ".bin"), cifar10(4 * (batch - 1), 4));
    }
    Files.write(ten.resolve("test_batch.bin"), cifar10(20, 6));
    hundred = Files.createDirectories(data.resolve("cifar-100/cifar-100-binary"));
    Files.write(hundred.resolve("train.bin"), cifar100(0, 9));
    Files.write(hundred.resolve("test.bin"), cifar100(9, 4));
  }

  @Test
  void readsAllBatchesOfCifar10() {
    DataSet all = load("cifar-10", 0, 0);
    assertThat(all.identity().getClasses()).isEqualTo(10);
    assertThat(all.identity().getChannels()).isEqualTo(3);
    assertThat(all.train().shape()).isEqualTo(SHAPE);
    assertThat(rowsOf(all.train(), 10)).hasSize(20).allMatch(row -> row < 20);
    assertThat(rowsOf(all.test(), 10)).hasSize(6).allMatch(row -> row >= 20);
  }

  @Test
  void readsTheFineLabelsOfCifar100FromTheArchivesFolder() {
    DataSet all = load("cifar-100", 0, 0);
    assertThat(all.identity().getClasses()).isEqualTo(100);
    assertThat(rowsOf(all.train(), 100)).hasSize(9);
    assertThat(rowsOf(all.test(), 100)).hasSize(4);
  }

  @Test
  void drawsTheFirstRowsOfTheOrderOfAll() {
    Samples all = load("cifar-10", 0, 0).train();
    Samples few = load("cifar-10", 7, 2).train();
    assertThat(few.values()).isEqualTo(Arrays.copyOf(all.values(), 7 * INPUTS));
    assertThat(few.labels()).isEqualTo(Arrays.copyOf(all.labels(), 7));
    assertThatThrownBy(() -> load("cifar-10", 21, 0))
        .isInstanceOf(DataSetException.class)
        .hasMessage(ten + ": the data batches hold 20 rows, but the experiment asks for 21");
    assertThatThrownBy(() -> load("cifar-10", 2, 7))
        .isInstanceOf(DataSetException.class)
        .hasMessage(ten + ": test_batch.bin holds 6 rows, but the experiment asks for 7");
  }

  @Test
  void reportsATruncatedFile() throws IOException {
    Path file = ten.resolve("data_batch_3.bin");
    Files.write(file, Arrays.copyOf(cifar10(8, 4), 4 * 3073 - 1));
    assertFails(
        "cifar-10",
        file
            + ": truncated, or not a file of CIFAR-10's binary version: its 12291 bytes are no"
            + " pictures of 3073 bytes each; get the file again");
    Files.write(file, new byte[0]);
    assertFails("cifar-10", file + ": truncated, or not");
  }

  @Test
  void reportsFilesOfTheOtherDataSet() throws IOException {
    Path train = hundred.resolve("train.bin");
    // Equally long: only the labels can tell.
    Files.write(train, cifar10(0, 3074));
    assertFails("cifar-100", train + ": label ");
    byte[] bytes = cifar100(0, 9);
    bytes[2 * 3074 + 1] = 100;
    Files.write(train, bytes);
    assertFails(
        "cifar-100",
        train
            + ": label 100 of row 2 is not in 0 … 99: not a file of CIFAR-100; get the file again");
  }

  @Test
  void reportsAMissingFile() throws IOException {
    Files.delete(ten.resolve("data_batch_5.bin"));
    assertFails(
        "cifar-10",
        ten
            + ": no file data_batch_5.bin (nor in cifar-10-batches-bin); put the files of CIFAR-10's"
            + " binary version there");
  }

  private DataSet load(String name, int train, int test) {
    return DataSets.load(
        DataSetSpec.newBuilder()
            .setName(name)
            .setTrainSize(train)
            .setTestSize(test)
            .setSplitSeed(1)
            .build(),
        data);
  }

  private void assertFails(String name, String message) {
    assertThatThrownBy(() -> load(name, 0, 0))
        .isInstanceOf(DataSetException.class)
        .hasMessageStartingWith(message);
  }

  /** Which pictures these are, after a look at every number and label. */
  private static Set<Integer> rowsOf(Samples samples, int classes) {
    Set<Integer> rows = new HashSet<>();
    float[] values = samples.values();
    for (int row = 0; row < samples.rows(); row++) {
      int first = Math.round(values[row * INPUTS] * 255);
      int picture =
          IntStream.range(0, 26).filter(r -> r * 31 % 256 == first).findFirst().orElseThrow();
      for (int i = 0; i < INPUTS; i++) {
        assertThat(values[row * INPUTS + i]).isEqualTo((31 * picture + 7 * i) % 256 / 255f);
      }
      assertThat(samples.labels()[row]).isEqualTo(picture % classes);
      rows.add(picture);
    }
    return rows;
  }

  private static byte[] cifar10(int first, int rows) {
    byte[] bytes = new byte[rows * (INPUTS + 1)];
    for (int r = 0; r < rows; r++) {
      bytes[r * (INPUTS + 1)] = (byte) ((first + r) % 10);
      picture(first + r, bytes, r * (INPUTS + 1) + 1);
    }
    return bytes;
  }

  private static byte[] cifar100(int first, int rows) {
    byte[] bytes = new byte[rows * (INPUTS + 2)];
    for (int r = 0; r < rows; r++) {
      bytes[r * (INPUTS + 2)] = (byte) (19 - r % 20);
      bytes[r * (INPUTS + 2) + 1] = (byte) ((first + r) % 100);
      picture(first + r, bytes, r * (INPUTS + 2) + 2);
    }
    return bytes;
  }

  private static void picture(int number, byte[] bytes, int offset) {
    for (int i = 0; i < INPUTS; i++) {
      bytes[offset + i] = (byte) (31 * number + 7 * i);
    }
  }
}
