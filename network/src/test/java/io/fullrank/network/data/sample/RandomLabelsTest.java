package io.fullrank.network.data.sample;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.proto.v1.DataSetSpec;
import io.fullrank.proto.v1.LabelNoise;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RandomLabelsTest {

  private static final int ROWS = 20_000;

  private final Samples zeros = Samples.of(1, new float[ROWS], new int[ROWS]);

  @Test
  void replacesTheFractionByUniformLabels() {
    int[] labels = noisy(0.3, 1);
    long[] counts = new long[10];
    for (int label : labels) {
      counts[label]++;
    }
    // 0 is drawn with probability 0.03; four standard deviations.
    assertThat((double) ROWS - counts[0]).isCloseTo(ROWS * 0.27, within(4 * 63.0));
    for (int label = 1; label < 10; label++) {
      assertThat((double) counts[label]).isCloseTo(ROWS * 0.03, within(4 * 25.0));
    }
  }

  @Test
  void dependsOnSeedAndRowOnly() {
    assertThat(noisy(0.3, 1)).isEqualTo(noisy(0.3, 1)).isNotEqualTo(noisy(0.3, 2));
    Samples first = zeros.select(IntStream.range(0, 100).toArray());
    assertThat(RandomLabels.replace(noise(0.3, 1), 10, first).labels())
        .isEqualTo(Arrays.copyOf(noisy(0.3, 1), 100));
    int[] some = noisy(0.3, 1);
    int[] more = noisy(0.9, 1);
    // A larger probability replaces what a smaller one does, by the same labels.
    assertThat(IntStream.range(0, ROWS).filter(i -> some[i] != 0 && some[i] != more[i])).isEmpty();
  }

  @Test
  void changesTrainingLabelsOnlyAndTheIdentityTells() {
    DataSetSpec clean =
        DataSetSpec.newBuilder().setName("strokes").setTrainSize(200).setTestSize(30).build();
    DataSet plain = DataSets.load(clean, Path.of("no-such-directory"));
    DataSet noisy =
        DataSets.load(
            clean.toBuilder().setLabelNoise(noise(0.5, 1)).build(), Path.of("no-such-directory"));
    assertThat(noisy.train().values()).isEqualTo(plain.train().values());
    assertThat(noisy.train().labels()).isNotEqualTo(plain.train().labels());
    assertThat(noisy.test().labels()).isEqualTo(plain.test().labels());
    assertThat(noisy.identity().getTrainSha256()).isNotEqualTo(plain.identity().getTrainSha256());
  }

  private int[] noisy(double probability, long seed) {
    return RandomLabels.replace(noise(probability, seed), 10, zeros).labels();
  }

  private static LabelNoise noise(double probability, long seed) {
    return LabelNoise.newBuilder().setProbability(probability).setSeed(seed).build();
  }
}
