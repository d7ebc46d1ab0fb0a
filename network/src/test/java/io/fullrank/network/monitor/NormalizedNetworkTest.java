package io.fullrank.network.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.network.Networks;
import io.fullrank.network.OracleFile;
import io.fullrank.network.algorithm.BaseAlgorithm;
import io.fullrank.network.architecture.Backpropagation;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.ConstantSchedule;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.GradientDescent;
import io.fullrank.proto.v1.LearningRateSchedule;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Relu;
import io.fullrank.proto.v1.Tanh;
import java.util.List;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;

class NormalizedNetworkTest {

  private static final Activation RELU =
      Activation.newBuilder().setRelu(Relu.getDefaultInstance()).build();

  private final OracleFile oracle = OracleFile.beside(NormalizedNetworkTest.class, "margins.yaml");
  private final Network network = network(RELU, true);
  private final Samples train = samples("x", "labels");
  private final Samples test = samples("test", "test-labels");

  /**
   * One run of gradient descent on a ReLU network without biases; expected values by margins.py.
   */
  @Test
  void normsMarginsAndLossesOfARunAreThoseOfNumPy() {
    Parameters parameters = Networks.parameters(network, oracle.get("initial"));
    NormalizedNetwork initial =
        new NormalizedNetwork(network, Networks.parameters(network, oracle.get("initial")));
    Parameters gradient = Parameters.zeros(network.layout());
    Backpropagation backpropagation =
        new Backpropagation(network, LossFunction.of(Loss.LOSS_CROSS_ENTROPY), train.rows());
    BaseAlgorithm descent = BaseAlgorithm.of(gradientDescent(), network.layout(), 1, 400);
    FloatMatrix x = FloatMatrix.of(train.rows(), train.inputs(), train.values());
    for (int step = 0; step <= 400; step++) {
      if (step == 0 || step == 50 || step == 400) {
        assertAsExpected(parameters, initial, oracle.get("steps").get(step));
      }
      backpropagation.lossAndGradient(parameters, x, train.labels(), gradient);
      descent.update(step, parameters, gradient);
    }
  }

  private void assertAsExpected(
      Parameters parameters, NormalizedNetwork initial, OracleFile expected) {
    NormalizedNetwork found = new NormalizedNetwork(network, parameters);
    assertThat(found.homogeneous()).isTrue();
    assertThat(found.product())
        .isCloseTo(expected.get("product").number(), within(1e-4 * found.product()));
    found
        .norms()
        .forEach(
            (layer, norm) ->
                assertThat(norm).isCloseTo(expected.get("norm-" + layer).number(), within(1e-4)));
    assertThat(found.imbalance(initial))
        .isCloseTo(expected.get("imbalance").number(), within(1e-4));
    assertAsExpected(found.on(train), expected, "train");
    assertAsExpected(found.on(test), expected, "test");
  }

  private static void assertAsExpected(
      NormalizedNetwork.Outputs found, OracleFile expected, String rows) {
    assertThat(DoubleStream.of(0, 0.05, 0.5, 1).map(found.margins()::at).toArray())
        .containsExactly(expected.get("margins-" + rows).doubles(), within(1e-5));
    assertThat(found.crossEntropy())
        .isCloseTo(expected.get("cross-entropy-" + rows).number(), within(1e-5));
  }

  @Test
  void onlyReluWithoutAnyBiasIsHomogeneous() {
    Parameters parameters = Networks.parameters(network, oracle.get("initial"));
    assertThat(new NormalizedNetwork(network, parameters).homogeneous()).isTrue();
    parameters.values("output.bias").put(1, 0.5f);
    assertThat(new NormalizedNetwork(network, parameters).homogeneous()).isFalse();

    Network tanh =
        network(Activation.newBuilder().setTanh(Tanh.getDefaultInstance()).build(), true);
    assertThat(new NormalizedNetwork(tanh, tanh.initialParameters(1)).homogeneous()).isFalse();
    Network biased = network(RELU, false);
    assertThat(new NormalizedNetwork(biased, biased.initialParameters(1)).homogeneous()).isFalse();
  }

  @Test
  void aLayerOfZerosHasNoDirection() {
    NormalizedNetwork zeros = new NormalizedNetwork(network, Parameters.zeros(network.layout()));
    assertThatIllegalStateException().isThrownBy(() -> zeros.on(train)).withMessageContaining("0");
  }

  private static Network network(Activation activation, boolean withoutBias) {
    return Network.of(
        NetworkSpec.newBuilder()
            .setFullyConnected(
                FullyConnected.newBuilder()
                    .addAllWidths(List.of(9, 7))
                    .setActivation(activation)
                    .setWithoutBias(withoutBias))
            .build(),
        ImageShape.vector(5),
        3);
  }

  private static AlgorithmSpec gradientDescent() {
    return AlgorithmSpec.newBuilder()
        .setGradientDescent(
            GradientDescent.newBuilder()
                .setLearningRate(0.1)
                .setSchedule(
                    LearningRateSchedule.newBuilder()
                        .setConstant(ConstantSchedule.getDefaultInstance())))
        .build();
  }

  private Samples samples(String rows, String labels) {
    return Samples.of(5, oracle.get(rows).floats(), oracle.get(labels).ints());
  }
}
