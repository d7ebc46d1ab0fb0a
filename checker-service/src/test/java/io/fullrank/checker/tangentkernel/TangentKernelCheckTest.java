package io.fullrank.checker.tangentkernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.cholesky.Spectrum;
import io.fullrank.certificate.kernel.KhatriRaoRows;
import io.fullrank.certificate.kernel.LayerJacobian;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.checker.OnlyCheck;
import io.fullrank.checker.StrokesSnapshots;
import io.fullrank.checker.check.CheckResources;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.jacobian.JacobianLayers;
import io.fullrank.network.jacobian.OutputJacobian;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.CertificateMethod;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Relu;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Stage;
import io.fullrank.proto.v1.TangentKernelParameters;
import io.fullrank.proto.v1.Tanh;
import io.fullrank.proto.v1.Verdict;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A network 256-32-20-10 on 60 rows: 600 outputs, of which the 21 columns of features span 210. */
class TangentKernelCheckTest {

  private static final int UNITS = 20;
  private static final int CLASSES = 10;

  @TempDir Path dataDirectory;

  private static TangentKernelCheck check(long keptBytes) {
    return new TangentKernelCheck(new CheckResources(new OpenBlas(1), 1, keptBytes, 0.5, true));
  }

  private Verdict check(Snapshot snapshot) {
    return OnlyCheck.of(check(0), dataDirectory).check(snapshot);
  }

  private static Snapshot.Builder snapshot(Loss loss) {
    Snapshot.Builder snapshot = StrokesSnapshots.snapshot("run", UNITS).toBuilder();
    snapshot.getHeaderBuilder().getSpecBuilder().setLoss(loss);
    return snapshot;
  }

  private static Snapshot with(TangentKernelParameters.Builder parameters) {
    Snapshot.Builder snapshot = snapshot(Loss.LOSS_CROSS_ENTROPY);
    snapshot.getHeaderBuilder().getSpecBuilder().getChecksBuilder().setTangentKernel(parameters);
    return snapshot.build();
  }

  private static Map<String, Measure> measures(Verdict verdict) {
    return verdict.getMeasuresList().stream()
        .collect(Collectors.toMap(Measure::getName, Function.identity()));
  }

  @Test
  void certifiesANetworkWhoseFeaturesCannotHaveFullRank() {
    Snapshot snapshot = snapshot(Loss.LOSS_CROSS_ENTROPY).build();

    Verdict verdict = check(snapshot);

    assertThat(verdict.getCheck()).isEqualTo("tangent-kernel");
    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(verdict.getCertificate().getMethod())
        .isEqualTo(CertificateMethod.CERTIFICATE_METHOD_CHOLESKY);
    assertThat(verdict.getCertificate().getRows()).isEqualTo(600);
    assertThat(verdict.getCertificate().getColumns())
        .isEqualTo(257 * 32 + 33 * UNITS + (UNITS + 1) * CLASSES);
    assertThat(verdict.getLayersList()).containsExactly("hidden.1", "hidden.2", "output");
    assertThat(verdict.hasExamples()).isFalse();
    assertThat(verdict.getCertificate().getReason())
        .contains("no bad minimum and no saddle")
        .doesNotContain("kinks");
    double sigma = sigmaMinOfTheWholeMatrix(snapshot);
    double bound = verdict.getCertificate().getSigmaMinLowerBound();
    assertThat(bound).isLessThanOrEqualTo(sigma).isCloseTo(sigma, within(0.1 * sigma));
    Map<String, Measure> measures = measures(verdict);
    assertThat(measures)
        .containsOnlyKeys("loss", "gradient-norm", "gradient-norm-lower-bound", "radius");
    assertThat(measures.get("radius").getValue()).isEqualTo(bound);
    assertThat(measures.get("radius").getKind()).isEqualTo(MeasureKind.MEASURE_KIND_LOWER_BOUND);
    assertThat(measures.get("loss").getKind()).isEqualTo(MeasureKind.MEASURE_KIND_MEASURED);
    double least = measures.get("gradient-norm-lower-bound").getValue();
    assertThat(least).isPositive();
    assertThat(measures.get("gradient-norm").getValue()).isGreaterThan(least);
  }

