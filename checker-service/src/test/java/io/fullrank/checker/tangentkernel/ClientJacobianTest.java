package io.fullrank.checker.tangentkernel;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.kernel.ExplicitRows;
import io.fullrank.certificate.kernel.FactoredJacobian;
import io.fullrank.certificate.kernel.KernelCertification;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.Progress;
import io.fullrank.checker.OnlyCheck;
import io.fullrank.checker.TestSnapshots;
import io.fullrank.network.jacobian.ConvolutionGeometry;
import io.fullrank.network.jacobian.ConvolutionJacobian;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.v1.LayerFactors;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Verdict;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Snapshots of programs outside Fullrank, judged on the factors that they sent. */
class ClientJacobianTest {

  private static final int EXAMPLES = 6;
  private static final int OUTPUTS = 2;

  /** 3 groups of 1×5×4 to 2 channels each, by a kernel of 3×2. */
  private static final ConvolutionGeometry GEOMETRY =
      new ConvolutionGeometry(3, 5, 4, 6, 5, 3, 3, 2, 1, 2, 1, 1, 1, 1, 3, true);

  private final OnlyCheck check =
      OnlyCheck.of(new TangentKernelCheck(OnlyCheck.RESOURCES), Path.of("none"));

  private static float[] random(long seed, int count) {
    SplittableRandom random = new SplittableRandom(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextDouble(-1, 1);
    }
    return values;
  }

  private static LayerFactors.Builder linear() {
    return LayerFactors.newBuilder()
        .setLayer("linear")
        .setInputs(Tensors.of("a", new long[] {EXAMPLES, 4}, random(1, EXAMPLES * 4)))
        .setOutputGradients(
            Tensors.of("d", new long[] {EXAMPLES, OUTPUTS, 3}, random(2, EXAMPLES * OUTPUTS * 3)))
        .setBias(true);
  }

  private static LayerFactors.Builder convolution() {
    int inputs = (int) GEOMETRY.inputs();
    int outputs = (int) GEOMETRY.outputs();
    LayerFactors.Builder layer =
        LayerFactors.newBuilder()
            .setLayer("convolution")
            .setInputs(
                Tensors.of("a", new long[] {EXAMPLES, 3, 5, 4}, random(3, EXAMPLES * inputs)))
            .setOutputGradients(
                Tensors.of(
                    "d",
                    new long[] {EXAMPLES, OUTPUTS, 6, 5, 3},
                    random(4, EXAMPLES * OUTPUTS * outputs)))
            .setBias(true);
    layer
        .getConvolutionBuilder()
        .setKernelRows(3)
        .setKernelColumns(2)
        .setStrideRows(1)
        .setStrideColumns(2)
        .setPaddingRows(1)
        .setPaddingColumns(1)
        .setDilationRows(1)
        .setDilationColumns(1)
        .setGroups(3);
    return layer;
  }

  private static Snapshot.Builder snapshot(LayerFactors.Builder... layers) {
    Snapshot.Builder snapshot =
        TestSnapshots.external(TestSnapshots.withoutWeights(TestSnapshots.id("run", 1)))
            .toBuilder();
    snapshot.getHeaderBuilder().getDataSetBuilder().setTrainRows(EXAMPLES);
    for (LayerFactors.Builder layer : layers) {
      snapshot.getFactorsBuilder().addLayers(layer);
    }
    snapshot
        .getFactorsBuilder()
        .setLossGradients(
            Tensors.of("g", new long[] {EXAMPLES, OUTPUTS}, random(5, EXAMPLES * OUTPUTS)))
        .setLoss(0.7)
        .setGradientNorm(0.3);
    return snapshot;
  }

  private static Map<String, Double> measures(Verdict verdict) {
    return verdict.getMeasuresList().stream()
        .collect(Collectors.toMap(Measure::getName, Measure::getValue));
  }

