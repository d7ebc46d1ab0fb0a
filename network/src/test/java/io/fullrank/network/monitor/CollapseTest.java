package io.fullrank.network.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.network.Networks;
import io.fullrank.network.OracleFile;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Relu;
import java.util.List;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;

/** Expected values by collapse.py. */
class CollapseTest {

  private static final OpenBlas ALGEBRA = new OpenBlas(1);

  private final OracleFile oracle = OracleFile.beside(CollapseTest.class, "collapse.yaml");

  private final Network network =
      Network.of(
          NetworkSpec.newBuilder()
              .setFullyConnected(
                  FullyConnected.newBuilder()
                      .addAllWidths(List.of(8, 5))
                      .setActivation(Activation.newBuilder().setRelu(Relu.getDefaultInstance())))
              .build(),
          ImageShape.vector(6),
          3);

  @Test
  void ranksDormantUnitsAndGradientNormsAreThoseOfPyTorch() {
    Collapse collapse =
        Collapse.of(
            network,
            Networks.parameters(network, oracle.get("parameters")),
            Samples.of(6, oracle.get("x").floats(), oracle.get("labels").ints()),
            Loss.LOSS_CROSS_ENTROPY,
            ALGEBRA);

    assertThat(collapse.representations()).containsOnlyKeys("hidden.1", "hidden.2");
    collapse
        .representations()
        .forEach((layer, found) -> assertSame(found, oracle.get("layers").get(layer), 1e-5));
    assertThat(collapse.gradientNorms()).containsOnlyKeys("hidden.1", "hidden.2", "output");
    collapse
        .gradientNorms()
        .forEach(
            (layer, norms) ->
                assertThat(
                        DoubleStream.of(0, 0.05, 0.25, 0.5, 0.75, 0.95, 1).map(norms::at).toArray())
                    .containsExactly(
                        oracle.get("gradient-norms").get(layer).doubles(), within(1e-4)));
  }

  @Test
  void unitsOfConvolutionsAreChannels() {
    OracleFile expected = oracle.get("channels");
    double[] values = expected.get("values").doubles();
    double[][] rows = new double[4][15];
    for (int i = 0; i < values.length; i++) {
      rows[i / 15][i % 15] = values[i];
    }
    try (Matrix matrix = Matrix.of(rows)) {
      assertSame(Representation.of(matrix, 5, ALGEBRA), expected, 1e-9);
    }
  }

  private static void assertSame(Representation found, OracleFile expected, double tolerance) {
    assertThat(found.effectiveRank())
        .isCloseTo(expected.get("effective-rank").number(), within(tolerance));
    assertThat(found.srank()).isEqualTo(expected.get("srank").integer());
    assertThat(found.stableRank())
        .isCloseTo(expected.get("stable-rank").number(), within(tolerance));
    assertThat(Representation.THRESHOLDS.stream().mapToDouble(found::dormant))
        .containsExactly(
            DoubleStream.of(expected.get("dormant").doubles()).boxed().toArray(Double[]::new));
  }

  @Test
  void aLayerOfZerosHasRankZeroAndIsDormant() {
    try (Matrix zeros = Matrix.allocate(3, 4)) {
      Representation found = Representation.of(zeros, 4, ALGEBRA);

      assertThat(found).isEqualTo(new Representation(0, 0, 0, List.of(0.0, 0.0, 0.0, 0.0)));
      assertThat(found.dormant(0)).isEqualTo(1);
    }
  }

  @Test
  void numbersThatAreNotFiniteAreRefused() {
    try (Matrix matrix = Matrix.of(new double[][] {{1, 2}, {3, Double.NaN}})) {
      assertThatExceptionOfType(NonFiniteEntryException.class)
          .isThrownBy(() -> Representation.of(matrix, 2, ALGEBRA));
    }
  }

  @Test
  void ranksDoNotDependOnTheScaleOfTheOutputs() {
    try (Matrix large = Matrix.of(new double[][] {{1e300, 0, 1e300}, {0, 1e300, 1e300}});
        Matrix small = Matrix.of(new double[][] {{1e-300, 0, 1e-300}, {0, 1e-300, 1e-300}})) {
      Representation found = Representation.of(large, 3, ALGEBRA);
      assertThat(Representation.of(small, 3, ALGEBRA).stableRank())
          .isCloseTo(found.stableRank(), within(1e-12));
      assertThat(found.stableRank()).isCloseTo(4.0 / 3, within(1e-12));
    }
  }

  @Test
  void examplesAreSpreadOverTheDataAndAlwaysTheSame() {
    int rows = 1000;
    float[] values = new float[rows * 6];
    int[] labels = new int[rows];
    for (int i = 0; i < rows; i++) {
      values[6 * i] = i;
    }
    Samples all = Samples.of(6, values, labels);

    Samples examples = Collapse.examples(network, all);

    assertThat(examples.rows()).isEqualTo(256);
    assertThat(examples.values()[0]).isEqualTo(0);
    assertThat(examples.values()[6 * 255]).isEqualTo(996);
    assertThat(Collapse.examples(network, all).values()).containsExactly(examples.values());
    Samples few = all.select(new int[] {3, 1, 2});
    assertThat(Collapse.examples(network, few).values()).containsExactly(few.values());
  }

  @Test
  void histogramsCountEveryNumberOnce() {
    Quantiles quantiles = new Quantiles(new double[] {3, 1, 2, 2, 5});

    double[] edges = quantiles.edges(4);

    assertThat(edges).containsExactly(1, 2, 3, 4, 5);
    assertThat(quantiles.counts(edges)).containsExactly(1, 2, 1, 1);
    Quantiles same = new Quantiles(new double[] {2, 2, 2});
    assertThat(same.counts(same.edges(4))).containsExactly(3);
    assertThat(same.edges(4)).isSorted().doesNotHaveDuplicates();
  }

  @Test
  void parametersStayAsTheyAre() {
    Parameters parameters = network.initialParameters(1);
    float[] before = Networks.values(parameters);
    Collapse.of(
        network,
        parameters,
        Samples.of(6, oracle.get("x").floats(), oracle.get("labels").ints()),
        Loss.LOSS_SQUARED,
        ALGEBRA);
    assertThat(Networks.values(parameters)).containsExactly(before);
  }
}