  /** σ_min of J with all its columns, as a matrix like any other. */
  private static double sigmaMinOfTheWholeMatrix(Snapshot snapshot) {
    Samples samples = StrokesSnapshots.data().train();
    Network network =
        Network.of(snapshot.getHeader().getSpec().getNetwork(), samples.shape(), CLASSES);
    Parameters parameters = Parameters.of(network.layout(), snapshot.getWeightsList());
    OpenBlas algebra = new OpenBlas(1);
    try (OutputJacobian computed =
            OutputJacobian.compute(
                network, parameters, samples, new JacobianLayers(network.linearMaps()));
        Matrix whole = Matrix.allocate(computed.jacobian().rows(), computed.jacobian().columns())) {
      int column = 0;
      for (LayerJacobian layer : computed.jacobian().layers()) {
        column = append((KhatriRaoRows) layer, whole, column);
      }
      return Spectrum.of(
              whole, new RankCertification(algebra).certify(whole), algebra, Cancellation.NEVER)
          .sigmaMin()
          .estimate()
          .getAsDouble();
    }
  }

  private static int append(KhatriRaoRows layer, Matrix whole, int firstColumn) {
    double[] a = new double[(int) layer.inputs().columns() + 1];
    double[] delta = new double[(int) layer.outputGradients().columns()];
    a[a.length - 1] = 1;
    for (int row = 0; row < whole.rows(); row++) {
      layer.inputs().getRow(row / CLASSES, 0, a, 0, a.length - 1);
      layer.outputGradients().getRow(row, 0, delta, 0, delta.length);
      for (int j = 0; j < delta.length; j++) {
        for (int i = 0; i < a.length; i++) {
          whole.set(row, firstColumn + (long) j * a.length + i, delta[j] * a[i]);
        }
      }
    }
    return firstColumn + a.length * delta.length;
  }

  @Test
  void squaredLossHasAPolyakLojasiewiczConstant() {
    Verdict verdict = check(snapshot(Loss.LOSS_SQUARED).build());

    Map<String, Measure> measures = measures(verdict);
    double sigma = verdict.getCertificate().getSigmaMinLowerBound();
    double constant = measures.get("polyak-lojasiewicz-constant").getValue();
    assertThat(constant)
        .isLessThanOrEqualTo(sigma * sigma / StrokesSnapshots.ROWS)
        .isCloseTo(sigma * sigma / StrokesSnapshots.ROWS, within(1e-12 * constant));
    double loss = measures.get("loss").getValue();
    double norm = measures.get("gradient-norm").getValue();
    assertThat(norm * norm).isGreaterThanOrEqualTo(2 * constant * loss);
    // ‖g‖² = 2nL.
    assertThat(measures.get("gradient-norm-lower-bound").getValue())
        .isCloseTo(Math.sqrt(2 * constant * loss), within(1e-9));
  }

  @Test
  void someExamplesAreAStatementAboutThese() {
    Verdict verdict = check(with(TangentKernelParameters.newBuilder().setExamples(12)));

    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(verdict.getCertificate().getRows()).isEqualTo(120);
    assertThat(verdict.getExamples()).isEqualTo(12);
    assertThat(verdict.getCertificate().getReason())
        .contains("the network can still fit these 12 of the 60 training examples")
        .doesNotContain("no saddle");
  }

  @Test
  void asManyExamplesAsThereAreAreAll() {
    Verdict verdict = check(with(TangentKernelParameters.newBuilder().setExamples(-1)));

    assertThat(verdict.getCertificate().getRows()).isEqualTo(600);
    assertThat(verdict.hasExamples()).isFalse();
  }

