package io.fullrank.network.state;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.proto.v1.Augmentation;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class PictureAugmentationTest {

  private static final ImageShape SHAPE = new ImageShape(2, 3, 4);

  @Test
  void drawsEveryCropOfEveryMirrorImageEquallyOften() {
    List<List<Float>> possible = possible(1, true);
    assertThat(new HashSet<>(possible)).hasSize(18);
    Map<List<Float>, Integer> counts = new HashMap<>();
    PictureAugmentation augmentation = augmentation(1, true, 1);
    for (int i = 0; i < 18_000; i++) {
      counts.merge(apply(augmentation), 1, Integer::sum);
    }
    assertThat(counts.keySet()).isEqualTo(Set.copyOf(possible));
    double chiSquare =
        counts.values().stream().mapToDouble(n -> (n - 1000.0) * (n - 1000.0) / 1000).sum();
    // 99.9% quantile of the chi-square distribution with 17 degrees of freedom; the seed is fixed.
    assertThat(chiSquare).isLessThan(40.79);
  }

  @Test
  void cropsAndMirrorsAlone() {
    assertThat(drawn(1, false)).isEqualTo(Set.copyOf(possible(1, false)));
    assertThat(drawn(0, true)).isEqualTo(Set.copyOf(possible(0, true)));
  }

  @Test
  void theSameSeedDrawsTheSame() {
    PictureAugmentation one = augmentation(1, true, 5);
    PictureAugmentation two = augmentation(1, true, 5);
    for (int i = 0; i < 50; i++) {
      assertThat(apply(one)).isEqualTo(apply(two));
    }
  }

  @Test
  void batchesLeaveTheTrainingSetAsItIs() {
    float[] values = new float[2 * SHAPE.inputs()];
    for (int i = 0; i < values.length; i++) {
      values[i] = i + 1;
    }
    Samples samples = Samples.of(SHAPE, values, new int[2]);
    BatchInputs plain = new BatchInputs(samples, Optional.empty(), 3);
    BatchInputs augmented = new BatchInputs(samples, Optional.of(augmentation(2, false, 3)), 3);
    float[] batch = new float[3 * SHAPE.inputs()];
    int changed = 0;
    for (int i = 0; i < 10; i++) {
      augmented.of(new int[] {1, 0, 1}).values().get(0, batch);
      changed += batch[0] == values[SHAPE.inputs()] ? 0 : 1;
    }
    assertThat(changed).isPositive();
    assertThat(samples.values()).isEqualTo(values);
    assertThat(plain.of(new int[] {1}).rows()).isEqualTo(1);
    plain.of(new int[] {1, 0, 1}).values().get(0, batch);
    assertThat(batch[0]).isEqualTo(values[SHAPE.inputs()]);
    assertThat(batch[SHAPE.inputs()]).isEqualTo(values[0]);
    assertThat(batch[3 * SHAPE.inputs() - 1]).isEqualTo(values[2 * SHAPE.inputs() - 1]);
  }

  private static Set<List<Float>> drawn(int padding, boolean flip) {
    Set<List<Float>> drawn = new HashSet<>();
    PictureAugmentation augmentation = augmentation(padding, flip, 2);
    for (int i = 0; i < 300; i++) {
      drawn.add(apply(augmentation));
    }
    return drawn;
  }

  private static PictureAugmentation augmentation(int padding, boolean flip, long seed) {
    return new PictureAugmentation(
        SHAPE,
        Augmentation.newBuilder().setCropPadding(padding).setHorizontalFlip(flip).build(),
        seed);
  }

  /** The picture 1, 2, 3, …, augmented. */
  private static List<Float> apply(PictureAugmentation augmentation) {
    float[] picture = new float[SHAPE.inputs()];
    for (int i = 0; i < picture.length; i++) {
      picture[i] = i + 1;
    }
    augmentation.apply(picture);
    return list(picture);
  }

  /** All that can be drawn, by way of the padded picture. */
  private static List<List<Float>> possible(int padding, boolean flip) {
    List<List<Float>> possible = new ArrayList<>();
    for (int top = 0; top <= 2 * padding; top++) {
      for (int left = 0; left <= 2 * padding; left++) {
        for (int mirrored = 0; mirrored <= (flip ? 1 : 0); mirrored++) {
          float[] picture = new float[SHAPE.inputs()];
          for (int channel = 0; channel < 2; channel++) {
            float[][] padded = new float[3 + 2 * padding][4 + 2 * padding];
            for (int y = 0; y < 3; y++) {
              for (int x = 0; x < 4; x++) {
                padded[y + padding][x + padding] = channel * 12 + y * 4 + x + 1;
              }
            }
            for (int y = 0; y < 3; y++) {
              for (int x = 0; x < 4; x++) {
                picture[channel * 12 + y * 4 + x] =
                    padded[top + y][left + (mirrored == 1 ? 3 - x : x)];
              }
            }
          }
          possible.add(list(picture));
        }
      }
    }
    return possible;
  }

  private static List<Float> list(float[] values) {
    List<Float> list = new ArrayList<>();
    for (float value : values) {
      list.add(value);
    }
    return list;
  }
}
