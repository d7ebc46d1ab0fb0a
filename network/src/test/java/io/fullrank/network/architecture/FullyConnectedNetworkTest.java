package io.fullrank.network.architecture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.network.Networks;
import io.fullrank.network.OracleFile;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.loss.Evaluation;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.training.TrainingRun;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.NetworkSpec;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FullyConnectedNetworkTest {

  @Test
  void namesItsParameters() {
    ParameterLayout layout = Networks.network(100, 256, 10, 64, 1280).layout();
    assertThat(layout.slots().stream().map(slot -> slot.name() + slot.shape()))
        .containsExactly(
            "hidden.1.weight[256, 64]",
            "hidden.1.bias[64]",
            "hidden.2.weight[64, 1280]",
            "hidden.2.bias[1280]",
            "output.weight[1280, 10]",
            "output.bias[10]");
    assertThat(layout.hiddenLength()).isEqualTo(256 * 64 + 64 + 64 * 1280 + 1280);
    assertThat(layout.length()).isEqualTo(layout.hiddenLength() + 1280 * 10 + 10);
    assertThat(layout.layers()).containsExactly("hidden.1", "hidden.2", "output");
  }

  /** Expected values by pytorch_training.py, in float64; ours are float32. */
  @ParameterizedTest
  @CsvSource({"LOSS_CROSS_ENTROPY, cross-entropy", "LOSS_SQUARED, squared"})
  void agreesWithPyTorch(Loss loss, String name) {
    OracleFile oracle = OracleFile.beside(TrainingRun.class, "pytorch.yaml");
    Network network = Networks.network(3, 5, 3, 4, 6);
    Parameters parameters = Networks.parameters(network, oracle.get("initial"));
    Parameters gradient = Parameters.zeros(network.layout());
    FloatMatrix x = FloatMatrix.of(7, 5, oracle.get("x").floats());

    double value =
        new Backpropagation(network, LossFunction.of(loss), 7)
            .lossAndGradient(parameters, x, oracle.get("labels").ints(), gradient);

    OracleFile expected = oracle.get("losses").get(name);
    assertThat(value).isCloseTo(expected.get("value").number(), within(1e-6));
    assertThat(Networks.values(gradient))
        .containsExactly(
            Networks.values(Networks.parameters(network, expected.get("gradient"))), within(1e-6f));
  }

  /** Softplus of sharpness 2 is smooth enough for differences in float32. */
  @Test
  void gradientIsTheSlopeOfTheLoss() {
    Network network = Networks.network(2, 3, 2, 1, 5, 4);
    Parameters parameters = network.initialParameters(3);
    Parameters gradient = Parameters.zeros(network.layout());
    float[] values = {1, 2, -1, 0, 1, 1, -2, 0.5f, 0.25f, 1, -1, 2};
    FloatMatrix x = FloatMatrix.of(4, 3, values);
    int[] labels = {0, 1, 1, 0};
    Samples samples = Samples.of(3, values, labels);
    LossFunction loss = LossFunction.of(Loss.LOSS_CROSS_ENTROPY);
    new Backpropagation(network, loss, 4).lossAndGradient(parameters, x, labels, gradient);
    Evaluator evaluator = new Evaluator(network, loss);
    float h = 0x1p-7f;
    for (int i = 0; i < network.layout().length(); i++) {
      float value = parameters.values().get(i);
      parameters.values().put(i, value + h);
      double up = evaluator.evaluate(parameters, samples).loss();
      parameters.values().put(i, value - h);
      double down = evaluator.evaluate(parameters, samples).loss();
      parameters.values().put(i, value);
      assertThat((up - down) / (2 * h)).isCloseTo(gradient.values().get(i), within(1e-3));
    }
  }

  @Test
  void smallerBatchesUseTheSameWorkingMemory() {
    Network network = Networks.network(100, 2, 2, 3);
    Parameters parameters = network.initialParameters(1);
    LossFunction loss = LossFunction.of(Loss.LOSS_SQUARED);
    FloatMatrix row = FloatMatrix.of(1, 2, new float[] {0.5f, -0.25f});
    Parameters alone = Parameters.zeros(network.layout());
    Parameters shared = Parameters.zeros(network.layout());
    double expected =
        new Backpropagation(network, loss, 1)
            .lossAndGradient(parameters, row, new int[] {1}, alone);
    Backpropagation backpropagation = new Backpropagation(network, loss, 5);
    backpropagation.lossAndGradient(
        parameters, FloatMatrix.zeros(5, 2), new int[] {0, 0, 1, 1, 0}, shared);
    assertThat(backpropagation.lossAndGradient(parameters, row, new int[] {1}, shared))
        .isCloseTo(expected, within(1e-6));
    assertThat(Networks.values(shared)).containsExactly(Networks.values(alone), within(1e-6f));
  }

  @Test
  void evaluatesBlockByBlock() {
    Network network = Networks.network(100, 1, 2, 1);
    // h = softplus(x), outputs (h, 0.5): class 0 where h > 0.5.
    Parameters parameters = Parameters.zeros(network.layout());
    parameters.values().put(0, new float[] {1, 0, 1, 0, 0, 0.5f});
    int rows = 600;
    float[] x = new float[rows];
    int[] labels = new int[rows];
    double loss = 0;
    for (int i = 0; i < rows; i++) {
      x[i] = 0.25f + i * 0x1p-9f;
      labels[i] = i % 2;
      double own = labels[i] == 0 ? x[i] : 0.5;
      loss += Math.log(Math.exp(x[i]) + Math.exp(0.5)) - own;
    }
    // Class 0 wins from 0.25 + i/512 > 0.5 on, i > 128; softplus(0.5) rounds to 0.5, and in a tie
    // the first class wins: 128 too.
    // Wrong: even rows below 128 and odd rows above it.
    double wrong = 64 + 236;
    Evaluation evaluation =
        new Evaluator(network, LossFunction.of(Loss.LOSS_CROSS_ENTROPY))
            .evaluate(parameters, Samples.of(1, x, labels));
    assertThat(evaluation.error()).isEqualTo(wrong / rows);
    assertThat(evaluation.loss()).isCloseTo(loss / rows, within(1e-6));
  }

  @Test
  void initialWeightsAreThoseOfHe() {
    Network network = Networks.network(100, 400, 10, 300, 200);
    Parameters parameters = network.initialParameters(42);
    assertDeviation(parameters, "hidden.1.weight", Math.sqrt(2.0 / 400));
    assertDeviation(parameters, "hidden.2.weight", Math.sqrt(2.0 / 300));
    assertDeviation(parameters, "output.weight", Math.sqrt(1.0 / 200));
    for (String bias : List.of("hidden.1.bias", "hidden.2.bias", "output.bias")) {
      assertThat(values(parameters, bias)).containsOnly(0);
    }
  }

  /**
   * Mean and standard deviation of N draws scatter by σ/√N and σ/√(2N): five times that is allowed.
   */
  private static void assertDeviation(Parameters parameters, String name, double expected) {
    float[] values = values(parameters, name);
    double sum = 0;
    double squares = 0;
    for (float value : values) {
      sum += value;
      squares += (double) value * value;
    }
    assertThat(sum / values.length).isCloseTo(0, within(5 * expected / Math.sqrt(values.length)));
    assertThat(Math.sqrt(squares / values.length))
        .isCloseTo(expected, within(5 * expected / Math.sqrt(2.0 * values.length)));
  }

  private static float[] values(Parameters parameters, String name) {
    return Networks.values(parameters.values(parameters.layout().slot(name)));
  }

  @Test
  void initialWeightsFollowTheSeed() {
    Network network = Networks.network(100, 4, 2, 3);
    float[] first = Networks.values(network.initialParameters(7));
    assertThat(Networks.values(network.initialParameters(7))).containsExactly(first);
    assertThat(Arrays.equals(Networks.values(network.initialParameters(8)), first)).isFalse();
  }

  @Test
  void refusesIncompleteSpecifications() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Network.of(NetworkSpec.getDefaultInstance(), ImageShape.vector(2), 2))
        .withMessageContaining("architecture");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Networks.network(100, 2, 2))
        .withMessageContaining("widths");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Networks.network(100, 2, 2, 3, 0))
        .withMessageContaining("widths");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Networks.network(100, 2, 0, 3))
        .withMessageContaining("classes");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                Network.of(
                    NetworkSpec.newBuilder()
                        .setFullyConnected(FullyConnected.newBuilder().addWidths(3))
                        .build(),
                    ImageShape.vector(2),
                    2))
        .withMessageContaining("activation");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Networks.network(100, 100_000, 2, 100_000))
        .withMessageContaining("hidden.1");
  }
}
