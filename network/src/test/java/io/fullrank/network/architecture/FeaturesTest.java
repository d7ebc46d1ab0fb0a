package io.fullrank.network.architecture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.network.Networks;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.tensor.Gaussian;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.NetworkSpec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.bytedeco.openblas.global.openblas;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class FeaturesTest {

  @Test
  void areTheLastHiddenLayerAndAColumnOfOnes() {
    Network network = Networks.network(1, 2, 3, 2);
    // z = (x₁ + 0.5, 2x₂)
    Parameters parameters = Parameters.zeros(network.layout());
    parameters.values().put(0, new float[] {1, 0, 0, 2, 0.5f, 0});
    Samples samples = Samples.of(2, new float[] {1, 1, -2, 0.25f}, new int[] {0, 1});
    try (Matrix features = Features.compute(network, parameters, samples)) {
      assertThat(features.rows()).isEqualTo(2);
      assertThat(features.columns()).isEqualTo(3);
      double[] expected = {softplus(1.5), softplus(2), 1, softplus(-1.5), softplus(0.5), 1};
      for (int i = 0; i < 6; i++) {
        double value = features.get(i / 3, i % 3);
        assertThat(value).isCloseTo(expected[i], within(1e-6));
        assertThat((double) (float) value).isEqualTo(value);
      }
    }
  }

  private static double softplus(double z) {
    return Math.log1p(Math.exp(z));
  }

  /** Three blocks, the last of which is not full, read by more threads than hold blocks. */
  @ParameterizedTest
  @MethodSource("networks")
  void areTheSameRowByRowInAnyOrder(NetworkSpec spec) {
    ImageShape shape = new ImageShape(1, 8, 8);
    Network network = Network.of(spec, shape, 3);
    Parameters parameters = network.initialParameters(3);
    int n = 2 * Features.BLOCK_ROWS + 5;
    float[] inputs = new float[n * 64];
    SplittableRandom random = new SplittableRandom(8);
    for (int i = 0; i < inputs.length; i++) {
      inputs[i] = (float) random.nextDouble(-1, 1);
    }
    Samples samples = Samples.of(64, inputs, new int[n]);
    FeatureRows rows = new FeatureRows(network, parameters, samples, 1);

    try (Matrix features = Features.compute(network, parameters, samples)) {
      assertThat(rows.rows()).isEqualTo(features.rows());
      assertThat(rows.columns()).isEqualTo(features.columns());
      assertThat(Matrix.sha256(rows)).isEqualTo(features.sha256());
      IntStream.range(0, n)
          .parallel()
          .map(i -> (int) (i * 211L % n))
          .forEach(i -> assertThat(row(rows, i)).isEqualTo(row(features, i)));
      double[] end = new double[3];
      rows.getRow(n - 1, features.columns() - 2, end, 1, 2);
      assertThat(end).containsExactly(0, features.get(n - 1, features.columns() - 2), 1);
    }
  }

  static List<NetworkSpec> networks() {
    return List.of(Networks.spec(1, 30, 40), Networks.residual(1, 50, Networks.stage(1, 4, 1)));
  }

  private static double[] row(Rows matrix, int i) {
    double[] row = new double[Math.toIntExact(matrix.columns())];
    matrix.getRow(i, 0, row, 0, row.length);
    return row;
  }

  @Test
  void leaveTheNumberOfBlasThreadsAsItWas() {
    int before = openblas.blas_get_num_threads();
    sha256();
    assertThat(openblas.blas_get_num_threads()).isEqualTo(before);
  }

  /**
   * What a checker computes must be what the trainer computed, whatever number of threads each has.
   */
  @Test
  void haveTheSameBitsInAnotherProcess() throws Exception {
    String here = sha256();
    assertThat(inAnotherProcess("1")).isEqualTo(here);
    assertThat(inAnotherProcess("3")).isEqualTo(here);
  }

  private static String inAnotherProcess(String threads) throws IOException, InterruptedException {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    ProcessBuilder builder =
        new ProcessBuilder(
            List.of(
                java,
                "-Xmx256m",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                FeaturesTest.class.getName()));
    builder.environment().put("OMP_NUM_THREADS", threads);
    builder.environment().put("OPENBLAS_NUM_THREADS", threads);
    Process process = builder.redirectError(ProcessBuilder.Redirect.DISCARD).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).isZero();
    return output.strip();
  }

  /** The other process. */
  public static void main(String[] arguments) {
    System.out.println(sha256());
  }

  private static String sha256() {
    Network network = Networks.network(100, 50, 10, 40, 700);
    Gaussian gaussian = new Gaussian(2);
    int rows = 600;
    float[] values = new float[rows * 50];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) gaussian.next();
    }
    Samples samples = Samples.of(50, values, new int[rows]);
    Network convolutional =
        Network.of(
            Networks.residual(100, 90, Networks.stage(1, 6, 1), Networks.stage(1, 40, 2)),
            new ImageShape(2, 5, 5),
            10);
    return sha256(network, samples)
        + sha256(convolutional, Samples.of(new ImageShape(2, 5, 5), values, new int[rows]));
  }

  private static String sha256(Network network, Samples samples) {
    Parameters parameters = network.initialParameters(1);
    network.fixStatistics(parameters, samples);
    try (Matrix features = Features.compute(network, parameters, samples)) {
      return HexFormat.of().formatHex(features.sha256());
    }
  }

  @Test
  void refuseRowsOfAnotherSize() {
    Network network = Networks.network(100, 3, 2, 4);
    Samples samples = Samples.of(2, new float[2], new int[1]);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Features.compute(network, network.initialParameters(1), samples))
        .withMessage("the network takes 3 inputs, the data's rows have 2");
  }
}
