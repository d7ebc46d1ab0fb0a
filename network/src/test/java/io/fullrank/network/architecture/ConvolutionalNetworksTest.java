package io.fullrank.network.architecture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.Networks;
import io.fullrank.network.OracleFile;
import io.fullrank.network.algorithm.BaseAlgorithm;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.layer.Convolution;
import io.fullrank.network.layer.LayerPass;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.Gaussian;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.tensor.Scratch;
import io.fullrank.network.tensor.Volume;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.ConstantSchedule;
import io.fullrank.proto.v1.DuForm;
import io.fullrank.proto.v1.DuNetwork;
import io.fullrank.proto.v1.LearningRateSchedule;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.StochasticGradientDescent;
import io.fullrank.proto.v1.Tanh;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Expected values by convolutional_networks.py, in float64; ours are float32. */
class ConvolutionalNetworksTest {

  private static final OracleFile ORACLE =
      OracleFile.beside(ConvolutionalNetworksTest.class, "convolutional-networks.yaml");
  private static final ImageShape SHAPE = new ImageShape(2, 6, 5);
  private static final int ROWS = 7;
  private static final int CLASSES = 3;

  /** Of sums of some hundred terms of size 1. */
  private static final float TOLERANCE = 3e-6f;

  /** Batches of one to three rows have small variances, which errors are divided by. */
  private static final float AFTER_STEPS = 1e-5f;

  private final OracleFile oracle = ORACLE.get("residual");
  private final Network network =
      Network.of(
          Networks.residual(3, 6, Networks.stage(2, 3, 1), Networks.stage(1, 4, 2)),
          SHAPE,
          CLASSES);
  private final Parameters parameters = Networks.parameters(network, oracle.get("initial"));
  private final float[] x = oracle.get("x").floats();
  private final int[] labels = oracle.get("labels").ints();
  private final LossFunction loss = LossFunction.of(Loss.LOSS_CROSS_ENTROPY);

  static List<OracleFile> convolutions() {
    return ORACLE.get("convolutions").list();
  }

  @ParameterizedTest
  @MethodSource("convolutions")
  void convolutionsAgreeWithPyTorch(OracleFile expected) {
    int samples = expected.get("samples").integer();
    Volume input =
        new Volume(
            expected.get("height").integer(),
            expected.get("width").integer(),
            expected.get("inputs").integer());
    Convolution convolution =
        new Convolution(
            "c",
            input,
            expected.get("outputs").integer(),
            expected.get("kernel").integer(),
            expected.get("stride").integer());
    ParameterLayout.Builder builder = new ParameterLayout.Builder();
    convolution.declare(builder);
    ParameterLayout layout = builder.output(1, 1);
    Parameters weights = Parameters.zeros(layout);
    weights.values().put(0, expected.get("weight").floats());
    LayerPass pass = convolution.trainingPass(samples, new Scratch());
    FloatMatrix in =
        FloatMatrix.of(samples * input.pixels(), input.channels(), floats(expected, "x"));
    FloatMatrix out = convolution.output().allocate(samples);
    FloatMatrix dy = FloatMatrix.of(out.rows(), out.columns(), floats(expected, "dy"));
    FloatMatrix dx = input.allocate(samples);
    dx.values().put(0, 64);
    Parameters gradient = Parameters.zeros(layout);

    pass.forward(weights, in, out);
    pass.parameterGradient(weights, in, dy, gradient);
    pass.addInputGradient(weights, in, dy, dx);

    assertClose(Networks.values(out.values()), floats(expected, "y"), TOLERANCE);
    assertClose(
        Networks.values(gradient.weight("c").values()), floats(expected, "dweight"), TOLERANCE);
    dx.values().put(0, dx.values().get(0) - 64);
    assertClose(Networks.values(dx.values()), floats(expected, "dx"), 2 * TOLERANCE);
  }

  private static float[] floats(OracleFile expected, String key) {
    return expected.get(key).floats();
  }

