package io.fullrank.network.data.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.DataSetSpec;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Set;
import org.junit.jupiter.api.Test;

class StrokesTest {

  private static final Path NO_DIRECTORY = Path.of("no-such-directory");
  private static final int INPUTS = 256;

  @Test
  void isBitIdenticalEverywhere() {
    DataSetIdentity identity = load(600, 0, 1).identity();
    // Recorded on x86-64 Linux with JDK 17; JDK 25 gives the same. A change breaks recorded runs:
    // do it knowingly.
    assertThat(HexFormat.of().formatHex(identity.getTrainSha256().toByteArray()))
        .isEqualTo("73f477ab0b3bf86fc609eb6579626986b8e9e123421396b346abffe9724a59b6");
    assertThat(HexFormat.of().formatHex(load(1, 1000, 2).test().sha256(10)))
        .isEqualTo("6a19286a2336a63f45d1c83f0499765f3b3a9014977e289dea7e8c71bfe23736");
  }

  @Test
  void identityNamesWhatWasGenerated() {
    DataSetIdentity identity = load(30, 20, -7).identity();
    assertThat(identity.getName()).isEqualTo("strokes");
    assertThat(identity.getTrainRows()).isEqualTo(30);
    assertThat(identity.getTestRows()).isEqualTo(20);
    assertThat(identity.getInputs()).isEqualTo(INPUTS);
    assertThat(identity.getClasses()).isEqualTo(10);
    assertThat(identity.getSplitSeed()).isEqualTo(-7);
    assertThat(identity.getChannels()).isEqualTo(1);
    assertThat(identity.getHeight()).isEqualTo(16);
    assertThat(identity.getWidth()).isEqualTo(16);
  }

  @Test
  void testRowsDefaultToAThousand() {
    assertThat(load(10, 0, 1).test().rows()).isEqualTo(1000);
  }

  @Test
  void aRowDoesNotDependOnHowManyThereAre() {
    Samples few = load(13, 7, 3).train();
    Samples many = load(200, 50, 3).train();
    assertThat(few.values()).isEqualTo(Arrays.copyOf(many.values(), 13 * INPUTS));
    assertThat(few.labels()).isEqualTo(Arrays.copyOf(many.labels(), 13));
  }

  @Test
  void inEveryTenRowsEachDigitOccursOnceInShuffledOrder() {
    int[] labels = load(500, 1, 1).train().labels();
    Set<String> orders = new HashSet<>();
    for (int block = 0; block < 50; block++) {
      int[] order = Arrays.copyOfRange(labels, 10 * block, 10 * block + 10);
      assertThat(order).containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
      orders.add(Arrays.toString(order));
    }
    assertThat(orders).hasSizeGreaterThan(45);
  }

  @Test
  void trainAndTestRowsAndSeedsShareNoPicture() {
    Set<String> pictures = new HashSet<>();
    for (long seed = 1; seed <= 2; seed++) {
      DataSet data = load(1000, 1000, seed);
      addAll(data.train(), pictures);
      addAll(data.test(), pictures);
    }
    assertThat(pictures).hasSize(4000);
  }

  @Test
  void valuesAreGreyLevels() {
    for (float value : load(100, 1, 1).train().values()) {
      assertThat(value).isBetween(0f, 1f);
      assertThat(Math.round(value * 255) / 255f).isEqualTo(value);
    }
  }

  @Test
  void theNearestNeighbourIsMostlyButNotAlwaysRight() {
    DataSet data = load(1000, 1000, 1);
    // Learnable, not trivial: guessing errs on 900, a small net on about 60.
    assertThat(nearestNeighbourErrors(data)).isBetween(50, 200);
  }

  @Test
  void refusesSizesThatItCannotGenerate() {
    assertThatThrownBy(() -> load(0, 10, 1))
        .isInstanceOf(DataSetException.class)
        .hasMessage("strokes: rows are generated without end; set the train size");
    assertThatThrownBy(() -> load(-1, 10, 1))
        .isInstanceOf(DataSetException.class)
        .hasMessage("strokes: 4294967295 rows are more than the 100000 it generates");
    assertThatThrownBy(() -> load(10, 100_001, 1))
        .isInstanceOf(DataSetException.class)
        .hasMessage("strokes: 100001 rows are more than the 100000 it generates");
  }

  private static DataSet load(int train, int test, long seed) {
    return DataSets.load(
        DataSetSpec.newBuilder()
            .setName("strokes")
            .setTrainSize(train)
            .setTestSize(test)
            .setSplitSeed(seed)
            .build(),
        NO_DIRECTORY);
  }

  private static void addAll(Samples samples, Set<String> pictures) {
    float[] values = samples.values();
    for (int row = 0; row < samples.rows(); row++) {
      pictures.add(Arrays.toString(Arrays.copyOfRange(values, row * INPUTS, (row + 1) * INPUTS)));
    }
  }

  private static int nearestNeighbourErrors(DataSet data) {
    float[] train = data.train().values();
    float[] test = data.test().values();
    int[] trainLabels = data.train().labels();
    int[] testLabels = data.test().labels();
    int errors = 0;
    for (int row = 0; row < data.test().rows(); row++) {
      int nearest = -1;
      double smallest = Double.MAX_VALUE;
      for (int other = 0; other < data.train().rows(); other++) {
        double distance = 0;
        for (int i = 0; i < INPUTS; i++) {
          double difference = test[row * INPUTS + i] - train[other * INPUTS + i];
          distance += difference * difference;
        }
        if (distance < smallest) {
          smallest = distance;
          nearest = other;
        }
      }
      if (trainLabels[nearest] != testLabels[row]) {
        errors++;
      }
    }
    return errors;
  }
}