  @Test
  void certifiesAndBoundsTheGradient() {
    Verdict verdict = check.check(snapshot(linear(), convolution()).build());

    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(verdict.getCertificate().getRows()).isEqualTo(EXAMPLES * OUTPUTS);
    assertThat(verdict.getCertificate().getColumns()).isEqualTo(15 + 6 * 7);
    assertThat(verdict.getLayersList()).containsExactly("linear", "convolution");
    assertThat(verdict.hasExamples()).isFalse();
    assertThat(verdict.getCertificate().getReason())
        .contains("factors as computed by the client")
        .contains("away from them");
    Map<String, Double> measures = measures(verdict);
    assertThat(measures)
        .containsOnlyKeys("loss", "gradient-norm", "gradient-norm-lower-bound", "radius");
    assertThat(measures).containsEntry("loss", 0.7).containsEntry("gradient-norm", 0.3);
    double norm = 0;
    for (float g : random(5, EXAMPLES * OUTPUTS)) {
      norm += (double) g * g;
    }
    double bound = verdict.getCertificate().getSigmaMinLowerBound() / EXAMPLES * Math.sqrt(norm);
    assertThat(measures.get("gradient-norm-lower-bound"))
        .isLessThanOrEqualTo(bound)
        .isGreaterThan(bound * (1 - 1e-12));
  }

  @Test
  void convolutionIsUnfoldedByItsGeometry() {
    Verdict verdict = check.check(snapshot(convolution()).build());

    int inputs = (int) GEOMETRY.inputs();
    int outputs = OUTPUTS * (int) GEOMETRY.outputs();
    float[] a = random(3, EXAMPLES * inputs);
    float[] d = random(4, EXAMPLES * outputs);
    try (ConvolutionJacobian rows = new ConvolutionJacobian(GEOMETRY, EXAMPLES, OUTPUTS)) {
      for (int i = 0; i < EXAMPLES; i++) {
        rows.setRows(i, part(a, i, inputs), part(d, i, outputs));
      }
      Certificate same =
          new KernelCertification(new OpenBlas(1))
              .certify(
                  new FactoredJacobian(EXAMPLES, OUTPUTS, List.of(new ExplicitRows("c", rows))),
                  Progress.NONE,
                  Cancellation.NEVER);
      assertThat(verdict.getCertificate().getSigmaMinLowerBound())
          .isEqualTo(same.sigmaMinLowerBound().getAsDouble());
    }
  }

  private static double[] part(float[] values, int i, int length) {
    double[] part = new double[length];
    Arrays.setAll(part, j -> values[i * length + j]);
    return part;
  }

  @Test
  void fewerExamplesThanTheRunHasAreAStatementAboutThese() {
    Snapshot.Builder snapshot = snapshot(linear());
    snapshot.getHeaderBuilder().getDataSetBuilder().setTrainRows(50);

    Verdict verdict = check.check(snapshot.build());

    assertThat(verdict.getExamples()).isEqualTo(EXAMPLES);
    assertThat(verdict.getCertificate().getReason())
        .contains("the network can still fit these 6 of the 50 training examples");
  }

  @Test
  void withoutGradientsOfTheLossThereIsNoBoundOnTheGradient() {
    Snapshot.Builder snapshot = snapshot(linear());
    snapshot.getFactorsBuilder().clearLossGradients().clearLoss().clearGradientNorm();

    Verdict verdict = check.check(snapshot.build());

    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(measures(verdict)).containsOnlyKeys("radius");
  }

