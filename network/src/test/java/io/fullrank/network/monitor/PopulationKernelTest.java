package io.fullrank.network.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.network.OracleFile;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.DuForm;
import io.fullrank.proto.v1.DuNetwork;
import io.fullrank.proto.v1.Gelu;
import io.fullrank.proto.v1.Relu;
import io.fullrank.proto.v1.Sigmoid;
import io.fullrank.proto.v1.Softplus;
import io.fullrank.proto.v1.Swish;
import io.fullrank.proto.v1.Tanh;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PopulationKernelTest {

  private final OracleFile oracle =
      OracleFile.beside(PopulationKernelTest.class, "population-kernel.yaml");

  /** Expected values by population_kernel.py, in two dimensions and without series. */
  @ParameterizedTest
  @CsvSource({
    "fully-connected, tanh, 1",
    "fully-connected, tanh, 2",
    "fully-connected, tanh, 3",
    "fully-connected, sigmoid, 2",
    "fully-connected, swish, 2",
    "fully-connected, softplus-5, 3",
    "residual, tanh, 1",
    "residual, tanh, 2",
    "residual, sigmoid, 3",
    "residual, swish, 3",
    "residual, softplus-5, 3"
  })
  void agreesWithNumPyWithinItsOwnBounds(String form, String activation, int layers) {
    double[] expected = oracle.get(form).get(activation).get(layers).doubles();
    Samples samples = Samples.of(3, oracle.get("x").floats(), new int[5]);

    PopulationKernel kernel =
        PopulationKernel.of(spec(form, activation(activation), layers), samples).orElseThrow();

    for (int i = 0; i < 25; i++) {
      assertThat(kernel.entries()[i / 5][i % 5])
          .as("entry %d", i)
          .isCloseTo(expected[i], within(kernel.entryError() + 1e-12));
    }
    assertThat(kernel.entryError()).isLessThan(5e-3);
    assertThat(kernel.lambda()).isBetween(kernel.lowerBound(), kernel.upperBound()).isPositive();
  }

  @Test
  void boundsAreTightWhereTheActivationIsSmoothAndRowsDiffer() {
    Samples samples = Samples.of(40, unitRows(30, 40), new int[30]);

    PopulationKernel kernel =
        PopulationKernel.of(spec("fully-connected", activation("tanh"), 2), samples).orElseThrow();

    assertThat(kernel.upperBound()).isBetween(kernel.lambda(), 1.001 * kernel.lambda());
    assertThat(kernel.lowerBound()).isBetween(0.999 * kernel.lambda(), kernel.lambda());
  }

  @Test
  void saysNothingOfActivationsWithoutBounds() {
    Samples samples = Samples.of(3, oracle.get("x").floats(), new int[5]);
    for (Activation activation :
        new Activation[] {
          Activation.newBuilder().setRelu(Relu.getDefaultInstance()).build(),
          Activation.newBuilder().setGelu(Gelu.getDefaultInstance()).build()
        }) {
      assertThat(PopulationKernel.of(spec("residual", activation, 2), samples)).isEmpty();
    }
  }

  static float[] unitRows(int rows, int inputs) {
    Random random = new Random(9);
    float[] values = new float[rows * inputs];
    for (int i = 0; i < rows; i++) {
      double squares = 0;
      double[] row = new double[inputs];
      for (int k = 0; k < inputs; k++) {
        row[k] = random.nextGaussian();
        squares += row[k] * row[k];
      }
      for (int k = 0; k < inputs; k++) {
        values[i * inputs + k] = (float) (row[k] / Math.sqrt(squares));
      }
    }
    return values;
  }

  static Activation activation(String name) {
    Activation.Builder activation = Activation.newBuilder();
    switch (name) {
      case "tanh" -> activation.setTanh(Tanh.getDefaultInstance());
      case "sigmoid" -> activation.setSigmoid(Sigmoid.getDefaultInstance());
      case "swish" -> activation.setSwish(Swish.getDefaultInstance());
      default -> activation.setSoftplus(Softplus.newBuilder().setSharpness(5));
    }
    return activation.build();
  }

  private static DuNetwork spec(String form, Activation activation, int layers) {
    return DuNetwork.newBuilder()
        .setForm(form.equals("residual") ? DuForm.DU_FORM_RESIDUAL : DuForm.DU_FORM_FULLY_CONNECTED)
        .setWidth(1)
        .setLayers(layers)
        .setResidualConstant(0.5)
        .setActivation(activation)
        .build();
  }
}
