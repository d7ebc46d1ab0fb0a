package io.fullrank.network.jacobian;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.certificate.kernel.ExplicitRows;
import io.fullrank.certificate.kernel.KhatriRaoRows;
import io.fullrank.certificate.kernel.LayerJacobian;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.Networks;
import io.fullrank.network.OracleFile;
import io.fullrank.network.architecture.Features;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.layer.LinearMap;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.DuForm;
import io.fullrank.proto.v1.DuNetwork;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Relu;
import io.fullrank.proto.v1.Tanh;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Expected values by jacobians.py, in float64; ours are float32. */
class OutputJacobianTest {

  private static final OracleFile ORACLE =
      OracleFile.beside(OutputJacobianTest.class, "jacobians.yaml");
  private static final ImageShape SHAPE = new ImageShape(2, 5, 4);
  private static final int ROWS = 3;
  private static final int CLASSES = 3;

  /** Of sums of some dozen terms of size 1, through up to eight layers. */
  private static final double TOLERANCE = 1e-5;

  private static final Map<String, NetworkSpec> NETWORKS =
      Map.of(
          "fully-connected", Networks.spec(3, 5, 4),
          "rectifier",
              NetworkSpec.newBuilder()
                  .setFullyConnected(
                      FullyConnected.newBuilder()
                          .addWidths(5)
                          .addWidths(4)
                          .setActivation(
                              Activation.newBuilder().setRelu(Relu.getDefaultInstance())))
                  .build(),
          "residual", Networks.residual(3, 4, Networks.stage(1, 2, 1), Networks.stage(1, 3, 2)),
          "FULLY_CONNECTED", du(DuForm.DU_FORM_FULLY_CONNECTED, 4),
          "RESIDUAL", du(DuForm.DU_FORM_RESIDUAL, 4),
          "CONVOLUTIONAL_RESIDUAL", du(DuForm.DU_FORM_CONVOLUTIONAL_RESIDUAL, 2));

  private final Samples samples =
      Samples.of(SHAPE, ORACLE.get("x").floats(), ORACLE.get("labels").ints());

  private static NetworkSpec du(DuForm form, int width) {
    return NetworkSpec.newBuilder()
        .setDu(
            DuNetwork.newBuilder()
                .setForm(form)
                .setWidth(width)
                .setLayers(3)
                .setResidualConstant(0.5)
                .setActivation(Activation.newBuilder().setTanh(Tanh.getDefaultInstance())))
        .build();
  }

  private static Network network(String name) {
    return Network.of(NETWORKS.get(name), SHAPE, CLASSES);
  }

  private static Parameters parameters(String name) {
    return Networks.parameters(network(name), ORACLE.get("networks").get(name).get("parameters"));
  }

