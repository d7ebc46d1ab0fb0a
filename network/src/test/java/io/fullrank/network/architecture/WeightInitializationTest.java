package io.fullrank.network.architecture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.network.Networks;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.DuForm;
import io.fullrank.proto.v1.DuNetwork;
import io.fullrank.proto.v1.Initialization;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Tanh;
import org.junit.jupiter.api.Test;

class WeightInitializationTest {

  private static final ImageShape SHAPE = new ImageShape(3, 4, 4);

  @Test
  void heCountsTheWeightsOfAnOutput() {
    Network network = residual(Initialization.INITIALIZATION_HE);
    Parameters parameters = network.initialParameters(1);
    assertDeviation(parameters, "stem.weight", Math.sqrt(2.0 / 27));
    assertDeviation(parameters, "stage.1.block.1.convolution.1.weight", Math.sqrt(2.0 / 360));
    assertDeviation(parameters, "stage.2.block.1.projection.weight", Math.sqrt(2.0 / 40));
    assertDeviation(parameters, "output.weight", Math.sqrt(1.0 / 300));
    assertThat(values(parameters, "norm.scale")).containsOnly(1);
    assertThat(values(parameters, "norm.shift")).containsOnly(0);
    assertThat(values(parameters, "norm.running-mean")).containsOnly(0);
    assertThat(values(parameters, "norm.running-variance")).containsOnly(1);
    assertThat(values(parameters, "wide.bias")).containsOnly(0);
  }

  @Test
  void glorotIsUniformByFanInAndFanOut() {
    Network network = residual(Initialization.INITIALIZATION_GLOROT);
    Parameters parameters = network.initialParameters(1);
    double limit = Math.sqrt(6.0 / (9 * 40 + 9 * 40));
    String name = "stage.1.block.1.convolution.1.weight";
    assertDeviation(parameters, name, limit / Math.sqrt(3));
    float largest = 0;
    for (float value : values(parameters, name)) {
      largest = Math.max(largest, Math.abs(value));
    }
    assertThat((double) largest).isBetween(0.99 * limit, limit);
    assertDeviation(parameters, "wide.weight", Math.sqrt(2.0 / (50 + 300)));
  }

  @Test
  void networksOfDuStartFromStandardNormalWeights() {
    NetworkSpec spec =
        NetworkSpec.newBuilder()
            .setDu(
                DuNetwork.newBuilder()
                    .setForm(DuForm.DU_FORM_RESIDUAL)
                    .setWidth(60)
                    .setLayers(2)
                    .setResidualConstant(1)
                    .setActivation(Activation.newBuilder().setTanh(Tanh.getDefaultInstance())))
            .build();
    Parameters parameters = Network.of(spec, SHAPE, 10).initialParameters(1);
    assertDeviation(parameters, "hidden.1.weight", 1);
    assertDeviation(parameters, "hidden.2.weight", 1);
    assertDeviation(parameters, "output.weight", 1);
    assertThat(values(parameters, "output.bias")).containsOnly(0);
  }

  @Test
  void refusesNetworksWithoutEnd() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                Network.of(
                    Networks.residual(100, 0, Networks.stage(Integer.MAX_VALUE, 1, 1)), SHAPE, 2))
        .withMessage("network: more than 20000 layers");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                Network.of(
                    Networks.residual(100, 0, Networks.stage(1, Integer.MAX_VALUE, 1)), SHAPE, 2))
        .withMessage(
            "network: a layer would make 34359738352 numbers of a sample, more than 2147483647");
  }

  private static Network residual(Initialization initialization) {
    NetworkSpec.Builder spec =
        Networks.residual(100, 300, Networks.stage(1, 40, 1), Networks.stage(1, 50, 2)).toBuilder();
    spec.getResidualBuilder().setInitialization(initialization);
    return Network.of(spec.build(), SHAPE, 10);
  }

  /** The standard deviation of N draws scatters by σ/√(2N) at most: five times that is allowed. */
  private static void assertDeviation(Parameters parameters, String name, double expected) {
    float[] values = values(parameters, name);
    double squares = 0;
    for (float value : values) {
      squares += (double) value * value;
    }
    assertThat(Math.sqrt(squares / values.length))
        .isCloseTo(expected, within(5 * expected / Math.sqrt(2.0 * values.length)));
  }

  private static float[] values(Parameters parameters, String name) {
    return Networks.values(parameters.values(name));
  }
}