  @Test
  void residualNetworkNamesItsParameters() {
    assertThat(network.layout().slots().stream().map(slot -> slot.name() + slot.shape()))
        .startsWith(
            "stem.weight[3, 3, 2, 3]",
            "stage.1.block.1.norm.1.scale[3]",
            "stage.1.block.1.norm.1.shift[3]",
            "stage.1.block.1.convolution.1.weight[3, 3, 3, 3]")
        .contains("stage.2.block.1.projection.weight[1, 1, 3, 4]", "wide.weight[4, 6]")
        .endsWith("norm.running-mean[4]", "norm.running-variance[4]");
    int statistics = 2 * (4 * 3 + 3 + 4 + 4);
    assertThat(network.layout().totalLength() - network.layout().length()).isEqualTo(statistics);
    assertThat(network.layout().layers()).doesNotHaveDuplicates().endsWith("wide", "output");
  }

  @Test
  void residualNetworkEvaluatesByItsStatistics() {
    assertFeatures("evaluated-features");
    assertThat(Networks.values(parameters))
        .containsExactly(Networks.values(Networks.parameters(network, oracle.get("initial"))));
  }

  @Test
  void residualNetworkGoesBackwardAsInPyTorch() {
    Parameters gradient = Parameters.zeros(network.layout());
    double value =
        new Backpropagation(network, loss, ROWS)
            .lossAndGradient(parameters, FloatMatrix.of(ROWS, SHAPE.inputs(), x), labels, gradient);
    assertThat(value).isCloseTo(oracle.get("loss").number(), within(1e-6));
    assertClose(trained(gradient), Networks.trained(network, oracle.get("gradient")), TOLERANCE);
    assertThat(gradient.trainedToTensors()).hasSize(network.layout().trainedSlots().size());
  }

  @Test
  void residualNetworkGoesBackwardByFixedStatisticsAsInPyTorch() {
    float[] before = Networks.values(parameters);
    Parameters gradient = Parameters.zeros(network.layout());
    double value =
        Backpropagation.withFixedStatistics(network, loss, ROWS)
            .lossAndGradient(parameters, FloatMatrix.of(ROWS, SHAPE.inputs(), x), labels, gradient);
    assertThat(value).isCloseTo(oracle.get("evaluated-loss").number(), within(1e-6));
    assertClose(
        trained(gradient), Networks.trained(network, oracle.get("evaluated-gradient")), TOLERANCE);
    assertThat(Networks.values(parameters)).containsExactly(before);
  }

  @Test
  void residualNetworkTrainsAsInPyTorchAndItsStatisticsAreFixed() {
    BaseAlgorithm sgd =
        BaseAlgorithm.of(
            AlgorithmSpec.newBuilder()
                .setSgd(
                    StochasticGradientDescent.newBuilder()
                        .setLearningRate(0.1)
                        .setMomentum(0.9)
                        .setWeightDecay(0.01)
                        .setSchedule(
                            LearningRateSchedule.newBuilder()
                                .setConstant(ConstantSchedule.getDefaultInstance())))
                .build(),
            network.layout(),
            3,
            4);
    Backpropagation backpropagation = new Backpropagation(network, loss, 3);
    Parameters gradient = Parameters.zeros(network.layout());
    long step = 0;
    for (OracleFile batch : oracle.get("batches").list()) {
      int[] rows = batch.ints();
      float[] inputs = new float[rows.length * SHAPE.inputs()];
      int[] batchLabels = new int[rows.length];
      for (int i = 0; i < rows.length; i++) {
        System.arraycopy(x, rows[i] * SHAPE.inputs(), inputs, i * SHAPE.inputs(), SHAPE.inputs());
        batchLabels[i] = labels[rows[i]];
      }
      backpropagation.lossAndGradient(
          parameters, FloatMatrix.of(rows.length, SHAPE.inputs(), inputs), batchLabels, gradient);
      sgd.update(step++, parameters, gradient);
    }
    assertClose(
        Networks.values(parameters),
        Networks.values(Networks.parameters(network, oracle.get("trained"))),
        AFTER_STEPS);
    assertFeatures("trained-features");

    network.fixStatistics(parameters, samples());

    for (ParameterLayout.Slot slot : network.layout().slots()) {
      if (slot.offset() >= network.layout().length()) {
        assertClose(
            Networks.values(parameters.values(slot)),
            oracle.get("fixed").get(slot.name()).floats(),
            AFTER_STEPS);
      }
    }
    assertFeatures("fixed-features");
  }

