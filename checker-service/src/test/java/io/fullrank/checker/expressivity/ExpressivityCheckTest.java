package io.fullrank.checker.expressivity;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.Timestamp;
import com.google.protobuf.UnknownFieldSet;
import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.cholesky.VerifiedCholesky;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.modular.ModularRank;
import io.fullrank.checker.OnlyCheck;
import io.fullrank.checker.StrokesSnapshots;
import io.fullrank.checker.check.CheckResources;
import io.fullrank.network.architecture.Features;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.CertificateMethod;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.FeatureSource;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Relu;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Spectrum;
import io.fullrank.proto.v1.Statement;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExpressivityCheckTest {

  @TempDir Path dataDirectory;

  @Test
  void certifiesTheFeaturesOfTheRunsOwnTrainingData() {
    Snapshot snapshot = StrokesSnapshots.snapshot("run", 120);

    Verdict verdict = check(snapshot);

    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(verdict.getCertificate().getMethod())
        .isEqualTo(CertificateMethod.CERTIFICATE_METHOD_CHOLESKY);
    assertThat(verdict.getCertificate().getRows()).isEqualTo(StrokesSnapshots.ROWS);
    assertThat(verdict.getCertificate().getColumns()).isEqualTo(121);
    assertThat(verdict.getCertificate().getSigmaMinLowerBound()).isPositive();
    assertThat(verdict.getFeaturesSha256()).isEqualTo(featuresSha256(snapshot));
    assertThat(verdict.getRun()).isEqualTo("run");
    assertThat(verdict.getAttempt()).isEqualTo(1);
    assertThat(verdict.getStep()).isEqualTo(1);
    assertThat(verdict.getCheck()).isEqualTo("expressivity");
    assertThat(verdict.getChecker()).isEqualTo("checker");
    assertThat(verdict.hasCheckedAt()).isTrue();
    assertThat(verdict.getFeatureSource()).isEqualTo(FeatureSource.FEATURE_SOURCE_RECOMPUTED);
  }

  @Test
  void aVerdictTakesNothingAlongThatNobodyKnows() {
    Snapshot snapshot = StrokesSnapshots.snapshot("run", 120);
    UnknownFieldSet unknown =
        UnknownFieldSet.newBuilder()
            .addField(
                9000,
                UnknownFieldSet.Field.newBuilder()
                    .addLengthDelimited(ByteString.copyFrom(new byte[5 << 20]))
                    .build())
            .build();
    Timestamp takenAt =
        Timestamp.newBuilder().setSeconds(7).setNanos(8).setUnknownFields(unknown).build();

    Verdict verdict = check(snapshot.toBuilder().setTakenAt(takenAt).build());

    assertThat(verdict.getSnapshotTakenAt())
        .isEqualTo(Timestamp.newBuilder().setSeconds(7).setNanos(8).build());
    assertThat(verdict.getSerializedSize()).isLessThan(2000);
  }

  @Test
  void certifiesAWitnessWhoseFeaturesItComputesToTheBit() {
    Snapshot snapshot = StrokesSnapshots.snapshot("run", 120);
    Snapshot witness =
        snapshot.toBuilder().setWitness(true).setFeaturesSha256(featuresSha256(snapshot)).build();

    Verdict verdict = check(witness);

    assertThat(verdict.getWitness()).isTrue();
    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
  }

  @Test
  void aWitnessHasASpectrumWithinWhatIsProvenAndOthersHaveNone() {
    Snapshot snapshot = StrokesSnapshots.snapshot("run", 120);
    Snapshot witness = snapshot.toBuilder().setWitness(true).build();

    Verdict verdict = check(witness);

    Spectrum spectrum = verdict.getSpectrum();
    assertThat(
            spectrum.getCountsList().stream().mapToInt(Integer::intValue).sum()
                + spectrum.getBelowResolution())
        .isEqualTo(StrokesSnapshots.ROWS);
    assertThat(spectrum.getSigmaMin().getEstimate())
        .isGreaterThanOrEqualTo(verdict.getCertificate().getSigmaMinLowerBound());
    assertThat(spectrum.getSigmaMax().getEstimate())
        .isLessThanOrEqualTo(verdict.getCertificate().getSigmaMaxUpperBound());
    assertThat(check(snapshot).hasSpectrum()).isFalse();
    assertThat(check(0, 0.5, false).check(witness).hasSpectrum()).isFalse();
  }

  @Test
  void featuresThatDoNotFitAreCertifiedRowByRow() {
    Snapshot snapshot = StrokesSnapshots.snapshot("run", 120);
    ByteString sha256 = featuresSha256(snapshot);
    Snapshot witness = snapshot.toBuilder().setWitness(true).setFeaturesSha256(sha256).build();

    Verdict verdict = streamed().check(exact(witness));

    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(verdict.getCertificate().getMethod())
        .isEqualTo(CertificateMethod.CERTIFICATE_METHOD_MODULAR);
    assertThat(verdict.getCertificate().getColumns()).isEqualTo(121);
    assertThat(verdict.getCertificate().hasSigmaMinLowerBound()).isFalse();
    assertThat(verdict.getFeaturesSha256()).isEqualTo(sha256);
    assertThat(verdict.getStatement()).isEqualTo(Statement.STATEMENT_AS_COMPUTED);
    assertThat(verdict.getCertificate().getReason()).contains("features do not fit into memory");
    assertThat(verdict.hasSpectrum()).isFalse();
    assertThat(streamed().check(witness).getCertificate().getReason())
        .contains("may rest on their rounding");
  }

  @Test
  void featuresThatDoNotFitAreRefusedIfTheTrainerHadOthers() {
    Snapshot other =
        StrokesSnapshots.snapshot("run", 120).toBuilder()
            .setFeaturesSha256(ByteString.copyFrom(new byte[32]))
            .build();

    assertUndetermined(streamed().check(other), "other features than the trainer");
  }

  @Test
  void aWitnessIsJudgedInExactArithmeticWhereItsExperimentAsksForIt() {
    Snapshot witness = StrokesSnapshots.snapshot("run", 120).toBuilder().setWitness(true).build();

    Verdict exact = check(exact(witness));

    assertThat(exact.getStatement()).isEqualTo(Statement.STATEMENT_EXACT_NETWORK);
    assertThat(exact.getCertificate().getReason())
        .contains("features of the exact network have full row rank")
        .contains("proves the expressivity condition of this architecture on this data");
    assertThat(check(witness).getStatement()).isEqualTo(Statement.STATEMENT_AS_COMPUTED);
  }

  @Test
  void ofABaseRunTheLastSnapshotIsJudgedInExactArithmetic() {
    Snapshot.Builder snapshot = exact(StrokesSnapshots.snapshot("run", 120)).toBuilder();
    snapshot.getHeaderBuilder().setVariant(Variant.VARIANT_BASE).setTotalSteps(2);

    Verdict first = check(snapshot.build());
    Verdict last = check(snapshot.setStep(2).build());

    assertThat(first.getStatement()).isEqualTo(Statement.STATEMENT_AS_COMPUTED);
    assertThat(last.getStatement()).isEqualTo(Statement.STATEMENT_EXACT_NETWORK);
  }

  @Test
  void whatIsRefutedIsNotJudgedInExactArithmetic() {
    Snapshot witness = StrokesSnapshots.snapshot("run", 40).toBuilder().setWitness(true).build();

    Verdict verdict = check(exact(witness));

    assertThat(verdict.getStatement()).isEqualTo(Statement.STATEMENT_AS_COMPUTED);
    assertThat(verdict.getCertificate().getReason()).doesNotContain("exact");
  }

  /** The modular rank proves no bound. */
  @Test
  void whatOnlyPrimesSettleMayRestOnRounding() {
    Snapshot witness = StrokesSnapshots.snapshot("run", 120).toBuilder().setWitness(true).build();

    for (Snapshot snapshot : List.of(witness, exact(witness))) {
      Verdict verdict =
          check(new RankCertification(new OpenBlas(1), new ModularRank())).check(snapshot);

      assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
      assertThat(verdict.getStatement()).isEqualTo(Statement.STATEMENT_AS_COMPUTED);
      assertThat(verdict.getCertificate().getReason()).contains("may rest on");
    }
  }

  private static Snapshot exact(Snapshot snapshot) {
    Snapshot.Builder asking = snapshot.toBuilder();
    asking
        .getHeaderBuilder()
        .getSpecBuilder()
        .getChecksBuilder()
        .getExpressivityBuilder()
        .setExact(true);
    return asking.build();
  }

  @Test
  void refutesANetworkThatIsTooNarrow() {
    Verdict verdict = check(StrokesSnapshots.snapshot("run", 40));

    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_REFUTED);
    assertThat(verdict.getCertificate().getMethod())
        .isEqualTo(CertificateMethod.CERTIFICATE_METHOD_STRUCTURE);
    assertThat(verdict.getCertificate().getFalseRefutationProbability()).isZero();
  }

  @Test
  void doesNotCertifyOtherFeaturesThanTheTrainers() {
    ByteString trainers = ByteString.copyFrom(new byte[32]);

    Verdict verdict =
        check(
            StrokesSnapshots.snapshot("run", 120).toBuilder().setFeaturesSha256(trainers).build());

    assertUndetermined(
        verdict, "other features than the trainer", "0".repeat(64), "same kind of processor");
    assertThat(verdict.getFeaturesSha256()).isEmpty();
  }

  @Test
  void doesNotCertifyOtherData() {
    Snapshot snapshot = StrokesSnapshots.snapshot("run", 120);
    DataSetIdentity here = snapshot.getHeader().getDataSet();

    Verdict otherBytes =
        check(
            withIdentity(
                snapshot,
                here.toBuilder().setTrainSha256(ByteString.copyFrom(new byte[32])).build()));
    Verdict otherRows = check(withIdentity(snapshot, here.toBuilder().setTrainRows(61).build()));
    Verdict otherName =
        check(withIdentity(snapshot, here.toBuilder().setName("scribbles").build()));

    Verdict otherShape =
        check(withIdentity(snapshot, here.toBuilder().setHeight(32).setWidth(8).build()));

    assertUndetermined(
        otherBytes,
        "this checker's training data differs: SHA-256 "
            + HexFormat.of().formatHex(here.getTrainSha256().toByteArray())
            + " instead of "
            + "0".repeat(64));
    assertUndetermined(otherRows, "60 rows", "instead of 61");
    assertUndetermined(otherName, "'strokes' instead of 'scribbles'");
    assertUndetermined(otherShape, "pictures of 1×16×16 instead of 1×32×8");
  }

  @Test
  void saysWhichDataItLacks() {
    Snapshot.Builder snapshot = StrokesSnapshots.snapshot("run", 120).toBuilder();
    snapshot.getHeaderBuilder().getSpecBuilder().getDataSetBuilder().setName("semeion");

    Verdict verdict = check(snapshot.build());

    assertUndetermined(verdict, "cannot load the training data", dataDirectory.toString());
  }

  @Test
  void namesTheTensorThatDoesNotFitAndBothShapes() {
    Snapshot snapshot = StrokesSnapshots.snapshot("run", 120);
    Tensor narrow = Tensors.of("hidden.1.weight", new long[] {256, 31}, new float[256 * 31]);

    Verdict verdict = check(snapshot.toBuilder().setWeights(0, narrow).build());

    assertUndetermined(verdict, "'hidden.1.weight'", "[256, 31]", "[256, 32]");
  }

  @Test
  void namesTheTensorThatIsMissing() {
    Snapshot snapshot = StrokesSnapshots.snapshot("run", 120);

    Verdict verdict = check(snapshot.toBuilder().removeWeights(1).build());

    assertUndetermined(verdict, "'hidden.1.bias'", "missing");
  }

  @Test
  void namesTheFirstEntryThatIsNotFinite() {
    Snapshot snapshot = StrokesSnapshots.snapshot("run", 120);
    float[] bias = new float[120];
    bias[5] = Float.POSITIVE_INFINITY;

    Verdict verdict =
        check(
            snapshot.toBuilder()
                .setWeights(3, Tensors.of("hidden.2.bias", new long[] {120}, bias))
                .build());

    assertUndetermined(verdict, "row 0, column 5");
  }

  @Test
  void keepsReasonsShortWhateverTheSnapshotIsCalled() {
    Snapshot snapshot = StrokesSnapshots.snapshot("run", 120);
    Tensor endless = snapshot.getWeights(0).toBuilder().setName("n".repeat(1 << 20)).build();

    Verdict verdict = check(snapshot.toBuilder().addWeights(endless).build());

    assertThat(verdict.getCertificate().getReason()).hasSizeLessThan(1100);
  }

  @Test
  void saysWhenTheHeaderDescribesNoNetwork() {
    Snapshot.Builder snapshot = StrokesSnapshots.snapshot("run", 120).toBuilder();
    snapshot.getHeaderBuilder().getSpecBuilder().clearNetwork();

    assertUndetermined(check(snapshot.build()), "cannot build the network");
  }

  @Test
  void saysHowFarAVerdictReachesWithoutAnAnalyticActivation() {
    Snapshot.Builder relu = StrokesSnapshots.snapshot("run", 120).toBuilder();
    relu.getHeaderBuilder()
        .getSpecBuilder()
        .getNetworkBuilder()
        .getFullyConnectedBuilder()
        .setActivation(Activation.newBuilder().setRelu(Relu.getDefaultInstance()));

    assertThat(check(relu.build()).getCertificate().getReason())
        .endsWith(
            "; the activation is not analytic, so this says something about these parameters"
                + " alone");
    assertThat(check(StrokesSnapshots.snapshot("run", 120)).getCertificate().getReason())
        .doesNotContain("analytic");
  }

  @Test
  void saysInWhichLayerUnitsDied() {
    Snapshot.Builder relu = StrokesSnapshots.snapshot("run", 120).toBuilder();
    relu.getHeaderBuilder()
        .getSpecBuilder()
        .getNetworkBuilder()
        .getFullyConnectedBuilder()
        .setActivation(Activation.newBuilder().setRelu(Relu.getDefaultInstance()));
    Snapshot firstLayer = relu.clone().setWeights(1, constant("hidden.1.bias", 32, -1e6f)).build();
    Snapshot lastLayer = relu.clone().setWeights(3, constant("hidden.2.bias", 120, -1e6f)).build();

    assertThat(check(firstLayer).getCertificate().getReason())
        .startsWith(
            "rows 0 and 1 are identical; from layer 'hidden.1' on the network makes the same of"
                + " both, and 32 of the 32 units there are 0; all 120 units of the last hidden layer"
                + " are 0 for every row; ");
    assertThat(check(lastLayer).getCertificate().getReason())
        .startsWith(
            "rows 0 and 1 are identical; all 120 units of the last hidden layer are 0 for every"
                + " row; ");
  }

  private static Tensor constant(String name, int elements, float value) {
    float[] values = new float[elements];
    Arrays.fill(values, value);
    return Tensors.of(name, new long[] {elements}, values);
  }

  @Test
  void carriesTheCertificateOverWhileTheFeaturesStayClose() {
    OnlyCheck check = check(1 << 20, 0.5);
    Snapshot first = StrokesSnapshots.snapshot("run", 120);
    Verdict fresh = check.check(first);
    double sigma = fresh.getCertificate().getSigmaMinLowerBound();

    Verdict same = check.check(first.toBuilder().setStep(2).build());
    Snapshot moved = moved(first, 3, 1e-5f);
    Verdict close = check.check(moved);
    Verdict far = check.check(moved(first, 4, 1f));
    Verdict closeToFar = check.check(moved(moved(first, 4, 1f), 5, 1e-5f));

    assertThat(fresh.hasCarriedFromStep()).isFalse();
    assertThat(same.getCarriedFromStep()).isEqualTo(1);
    assertThat(same.getCertificate().getSigmaMinLowerBound()).isEqualTo(sigma);
    assertThat(close.getCarriedFromStep()).isEqualTo(1);
    assertThat(close.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(close.getCertificate().getMethod())
        .isEqualTo(CertificateMethod.CERTIFICATE_METHOD_CARRY_OVER);
    assertThat(close.getCertificate().getSigmaMinLowerBound()).isBetween(sigma / 2, sigma);
    assertThat(close.getFeaturesSha256()).isEqualTo(featuresSha256(moved));
    assertThat(far.hasCarriedFromStep()).isFalse();
    assertThat(far.getCertificate().getMethod())
        .isEqualTo(CertificateMethod.CERTIFICATE_METHOD_CHOLESKY);
    assertThat(closeToFar.getCarriedFromStep()).isEqualTo(4);
  }

  /** What training waits for: it may move as far as the bound says, so it gets the whole of it. */
  @Test
  void certifiesEveryWitnessAfresh() {
    OnlyCheck check = check(1 << 20, 0.5);
    Snapshot first = StrokesSnapshots.snapshot("run", 120);
    check.check(first);

    Verdict witness = check.check(moved(first, 2, 1e-5f).toBuilder().setWitness(true).build());
    Verdict after = check.check(moved(first, 3, 2e-5f));

    assertThat(witness.hasCarriedFromStep()).isFalse();
    assertThat(witness.getCertificate().getMethod())
        .isEqualTo(CertificateMethod.CERTIFICATE_METHOD_CHOLESKY);
    assertThat(after.getCarriedFromStep()).isEqualTo(2);
  }

  @Test
  void certifiesAfreshOnceTooLittleOfTheBoundIsLeft() {
    OnlyCheck check = check(1 << 20, 1);
    Snapshot first = StrokesSnapshots.snapshot("run", 120);
    check.check(first);

    assertThat(check.check(moved(first, 2, 1e-5f)).hasCarriedFromStep()).isFalse();
  }

  @Test
  void carriesNothingOverFromAnotherRunOrAttempt() {
    OnlyCheck check = check(1 << 20, 0.5);
    Snapshot first = StrokesSnapshots.snapshot("run", 120);
    check.check(first);
    Snapshot.Builder again = first.toBuilder();
    again.getHeaderBuilder().setAttempt(2);

    assertThat(check.check(StrokesSnapshots.snapshot("other", 120)).hasCarriedFromStep()).isFalse();
    assertThat(check.check(again.build()).hasCarriedFromStep()).isFalse();
  }

  @Test
  void forgetsTheRunNotCheckedForLongestWhenMemoryRunsOut() {
    // Features of 60 x 121 f32 take 60 x 61 x 8 bytes: there is room for two runs.
    OnlyCheck check = check(2 * 60 * 61 * 8, 0.5);
    for (String run : List.of("a", "b", "a", "c")) {
      check.check(StrokesSnapshots.snapshot(run, 120));
    }

    assertThat(check.check(StrokesSnapshots.snapshot("a", 120)).hasCarriedFromStep()).isTrue();
    assertThat(check.check(StrokesSnapshots.snapshot("c", 120)).hasCarriedFromStep()).isTrue();
    assertThat(check.check(StrokesSnapshots.snapshot("b", 120)).hasCarriedFromStep()).isFalse();
  }

  private Verdict check(Snapshot snapshot) {
    return check(0, 0.5).check(snapshot);
  }

  private OnlyCheck check(long carryOverBytes, double carryOverFraction) {
    return check(carryOverBytes, carryOverFraction, true);
  }

  private OnlyCheck check(long carryOverBytes, double carryOverFraction, boolean witnessSpectra) {
    return check(
        new RankCertification(new OpenBlas(1), new VerifiedCholesky()),
        carryOverBytes,
        carryOverFraction,
        witnessSpectra);
  }

  private OnlyCheck check(RankCertification certification) {
    return check(certification, 0, 0.5, false);
  }

  private OnlyCheck check(
      RankCertification certification,
      long carryOverBytes,
      double carryOverFraction,
      boolean witnessSpectra) {
    CheckResources resources =
        new CheckResources(new OpenBlas(1), 1, carryOverBytes, carryOverFraction, witnessSpectra);
    return OnlyCheck.of(
        new ExpressivityCheck(resources, certification, rows -> false), dataDirectory);
  }

  private OnlyCheck streamed() {
    return OnlyCheck.of(
        new ExpressivityCheck(
            new CheckResources(new OpenBlas(2), 2, 1 << 20, 0.5, true),
            new RankCertification(new OpenBlas(1)),
            rows -> true),
        dataDirectory);
  }

  /** The snapshot of a later step, with one bias of the last hidden layer moved. */
  private static Snapshot moved(Snapshot snapshot, long step, float by) {
    try {
      float[] bias = Tensors.toFloats(snapshot.getWeights(3));
      bias[5] += by;
      return snapshot.toBuilder()
          .setStep(step)
          .setWeights(3, Tensors.of("hidden.2.bias", new long[] {120}, bias))
          .build();
    } catch (WireFormatException impossible) {
      throw new AssertionError(impossible);
    }
  }

  private static void assertUndetermined(Verdict verdict, String... inReason) {
    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_UNDETERMINED);
    assertThat(verdict.getCertificate().getReason()).contains(inReason);
    assertThat(verdict.getCertificate().hasSigmaMinLowerBound()).isFalse();
  }

  private static Snapshot withIdentity(Snapshot snapshot, DataSetIdentity identity) {
    Snapshot.Builder other = snapshot.toBuilder();
    other.getHeaderBuilder().setDataSet(identity);
    return other.build();
  }

  private static ByteString featuresSha256(Snapshot snapshot) {
    DataSet data = StrokesSnapshots.data();
    Network network =
        Network.of(
            snapshot.getHeader().getSpec().getNetwork(),
            data.train().shape(),
            data.identity().getClasses());
    Parameters parameters = Parameters.of(network.layout(), snapshot.getWeightsList());
    try (Matrix features = Features.compute(network, parameters, data.train())) {
      return ByteString.copyFrom(features.sha256());
    }
  }
}
