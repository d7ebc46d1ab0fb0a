package io.fullrank.network.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.DuForm;
import io.fullrank.proto.v1.DuNetwork;
import io.fullrank.proto.v1.NetworkSpec;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LastHiddenKernelTest {

  private static final OpenBlas ALGEBRA = new OpenBlas(1);
  private static final int ROWS = 6;
  private static final int CLASSES = 2;

  /** By the definition, entry by entry, for tanh with c_σ = 1/0.394294490397842. */
  @ParameterizedTest
  @EnumSource(
      value = DuForm.class,
      names = {"DU_FORM_FULLY_CONNECTED", "DU_FORM_RESIDUAL"})
  void isTheMatrixThatTheTheoryDefines(DuForm form) {
    int width = 40;
    int layers = 3;
    Samples samples = Samples.of(8, PopulationKernelTest.unitRows(ROWS, 8), new int[ROWS]);
    Network network = network(form, width, layers, ImageShape.vector(8));
    Parameters parameters = network.initialParameters(3);
    FloatMatrix x = FloatMatrix.of(ROWS, 8, samples.values());
    List<Network.LayerOutput> outputs = network.layerOutputs(parameters, x);
    // What the layer before the last makes, and the linear part of the last.
    FloatMatrix before = outputs.get(2 * layers - 3).values();
    FloatMatrix z = outputs.get(2 * layers - 2).values();
    FloatMatrix a = parameters.weight("output");
    double factor =
        form == DuForm.DU_FORM_RESIDUAL
            ? 0.25 / (layers * layers * width)
            : 1 / 0.394294490397842 / width;

    try (LastHiddenKernel kernel = LastHiddenKernel.of(network, parameters, samples, ALGEBRA)) {
      assertThat(kernel.layer()).isEqualTo("hidden.3");
      for (int p = 0; p < ROWS * CLASSES; p++) {
        for (int q = 0; q < ROWS * CLASSES; q++) {
          int i = p / CLASSES;
          int j = q / CLASSES;
          double inner = 0;
          double slopes = 0;
          for (int r = 0; r < width; r++) {
            inner += (double) at(before, i, r) * at(before, j, r);
            double weights = (double) at(a, r, p % CLASSES) * at(a, r, q % CLASSES);
            slopes += weights * slope(at(z, i, r)) * slope(at(z, j, r));
          }
          assertThat(kernel.gram().get(p, q)).isCloseTo(factor * inner * slopes, within(1e-5));
        }
      }
      assertThat(kernel.certificate().outcome()).isEqualTo(Outcome.CERTIFIED);
      assertThat(kernel.lambdaMinLowerBound())
          .isBetween(0.3 * kernel.lambdaMinEstimate().orElseThrow(), kernel.gram().get(0, 0));
      assertThat(kernel.distance(kernel)).isZero();
    }
  }

  private static double slope(double z) {
    double t = Math.tanh(z);
    return 1 - t * t;
  }

  private static float at(FloatMatrix matrix, int row, int column) {
    return matrix.values().get(row * matrix.columns() + column);
  }

  /** G(0) of a wide network is near the population kernel, and its condition can be proven. */
  @ParameterizedTest
  @EnumSource(
      value = DuForm.class,
      names = {"DU_FORM_FULLY_CONNECTED", "DU_FORM_RESIDUAL"})
  void ofAWideNetworkIsNearThePopulationKernel(DuForm form) {
    Samples samples = Samples.of(8, PopulationKernelTest.unitRows(ROWS, 8), new int[ROWS]);
    Network network = network(form, 3000, 2, ImageShape.vector(8));
    PopulationKernel population =
        PopulationKernel.of(spec(form, 3000, 2).getDu(), samples).orElseThrow();
    Parameters parameters = network.initialParameters(1);

    try (LastHiddenKernel kernel = LastHiddenKernel.of(network, parameters, samples, ALGEBRA)) {
      double scale = population.entries()[0][0];
      for (int p = 0; p < ROWS * CLASSES; p++) {
        for (int q = 0; q < ROWS * CLASSES; q++) {
          double limit =
              p % CLASSES == q % CLASSES ? population.entries()[p / CLASSES][q / CLASSES] : 0;
          assertThat(kernel.gram().get(p, q)).isCloseTo(limit, within(0.1 * scale));
        }
      }
      assertThat(kernel.lambdaMinLowerBound()).isGreaterThan(0.75 * population.upperBound());
    }
  }

  @Test
  void ofAConvolutionHasOneRowForEachOutputToo() {
    ImageShape shape = new ImageShape(1, 4, 4);
    Network network = network(DuForm.DU_FORM_CONVOLUTIONAL_RESIDUAL, 12, 2, shape);
    Samples samples = Samples.of(shape, PopulationKernelTest.unitRows(ROWS, 16), new int[ROWS]);

    try (LastHiddenKernel kernel =
        LastHiddenKernel.of(network, network.initialParameters(2), samples, ALGEBRA)) {
      assertThat(kernel.gram().rows()).isEqualTo(ROWS * CLASSES);
      double trace = 0;
      for (int p = 0; p < ROWS * CLASSES; p++) {
        trace += kernel.gram().get(p, p);
      }
      assertThat(kernel.certificate().outcome()).isEqualTo(Outcome.CERTIFIED);
      assertThat(kernel.lambdaMinLowerBound()).isBetween(0.0, trace / (ROWS * CLASSES));
    }
  }

  /** m² = 9 weights cannot tell 12 outputs apart. */
  @Test
  void ofANarrowNetworkIsProvenSingular() {
    Samples samples = Samples.of(8, PopulationKernelTest.unitRows(ROWS, 8), new int[ROWS]);
    Network network = network(DuForm.DU_FORM_FULLY_CONNECTED, 3, 2, ImageShape.vector(8));

    try (LastHiddenKernel kernel =
        LastHiddenKernel.of(network, network.initialParameters(1), samples, ALGEBRA)) {
      assertThat(kernel.isSingular()).isTrue();
      assertThat(kernel.lambdaMinLowerBound()).isZero();
      assertThat(kernel.lambdaMinEstimate()).hasValue(0);
    }
  }

  private static Network network(DuForm form, int width, int layers, ImageShape shape) {
    return Network.of(spec(form, width, layers), shape, CLASSES);
  }

  private static NetworkSpec spec(DuForm form, int width, int layers) {
    return NetworkSpec.newBuilder()
        .setDu(
            DuNetwork.newBuilder()
                .setForm(form)
                .setWidth(width)
                .setLayers(layers)
                .setResidualConstant(0.5)
                .setActivation(PopulationKernelTest.activation("tanh")))
        .build();
  }
}