  @ParameterizedTest
  @EnumSource(
      value = DuForm.class,
      names = {"DU_FORM_FULLY_CONNECTED", "DU_FORM_RESIDUAL", "DU_FORM_CONVOLUTIONAL_RESIDUAL"})
  void scaledNetworksAgreeWithPyTorch(DuForm form) {
    OracleFile expected = ORACLE.get("du").get(form.name().substring("DU_FORM_".length()));
    NetworkSpec spec =
        NetworkSpec.newBuilder()
            .setDu(
                DuNetwork.newBuilder()
                    .setForm(form)
                    .setWidth(expected.get("width").integer())
                    .setLayers(3)
                    .setResidualConstant(0.5)
                    .setActivation(Activation.newBuilder().setTanh(Tanh.getDefaultInstance())))
            .build();
    Network scaled = Network.of(spec, SHAPE, CLASSES);
    Parameters weights = Networks.parameters(scaled, expected.get("initial"));
    float[] rows = expected.get("x").floats();
    FloatMatrix h =
        scaled.featurePass(ROWS).forward(weights, FloatMatrix.of(ROWS, SHAPE.inputs(), rows));
    assertClose(Networks.values(h.values()), expected.get("features").floats(), TOLERANCE);
    Parameters gradient = Parameters.zeros(scaled.layout());
    new Backpropagation(scaled, loss, ROWS)
        .lossAndGradient(weights, FloatMatrix.of(ROWS, SHAPE.inputs(), rows), labels, gradient);
    assertClose(
        Networks.values(gradient), Networks.trained(scaled, expected.get("gradient")), TOLERANCE);
  }

  private static void assertClose(float[] actual, float[] expected, float tolerance) {
    assertThat(actual).hasSameSizeAs(expected);
    double largest = 0;
    for (int i = 0; i < actual.length; i++) {
      largest = Math.max(largest, Math.abs((double) actual[i] - expected[i]));
    }
    assertThat(largest).isLessThan(tolerance);
  }

  private void assertFeatures(String expected) {
    assertClose(
        features(network, parameters, samples()), oracle.get(expected).floats(), AFTER_STEPS);
  }

  /** Without the column of ones. */
  private static float[] features(Network network, Parameters parameters, Samples samples) {
    float[] features = new float[samples.rows() * network.features()];
    try (Matrix phi = Features.compute(network, parameters, samples)) {
      for (int i = 0; i < features.length; i++) {
        features[i] = (float) phi.get(i / network.features(), i % network.features());
      }
    }
    return features;
  }

  private Samples samples() {
    return Samples.of(SHAPE, x, labels);
  }

  private float[] trained(Parameters numbers) {
    return Arrays.copyOf(Networks.values(numbers), network.layout().length());
  }

  /** More rows than are worked on at a time. */
  @Test
  void fixedStatisticsAreThoseOfTheWholeSetAsOneBatch() {
    int rows = 41;
    Gaussian gaussian = new Gaussian(3);
    float[] values = new float[rows * SHAPE.inputs()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (2 + gaussian.next());
    }
    float[] asOneBatch =
        Networks.values(
            network
                .trainingPass(rows)
                .forward(parameters, FloatMatrix.of(rows, SHAPE.inputs(), values))
                .values());
    float[] before = trained(parameters);

    Samples samples = Samples.of(SHAPE, values, new int[rows]);
    network.fixStatistics(parameters, samples);

    assertClose(features(network, parameters, samples), asOneBatch, TOLERANCE);
    assertThat(trained(parameters)).containsExactly(before);
  }
}
