package io.fullrank.network.jacobian;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.network.Networks;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.sample.ImageShape;
import java.util.List;
import org.junit.jupiter.api.Test;

class JacobianLayersTest {

  private final Network narrow = Networks.network(100, 256, 10, 64, 64);
  private final Network residual =
      Network.of(
          Networks.residual(100, 0, Networks.stage(1, 8, 1), Networks.stage(1, 16, 2)),
          new ImageShape(1, 28, 28),
          10);

  @Test
  void namedLayersComeInTheNetworksOrder() {
    assertThat(JacobianLayers.named(narrow, List.of("output", "hidden.1", "output")).names())
        .containsExactly("hidden.1", "output");
  }

  @Test
  void unknownNameIsRefusedWithThoseThatThereAre() {
    assertThatThrownBy(() -> JacobianLayers.named(narrow, List.of("hidden.1", "hidden.3")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "the network has no layer 'hidden.3' with weights; it has hidden.1, hidden.2, output");
  }

  /** Batch normalisation has parameters, but they are not a layer's. */
  @Test
  void namesAreCheckedBeforeThereIsData() {
    var spec = Networks.residual(100, 0, Networks.stage(1, 8, 1), Networks.stage(1, 16, 2));
    assertThatCode(() -> JacobianLayers.check(spec, List.of("stem", "stage.2.block.1.projection")))
        .doesNotThrowAnyException();
    assertThatThrownBy(() -> JacobianLayers.check(spec, List.of("norm")))
        .hasMessageContaining("no layer 'norm'")
        .hasMessageContaining("it has stem, stage.1.block.1.convolution.1,");
  }

  @Test
  void rankIsBoundedByParametersAndByGradients() {
    JacobianLayers all = JacobianLayers.cheapest(narrow, 1000);
    assertThat(all.rankBound(1000, 10)).isEqualTo(10_000 + 65 * 64 + 65 * 10);
    // Ten outputs through one unit: the ten gradients of an example are multiples of one.
    Network bottleneck = Networks.network(100, 256, 10, 1, 64);
    JacobianLayers first = JacobianLayers.named(bottleneck, List.of("hidden.1"));
    assertThat(first.rankBound(100, 10)).isEqualTo(100);
  }

  /** Products of factors cost little beside the factorisation, so every layer is taken. */
  @Test
  void cheapestOfVectorsAreAll() {
    assertThat(JacobianLayers.cheapest(narrow, 1000).names())
        .containsExactly("hidden.1", "hidden.2", "output");
  }

  /** Convolutions cost as much as they have parameters: few are taken where few suffice. */
  @Test
  void cheapestOfPicturesHaveTwiceAsManyParametersAsRows() {
    JacobianLayers few = JacobianLayers.cheapest(residual, 50);
    assertThat(few.rankBound(50, 10)).isGreaterThanOrEqualTo(500);
    assertThat(few.parameters()).isGreaterThanOrEqualTo(1000);
    assertThat(few.names())
        .contains("stem", "output")
        .doesNotContain("stage.2.block.1.convolution.2");
    assertThat(JacobianLayers.cheapest(residual, 1000).names())
        .hasSize(residual.linearMaps().size());
  }

  @Test
  void memoryIsThatOfFactorsOrOfRows() {
    assertThat(JacobianLayers.named(narrow, List.of("hidden.1")).bytes(1000, 10))
        .isEqualTo(8.0 * (1000 * 256 + 10_000 * 64));
    assertThat(JacobianLayers.named(residual, List.of("stem")).bytes(1000, 10))
        .isEqualTo(8.0 * 10_000 * 72);
  }
}