  static Stream<Arguments> whatDoesNotFit() {
    return Stream.of(
        bad(s -> s.getFactorsBuilder().clearLayers(), "are of no layer"),
        bad(s -> layer(s).setLayer(" "), "has no name"),
        bad(
            s -> s.getFactorsBuilder().addLayers(linear()),
            "'linear' of the factors is there twice"),
        bad(
            s -> layer(s).getInputsBuilder().clearShape().addShape(24),
            "inputs have shape [24], they must have 2 dimensions of at least 1"),
        bad(
            s -> layer(s).getInputsBuilder().setShape(1, 0),
            "inputs have shape [6, 0], they must have 2 dimensions of at least 1"),
        bad(s -> layer(s).getInputsBuilder().setShape(1, 5), "asks for 120 bytes, there are 96"),
        bad(s -> layer(s).getInputsBuilder().setTypeValue(99), "type"),
        bad(
            s -> layer(s).setInputs(Tensors.of("a", new long[] {3, 4}, random(1, 12))),
            "inputs are of 3 examples, output_gradients of 6"),
        bad(
            s ->
                s.getFactorsBuilder()
                    .addLayers(
                        linear()
                            .setLayer("other")
                            .setOutputGradients(
                                Tensors.of("d", new long[] {6, 3, 1}, random(1, 18)))),
            "output_gradients are of 6 examples with 3 outputs, those of the first layer of 6 with 2"),
        bad(
            s ->
                layer(s)
                    .setInputs(
                        Tensors.of("a", new long[] {6, 1}, new float[] {1, 2, 3, 4, 5, Float.NaN})),
            "linear"),
        bad(
            s ->
                s.getFactorsBuilder()
                    .setLossGradients(Tensors.of("g", new long[] {6, 3}, random(1, 18))),
            "loss_gradients have shape [6, 3], the factors are of 6 examples with 2 outputs"),
        bad(
            s ->
                s.getFactorsBuilder()
                    .setLossGradients(
                        Tensors.of(
                            "g",
                            new long[] {6, 2},
                            new float[] {
                              0, 0, 0, Float.POSITIVE_INFINITY, 0, 0, 0, 0, 0, 0, 0, 0
                            })),
            "loss_gradients of example 1 hold Infinity"),
        bad(s -> s.getFactorsBuilder().setLoss(Double.NaN), "the loss of the factors is NaN"),
        bad(s -> s.getFactorsBuilder().setGradientNorm(-1), "gradient_norm of the factors is -1.0"),
        badConvolution(
            s -> layer(s).getConvolutionBuilder().setStrideRows(2),
            "pictures of 5×4 become 3×3 by that kernel, stride, padding and dilation, not 5×3"),
        badConvolution(s -> layer(s).getConvolutionBuilder().setGroups(2), "cut into 2 groups"),
        badConvolution(
            s -> layer(s).getConvolutionBuilder().clearDilationRows(),
            "dilation in rows must be at least 1, got 0"),
        badConvolution(
            s -> layer(s).clearConvolution(), "they must have 2 dimensions of at least 1"));
  }

  private static LayerFactors.Builder layer(Snapshot.Builder snapshot) {
    return snapshot.getFactorsBuilder().getLayersBuilder(0);
  }

  private static Arguments bad(Consumer<Snapshot.Builder> change, String reason) {
    return Arguments.of(linear(), change, reason);
  }

  private static Arguments badConvolution(Consumer<Snapshot.Builder> change, String reason) {
    return Arguments.of(convolution(), change, reason);
  }

  @ParameterizedTest
  @MethodSource("whatDoesNotFit")
  void whatDoesNotFitIsUndeterminedWithTheReason(
      LayerFactors.Builder layer, Consumer<Snapshot.Builder> change, String reason) {
    Snapshot.Builder snapshot = snapshot(layer);
    change.accept(snapshot);

    Verdict verdict = check.check(snapshot.build());

    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_UNDETERMINED);
    assertThat(verdict.getCertificate().getReason())
        .contains(reason)
        .doesNotContain("\n", "Exception");
  }

  /** A kernel as large as its padding makes room for: one position, and 9·10⁸ weights. */
  @Test
  void whatExceedsTheMemoryIsUndeterminedWithTheAmounts() {
    LayerFactors.Builder layer =
        convolution()
            .setBias(false)
            .setInputs(Tensors.of("a", new long[] {EXAMPLES, 1, 1, 1}, random(3, EXAMPLES)))
            .setOutputGradients(
                Tensors.of(
                    "d", new long[] {EXAMPLES, OUTPUTS, 1, 1, 1}, random(4, EXAMPLES * OUTPUTS)));
    layer
        .getConvolutionBuilder()
        .setKernelRows(200_001)
        .setKernelColumns(200_001)
        .setPaddingRows(100_000)
        .setPaddingColumns(100_000)
        .setStrideColumns(1)
        .setGroups(1);

    Verdict verdict = check.check(snapshot(layer).build());

    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_UNDETERMINED);
    assertThat(verdict.getCertificate().getReason())
        .startsWith("no certificate of the Jacobian: the Jacobian up to layer 'convolution' of the")
        .contains("GiB in all; this machine has");
  }
}
