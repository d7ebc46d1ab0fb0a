package io.fullrank.network.exact;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.certificate.Backend;
import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.network.Networks;
import io.fullrank.network.architecture.Features;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Relu;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ExactNetworkTest {

  private static final int THREADS = 2;
  private static final DenseLinearAlgebra ALGEBRA = Backend.OPENBLAS.choose(THREADS).algebra();

  private final Random random = new Random(1);

  private record Judged(Certificate certificate, ExactNetwork exact) {}

  private static Judged judge(Network network, Parameters parameters, Samples samples) {
    try (Matrix features = Features.compute(network, parameters, samples)) {
      Certificate certificate = new RankCertification(ALGEBRA).certify(features);
      return new Judged(
          certificate,
          ExactNetwork.judge(
              network, parameters, samples, features, certificate, ALGEBRA, THREADS));
    }
  }

  private Samples gaussian(ImageShape shape, int rows) {
    float[] values = new float[rows * shape.inputs()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Samples.of(shape, values, new int[rows]);
  }

  @Test
  void wideAnalyticNetworkProvesTheExpressivityCondition() {
    Network network = Networks.network(100, 10, 2, 16, 16, 120);
    Judged judged =
        judge(network, network.initialParameters(1), gaussian(ImageShape.vector(10), 40));
    assertThat(judged.exact.isProven()).isTrue();
    assertThat(judged.exact.precision()).contains(Precision.DOUBLE);
    assertThat(judged.exact.error().getAsDouble()).isBetween(0.0, 1e-9);
    assertThat(judged.exact.sigmaMinLowerBound().getAsDouble())
        .isCloseTo(
            judged.certificate.sigmaMinLowerBound().getAsDouble(),
            org.assertj.core.data.Percentage.withPercentage(10));
    assertThat(judged.exact.sentence())
        .contains("float64")
        .contains("proves the expressivity condition of this architecture on this data");
  }

  @Test
  void reluNetworkIsProvenAtTheseParametersAlone() {
    Network network = relu(10, 16, 120);
    Judged judged =
        judge(network, network.initialParameters(1), gaussian(ImageShape.vector(10), 30));
    assertThat(judged.exact.isProven()).isTrue();
    assertThat(judged.exact.sentence()).doesNotContain("expressivity condition");
  }

  @Test
  void deepResidualNetworkTakesDoubleDouble() {
    ImageShape shape = new ImageShape(1, 8, 8);
    Network network =
        Network.of(
            Networks.residual(
                100, 60, Networks.stage(5, 4, 1), Networks.stage(5, 8, 2), Networks.stage(5, 8, 2)),
            shape,
            2);
    Parameters parameters = network.initialParameters(1);
    Samples samples = gaussian(shape, 40);
    network.fixStatistics(parameters, samples);
    Judged judged = judge(network, parameters, samples);
    assertThat(judged.exact.sentence()).contains("double-double");
    assertThat(judged.exact.isProven()).as(judged.exact.sentence()).isTrue();
  }

  /** Their features have rank 3 in exact arithmetic, and 20 as computed. */
  @Test
  void pointsOnPlaneThroughAnAffineRegionAreNeverExact() {
    int certified = 0;
    for (int trial = 0; trial < 50; trial++) {
      int width = 40;
      Network network = relu(6, width);
      Parameters parameters = network.initialParameters(trial);
      ParameterLayout.Slot bias = network.layout().slot("hidden.1.bias");
      for (int i = 0; i < width; i++) {
        // So large that all units are active everywhere on the plane.
        parameters.values().put(bias.offset() + i, 50 + random.nextFloat());
      }
      Judged judged = judge(network, parameters, pointsOnPlane(20, 6));
      certified += judged.certificate.outcome() == Outcome.CERTIFIED ? 1 : 0;
      assertThat(judged.exact.isProven()).as(judged.exact.sentence()).isFalse();
      assertThat(judged.exact.sentence()).contains("may rest on rounding");
    }
    assertThat(certified).isEqualTo(50);
  }

  /** p + sa + tb with small whole numbers, so that float32 has no rounding. */
  private Samples pointsOnPlane(int rows, int inputs) {
    int[][] base = new int[3][inputs];
    for (int[] vector : base) {
      for (int i = 0; i < inputs; i++) {
        vector[i] = random.nextInt(9) - 4;
      }
    }
    float[] values = new float[rows * inputs];
    for (int row = 0; row < rows; row++) {
      int s = random.nextInt(1000) - 500;
      int t = random.nextInt(1000) - 500;
      for (int i = 0; i < inputs; i++) {
        values[row * inputs + i] = (base[0][i] + s * base[1][i] + t * base[2][i]) / 1024f;
      }
    }
    return Samples.of(inputs, values, new int[rows]);
  }

  private static Network relu(int inputs, Integer... widths) {
    NetworkSpec spec =
        NetworkSpec.newBuilder()
            .setFullyConnected(
                FullyConnected.newBuilder()
                    .addAllWidths(java.util.List.of(widths))
                    .setActivation(Activation.newBuilder().setRelu(Relu.getDefaultInstance())))
            .build();
    return Network.of(spec, ImageShape.vector(inputs), 2);
  }
}