  @Test
  void layersWithTooFewParametersAreRefutedWithWhatTheySufficeFor() {
    Verdict verdict = check(with(TangentKernelParameters.newBuilder().addLayers("output")));

    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_REFUTED);
    assertThat(verdict.getCertificate().getMethod())
        .isEqualTo(CertificateMethod.CERTIFICATE_METHOD_STRUCTURE);
    assertThat(verdict.getCertificate().getReason())
        .contains("the 210 parameters of these layers suffice for at most 21 examples")
        .contains("does not show that training is stuck");
    assertThat(verdict.getLayersList()).containsExactly("output");
    assertThat(measures(verdict)).containsOnlyKeys("loss", "gradient-norm");
  }

  @Test
  void unknownLayerIsUndeterminedWithThoseThatThereAre() {
    Verdict verdict = check(with(TangentKernelParameters.newBuilder().addLayers("hidden.3")));

    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_UNDETERMINED);
    assertThat(verdict.getCertificate().getReason())
        .isEqualTo(
            "the network has no layer 'hidden.3' with weights; it has hidden.1, hidden.2, output");
  }

  @Test
  void activationWithKinksIsSaid() {
    Snapshot.Builder snapshot = snapshot(Loss.LOSS_CROSS_ENTROPY);
    snapshot
        .getHeaderBuilder()
        .getSpecBuilder()
        .getNetworkBuilder()
        .getFullyConnectedBuilder()
        .getActivationBuilder()
        .setRelu(Relu.getDefaultInstance());

    assertThat(check(snapshot.build()).getCertificate().getReason())
        .endsWith(
            "; the activation has kinks, so this is about the gradient as computed, away from them");
  }

  @Test
  void certifiesAConvolutionalNetworkAsItIsEvaluated() {
    Snapshot.Builder snapshot =
        with(TangentKernelParameters.newBuilder().setExamples(6)).toBuilder();
    NetworkSpec.Builder spec =
        snapshot.getHeaderBuilder().getSpecBuilder().getNetworkBuilder().clear();
    spec.getResidualBuilder()
        .addStages(Stage.newBuilder().setBlocks(1).setChannels(16).setStride(2))
        .getActivationBuilder()
        .setTanh(Tanh.getDefaultInstance());
    Network network = Network.of(spec.build(), StrokesSnapshots.data().train().shape(), CLASSES);
    snapshot.clearWeights().addAllWeights(network.initialParameters(3).toTensors());

    Verdict verdict = check(snapshot.build());

    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(verdict.getCertificate().getRows()).isEqualTo(60);
    assertThat(verdict.getCertificate().getReason())
        .endsWith(
            "; this is about the network as it is evaluated, with batch normalisation by fixed"
                + " statistics");
    Map<String, Measure> measures = measures(verdict);
    assertThat(measures.get("gradient-norm").getValue())
        .isGreaterThan(measures.get("gradient-norm-lower-bound").getValue());
  }

  @Test
  void lossThatCannotBeComputedIsUndetermined() {
    Verdict verdict = check(snapshot(Loss.LOSS_EXTERNAL).build());

    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_UNDETERMINED);
    assertThat(verdict.getCertificate().getReason())
        .isEqualTo("the run names no loss that can be computed here");
  }

  @Test
  void nextSnapshotOfARunIsCertifiedByItsDistance() {
    OnlyCheck check = OnlyCheck.of(check(1 << 24), dataDirectory);
    Snapshot first = snapshot(Loss.LOSS_CROSS_ENTROPY).build();

    Verdict fresh = check.check(first);
    Verdict near = check.check(moved(first, 2, 1e-7f));
    Verdict far = check.check(moved(first, 3, 0.1f));
    Verdict otherAttempt = check.check(attempt(moved(first, 4, 0.1f), 2));

    assertThat(near.getCertificate().getMethod())
        .isEqualTo(CertificateMethod.CERTIFICATE_METHOD_CARRY_OVER);
    assertThat(near.getCarriedFromStep()).isEqualTo(1);
    assertThat(near.getCertificate().getSigmaMinLowerBound())
        .isLessThan(fresh.getCertificate().getSigmaMinLowerBound())
        .isPositive();
    assertThat(measures(near)).containsKey("gradient-norm-lower-bound");
    for (Verdict afresh : List.of(fresh, far, otherAttempt)) {
      assertThat(afresh.getCertificate().getMethod())
          .isEqualTo(CertificateMethod.CERTIFICATE_METHOD_CHOLESKY);
      assertThat(afresh.hasCarriedFromStep()).isFalse();
    }
  }

  private static Snapshot moved(Snapshot snapshot, long step, float by) {
    Network network =
        Network.of(
            snapshot.getHeader().getSpec().getNetwork(),
            StrokesSnapshots.data().train().shape(),
            CLASSES);
    Parameters parameters = Parameters.of(network.layout(), snapshot.getWeightsList());
    parameters.values().put(0, parameters.values().get(0) + by);
    return snapshot.toBuilder()
        .setStep(step)
        .clearWeights()
        .addAllWeights(parameters.toTensors())
        .build();
  }

  private static Snapshot attempt(Snapshot snapshot, long attempt) {
    Snapshot.Builder other = snapshot.toBuilder();
    other.getHeaderBuilder().setAttempt(attempt);
    return other.build();
  }
}
