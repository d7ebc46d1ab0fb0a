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
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SemeionFileTest {

  @TempDir Path data;
  private Path file;

  @BeforeEach
  void createFolder() throws IOException {
    Files.createDirectory(data.resolve("semeion"));
    file = data.resolve("semeion/semeion.data");
  }

  @Test
  void readsBothNumberFormatsAlike() throws IOException {
    List<String> integers = lines(20);
    Files.write(file, integers);
    DataSet fromIntegers = load(15, 5, 1);
    Files.write(
        file, integers.stream().map(l -> l.replace("0", "0.0000").replace("1", "1.0000")).toList());
    DataSet fromDecimals = load(15, 5, 1);
    assertThat(fromDecimals.identity()).isEqualTo(fromIntegers.identity());
    assertThat(fromDecimals.test().values()).isEqualTo(fromIntegers.test().values());
  }

  @Test
  void readsPixelsAndLabelsInTheirPlaces() throws IOException {
    Files.write(file, lines(30));
    Samples all = SemeionFile.read(file);
    assertThat(all.rows()).isEqualTo(30);
    assertThat(all.inputs()).isEqualTo(256);
    for (int row = 0; row < 30; row++) {
      assertThat(all.labels()[row]).isEqualTo(row % 10);
      for (int i = 0; i < 256; i++) {
        assertThat(all.values()[row * 256 + i]).isEqualTo(i == row ? 1f : 0f);
      }
    }
  }

  @Test
  void acceptsBlankLinesTabsAndWindowsLineEnds() throws IOException {
    Files.writeString(file, String.join("\r\n", lines(12)).replace(' ', '\t') + "  \r\n\r\n");
    assertThat(SemeionFile.read(file).rows()).isEqualTo(12);
  }

  @Test
  void refusesAFileWithoutRows() throws IOException {
    Files.writeString(file, "\n \n");
    assertThatThrownBy(() -> SemeionFile.read(file))
        .isInstanceOf(DataSetException.class)
        .hasMessage(file + ": has no rows");
  }

  @Test
  void trainAndTestRowsAreDisjointAndDependOnTheSeedOnly() throws IOException {
    Files.write(file, lines(100));
    DataSet split = load(60, 0, 7);
    // Row r of the generated file has its only ink at pixel r.
    assertThat(inkedPixels(split.train())).hasSize(60);
    assertThat(inkedPixels(split.test()))
        .hasSize(40)
        .doesNotContainAnyElementsOf(inkedPixels(split.train()));
    assertThat(load(60, 0, 7).identity()).isEqualTo(split.identity());
    assertThat(load(60, 0, 8).train().values()).isNotEqualTo(split.train().values());
    DataSet smaller = load(60, 10, 7);
    assertThat(smaller.train().values()).isEqualTo(split.train().values());
    assertThat(smaller.test().values()).isEqualTo(Arrays.copyOf(split.test().values(), 10 * 256));
  }

  @Test
  void reportsFewerRowsThanAskedFor() throws IOException {
    Files.write(file, lines(20));
    assertThat(load(19, 0, 1).test().rows()).isEqualTo(1);
    assertFails(
        20, 0, ": 20 rows, but the experiment asks for 20 to train on and at least 1 to test on");
    assertFails(15, 6, ": 20 rows, but the experiment asks for 15 to train on and 6 to test on");
    assertFails(
        0, 0, ": 20 rows, but the experiment asks for all to train on and at least 1 to test on");
    assertFails(
        -1,
        -1,
        ": 20 rows, but the experiment asks for 4294967295 to train on and 4294967295 to test on");
  }

  @Test
  void reportsTheLineOfADamagedRow() throws IOException {
    assertLineFails(
        "0 0 1",
        ":3: 3 columns, expected 266 (256 pixels and 10 label columns); is the file complete?");
    String good = lines(1).get(0);
    assertLineFails(
        good + " 0",
        ":3: 267 columns, expected 266 (256 pixels and 10 label columns); is the file complete?");
    assertLineFails(good.replaceFirst("0", "x"), ":3: column 2: 'x' is not a number");
    assertLineFails(good.replaceFirst("0", "NaN"), ":3: column 2: 'NaN' is not in [0, 1]");
    assertLineFails(good.replaceFirst("0", "-0.5"), ":3: column 2: '-0.5' is not in [0, 1]");
    assertLineFails(
        good.replaceFirst("0", "9".repeat(500)),
        ":3: column 2: '99999999999999999999…' is not in [0, 1]");
    String notOneHot =
        ":3: the label is not one-hot: the last 10 columns must be nine times 0 and once 1";
    String pixels = good.substring(0, 2 * 256);
    assertLineFails(pixels + "0 0 0 0 0 0 0 0 0 0", notOneHot);
    assertLineFails(pixels + "1 0 0 0 0 0 0 0 0 1", notOneHot);
    assertLineFails(pixels + "1 0 0 0 0 0 0 0 0 0.5", notOneHot);
  }

  @Test
  void reportsABinaryFile() throws IOException {
    byte[] bytes = new byte[5000];
    Arrays.fill(bytes, (byte) 0xC3);
    Files.write(file, bytes);
    assertFails(
        1,
        0,
        ":1: 1 columns, expected 266 (256 pixels and 10 label columns); is the file complete?");
  }

  @Test
  void reportsAMissingFile() {
    assertThatThrownBy(() -> load(1, 1, 1))
        .isInstanceOf(DataSetException.class)
        .hasMessage(file.getParent() + ": no file semeion.data; put the data set's file there");
  }

  @Test
  void reportsAFolderInPlaceOfTheFile() throws IOException {
    Files.createDirectory(file);
    assertThatThrownBy(() -> load(1, 1, 1))
        .isInstanceOf(DataSetException.class)
        .hasMessage(file + ": cannot be read: Is a directory");
  }

  @Test
  void readsTheRealDataSetWhichHasNoIdenticalRows() {
    DataSet real =
        DataSets.load(
            DataSetSpec.newBuilder().setName("semeion").setTrainSize(1000).setSplitSeed(1).build(),
            SharedData.directory());
    assertThat(real.test().rows()).isEqualTo(593);
    assertThat(real.train().shape()).isEqualTo(new ImageShape(1, 16, 16));
    assertThat(Arrays.stream(real.train().labels()).distinct().count()).isEqualTo(10);
    Set<String> pictures = new HashSet<>();
    for (int row = 0; row < 1000; row++) {
      pictures.add(
          Arrays.toString(Arrays.copyOfRange(real.train().values(), row * 256, row * 256 + 256)));
    }
    assertThat(pictures).hasSize(1000);
  }

  private DataSet load(int train, int test, long seed) {
    return DataSets.load(
        DataSetSpec.newBuilder()
            .setName("semeion")
            .setTrainSize(train)
            .setTestSize(test)
            .setSplitSeed(seed)
            .build(),
        data);
  }

  private void assertFails(int train, int test, String message) {
    assertThatThrownBy(() -> load(train, test, 1))
        .isInstanceOf(DataSetException.class)
        .hasMessage(file + message);
  }

  private void assertLineFails(String line, String message) throws IOException {
    List<String> lines = lines(5);
    lines.set(2, line);
    Files.write(file, lines);
    assertFails(1, 0, message);
  }

  /** Row r has its only ink at pixel r, and label r mod 10. */
  private static List<String> lines(int rows) {
    List<String> lines = new ArrayList<>();
    for (int row = 0; row < rows; row++) {
      String[] columns = new String[266];
      Arrays.fill(columns, "0");
      columns[row] = "1";
      columns[256 + row % 10] = "1";
      lines.add(String.join(" ", columns));
    }
    return lines;
  }

  private static Set<Integer> inkedPixels(Samples samples) {
    Set<Integer> pixels = new HashSet<>();
    float[] values = samples.values();
    for (int i = 0; i < values.length; i++) {
      if (values[i] == 1) {
        pixels.add(i % 256);
      }
    }
    return pixels;
  }
}
