package io.fullrank.network.data.sample;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class SamplesTest {

  private final Samples samples =
      Samples.of(3, new float[] {0, 0.5f, 1, 0.1f, 0.2f, 0.25f}, new int[] {7, 2});

  @Test
  void fingerprintMatchesTheOracle() {
    // src/test/oracle/train_sha256.py
    assertThat(HexFormat.of().formatHex(samples.sha256(10)))
        .isEqualTo("870608e17c8211367404b0e360e90fc2a670e1f14e6369ddfc6fa42934e652bc");
  }

  @Test
  void fingerprintDependsOnEveryPart() {
    float[] values = samples.values();
    int[] labels = samples.labels();
    assertThat(samples.sha256(10))
        .isEqualTo(Samples.of(3, values, labels).sha256(10))
        .isNotEqualTo(samples.sha256(9))
        .isNotEqualTo(samples.select(new int[] {1, 0}).sha256(10))
        .isNotEqualTo(samples.select(new int[] {0}).sha256(10))
        .isNotEqualTo(Samples.of(3, values, new int[] {7, 3}).sha256(10));
    values[5] = Math.nextUp(values[5]);
    assertThat(Samples.of(3, values, labels).sha256(10)).isNotEqualTo(samples.sha256(10));
  }

  @Test
  void cannotBeChangedFromOutside() {
    float[] values = {1, 2};
    int[] labels = {0, 1};
    Samples own = Samples.of(1, values, labels);
    values[0] = 9;
    labels[0] = 9;
    own.values()[1] = 9;
    own.labels()[1] = 9;
    assertThat(own.values()).containsExactly(1, 2);
    assertThat(own.labels()).containsExactly(0, 1);
  }

  @Test
  void refusesSizesThatDisagree() {
    assertThatThrownBy(() -> Samples.of(3, new float[5], new int[2]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("2 labels and 3 inputs per row need 6 values, got 5");
    assertThatThrownBy(() -> Samples.of(1, new float[1], new int[] {-1}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("row 0: negative label -1");
  }

  @Test
  void picturesKeepTheirShape() {
    ImageShape shape = new ImageShape(3, 1, 2);
    Samples pictures = Samples.of(shape, new float[12], new int[2]);
    assertThat(pictures.shape()).isEqualTo(shape);
    assertThat(pictures.inputs()).isEqualTo(6);
    assertThat(pictures.select(new int[] {1}).shape()).isEqualTo(shape);
    assertThat(samples.shape()).isEqualTo(new ImageShape(1, 1, 3));
  }

  @Test
  void refusesShapesOfNoPicture() {
    assertThatThrownBy(() -> new ImageShape(3, 0, 32))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("not the shape of a picture: 3×0×32");
    assertThatThrownBy(() -> new ImageShape(2, 1 << 15, 1 << 15))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("not the shape of a picture: 2×32768×32768");
  }

  @Test
  void selectsRowsInTheGivenOrder() {
    Samples selected = samples.select(new int[] {1, 0, 1});
    assertThat(selected.values()).containsExactly(0.1f, 0.2f, 0.25f, 0, 0.5f, 1, 0.1f, 0.2f, 0.25f);
    assertThat(selected.labels()).containsExactly(2, 7, 2);
  }
}