  private static JacobianLayers all(Network network) {
    return new JacobianLayers(network.linearMaps());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "fully-connected",
        "rectifier",
        "residual",
        "FULLY_CONNECTED",
        "RESIDUAL",
        "CONVOLUTIONAL_RESIDUAL"
      })
  void agreesWithPyTorch(String name) {
    Network network = network(name);
    OracleFile expected = ORACLE.get("networks").get(name);

    try (OutputJacobian computed =
        OutputJacobian.compute(network, parameters(name), samples, all(network))) {
      double[] outputs = expected.get("outputs").doubles();
      for (int i = 0; i < outputs.length; i++) {
        assertThat(computed.outputs().values().get(i)).isCloseTo((float) outputs[i], within(1e-5f));
      }
      for (LinearMap map : network.linearMaps()) {
        double[][] rows = rows(layer(computed, map.layer()));
        OracleFile jacobian = expected.get("jacobian");
        double[] weight = jacobian.get(map.layer() + ".weight").doubles();
        double[] bias = map.bias() ? jacobian.get(map.layer() + ".bias").doubles() : new double[0];
        assertRows(map, rows, weight, bias);
      }
      long columns = network.linearMaps().stream().mapToLong(LinearMap::parameters).sum();
      assertThat(computed.jacobian().columns()).isEqualTo(columns);
    }
  }

  /** Weights lie [kernel row][kernel column][input][output] in a network. */
  private static void assertRows(LinearMap map, double[][] rows, double[] weight, double[] bias) {
    int outputs = map.output().channels();
    int inputs = map.input().channels();
    int places = map.kernel() * map.kernel();
    int patch = places * inputs + (map.bias() ? 1 : 0);
    for (int row = 0; row < rows.length; row++) {
      assertThat(rows[row]).hasSize(outputs * patch);
      for (int o = 0; o < outputs; o++) {
        for (int i = 0; i < inputs; i++) {
          for (int place = 0; place < places; place++) {
            double expected = weight[((row * places + place) * inputs + i) * outputs + o];
            assertThat(rows[row][o * patch + i * places + place])
                .as("%s, row %d, output %d, input %d, place %d", map.layer(), row, o, i, place)
                .isCloseTo(expected, within(TOLERANCE * (1 + Math.abs(expected))));
          }
        }
        if (map.bias()) {
          assertThat(rows[row][o * patch + patch - 1])
              .isCloseTo(bias[row * outputs + o], within(TOLERANCE));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"fully-connected", "residual", "CONVOLUTIONAL_RESIDUAL"})
  void lossesAndTheirGradientsAgreeWithPyTorch(String name) {
    Network network = network(name);
    try (OutputJacobian computed =
        OutputJacobian.compute(network, parameters(name), samples, all(network))) {
      for (String loss : List.of("CROSS_ENTROPY", "SQUARED")) {
        OracleFile expected = ORACLE.get("networks").get(name).get("losses").get(loss);
        Loss function = Loss.valueOf("LOSS_" + loss);
        LossAtOutputs at = LossAtOutputs.of(computed.outputs(), samples.labels(), function);
        double measured =
            LossGradientNorm.measure(network, parameters(name), samples, function, all(network));

        assertThat(at.mean()).isCloseTo(expected.get("mean").number(), within(1e-5));
        assertThat(at.gradientNormLowerBound())
            .isCloseTo(expected.get("gradient-at-outputs").number(), within(1e-5));
        double gradient = expected.get("gradient").number();
        assertThat(measured).isCloseTo(gradient, within(1e-5 * (1 + gradient)));
      }
    }
  }

  static List<OracleFile> convolutions() {
    return ORACLE.get("convolutions").list();
  }

  @ParameterizedTest
  @MethodSource("convolutions")
  void convolutionsOfAnyGeometryAgreeWithPyTorch(OracleFile expected) {
    int[] sizes = expected.get("sizes").ints();
    int[] kernel = expected.get("kernel").ints();
    int[] stride = expected.get("stride").ints();
    int[] padding = expected.get("padding").ints();
    int[] dilation = expected.get("dilation").ints();
    ConvolutionGeometry geometry =
        new ConvolutionGeometry(
            sizes[0],
            sizes[1],
            sizes[2],
            sizes[3],
            sizes[4],
            sizes[5],
            kernel[0],
            kernel[1],
            stride[0],
            stride[1],
            padding[0],
            padding[1],
            dilation[0],
            dilation[1],
            expected.get("groups").integer(),
            Boolean.parseBoolean(expected.get("bias").text()));
    double[] rows = expected.get("rows").doubles();
    int columns = rows.length / CLASSES;

    try (ConvolutionJacobian computed = new ConvolutionJacobian(geometry, 2, CLASSES)) {
      computed.setRows(1, expected.get("input").doubles(), expected.get("gradients").doubles());

      assertThat(computed.columns()).isEqualTo(columns);
      double[] found = new double[rows.length];
      computed.rows(1, 0, columns, found);
      assertThat(found).containsExactly(rows, within(1e-7));
      double[] part = new double[2 * CLASSES];
      computed.rows(1, columns - 2, 2, part);
      for (int k = 0; k < CLASSES; k++) {
        assertThat(part[2 * k]).isEqualTo(found[k * columns + columns - 2]);
        assertThat(part[2 * k + 1]).isEqualTo(found[k * columns + columns - 1]);
      }
    }
  }

  /** The checker certifies the features to the last bit that training uses; so it is here. */
  @ParameterizedTest
  @ValueSource(strings = {"fully-connected", "residual", "CONVOLUTIONAL_RESIDUAL"})
  void inputsOfTheOutputLayerAreTheFeatures(String name) {
    int rows = 300;
    Network network = network(name);
    float[] x = new float[rows * SHAPE.inputs()];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) Math.sin(i * 0.7 + i / 13);
    }
    Samples many = Samples.of(SHAPE, x, new int[rows]);
    Parameters parameters = network.initialParameters(5);
    try (Matrix features = Features.compute(network, parameters, many);
        OutputJacobian computed =
            OutputJacobian.compute(
                network, parameters, many, JacobianLayers.named(network, List.of("output")))) {
      KhatriRaoRows layer = (KhatriRaoRows) computed.jacobian().layers().get(0);
      double[] expected = new double[network.features()];
      double[] found = new double[network.features()];
      for (int i = 0; i < rows; i++) {
        features.getRow(i, 0, expected, 0, expected.length);
        layer.inputs().getRow(i, 0, found, 0, found.length);
        assertThat(found).containsExactly(expected);
      }
    }
  }

  @Test
  void layersThatAreNotAskedForAreLeftOut() {
    Network network = network("residual");
    JacobianLayers layers =
        JacobianLayers.named(network, List.of("wide", "stage.2.block.1.projection"));
    try (OutputJacobian computed =
        OutputJacobian.compute(network, parameters("residual"), samples, layers)) {
      assertThat(computed.jacobian().layers().stream().map(LayerJacobian::layer))
          .containsExactly("stage.2.block.1.projection", "wide");
    }
  }

  private static LayerJacobian layer(OutputJacobian computed, String name) {
    return computed.jacobian().layers().stream()
        .filter(layer -> layer.layer().equals(name))
        .findFirst()
        .orElseThrow();
  }

  /** The rows of a layer, [output][patch and 1]. */
  private static double[][] rows(LayerJacobian layer) {
    int columns = (int) layer.columns();
    double[][] rows = new double[ROWS * CLASSES][columns];
    if (layer instanceof ExplicitRows explicit) {
      double[] ofExample = new double[CLASSES * columns];
      for (int i = 0; i < ROWS; i++) {
        explicit.rows().rows(i, 0, columns, ofExample);
        for (int k = 0; k < CLASSES; k++) {
          System.arraycopy(ofExample, k * columns, rows[i * CLASSES + k], 0, columns);
        }
      }
      return rows;
    }
    KhatriRaoRows product = (KhatriRaoRows) layer;
    double[] a = new double[(int) product.inputs().columns() + (product.bias() ? 1 : 0)];
    double[] delta = new double[(int) product.outputGradients().columns()];
    a[a.length - 1] = 1;
    for (int row = 0; row < rows.length; row++) {
      product.inputs().getRow(row / CLASSES, 0, a, 0, (int) product.inputs().columns());
      product.outputGradients().getRow(row, 0, delta, 0, delta.length);
      for (int o = 0; o < delta.length; o++) {
        for (int i = 0; i < a.length; i++) {
          rows[row][o * a.length + i] = delta[o] * a[i];
        }
      }
    }
    return rows;
  }
}
