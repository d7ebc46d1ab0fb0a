package io.fullrank.checker.expressivity;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.checker.ClientSnapshots;
import io.fullrank.checker.OnlyCheck;
import io.fullrank.checker.check.CheckResources;
import io.fullrank.proto.SnapshotAssembler;
import io.fullrank.proto.SnapshotChunks;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.CertificateMethod;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.FeatureSource;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.proto.v1.Verdict;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Snapshots of programs outside Fullrank, judged on the features that they sent. */
class ClientFeaturesTest {

  private static final int ROWS = 40;
  private static final int UNITS = 50;

  private final OnlyCheck check =
      OnlyCheck.of(
          new ExpressivityCheck(new CheckResources(new OpenBlas(1), 1, 1 << 20, 0.5, true)),
          Path.of("none"));

  @ParameterizedTest
  @EnumSource(
      names = {"DATA_TYPE_FLOAT16", "DATA_TYPE_BFLOAT16", "DATA_TYPE_FLOAT32", "DATA_TYPE_FLOAT64"})
  void certifiesTheFeaturesThatWereSentWithAColumnOfOnes(DataType type) throws WireFormatException {
    Snapshot snapshot = ClientSnapshots.snapshot("run", type, ROWS, UNITS);

    Verdict verdict = check.check(snapshot);

    Certificate same = certificate(snapshot);
    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(verdict.getCertificate().getMethod())
        .isEqualTo(CertificateMethod.CERTIFICATE_METHOD_CHOLESKY);
    assertThat(verdict.getCertificate().getRows()).isEqualTo(ROWS);
    assertThat(verdict.getCertificate().getColumns()).isEqualTo(UNITS + 1);
    assertThat(verdict.getCertificate().getSigmaMinLowerBound())
        .isEqualTo(same.sigmaMinLowerBound().getAsDouble());
    assertThat(verdict.getCertificate().getReason())
        .isEqualTo(same.reason() + "; features as computed by the client");
    assertThat(verdict.getFeatureSource()).isEqualTo(FeatureSource.FEATURE_SOURCE_CLIENT);
    assertThat(verdict.getFeaturesSha256())
        .isEqualTo(ClientSnapshots.sha256(snapshot.getFeatures().getData()));
  }

  @ParameterizedTest
  @EnumSource(
      names = {"DATA_TYPE_FLOAT16", "DATA_TYPE_BFLOAT16", "DATA_TYPE_FLOAT32", "DATA_TYPE_FLOAT64"})
  void featuresThatDoNotFitAreReadWhereTheyLie(DataType type) throws WireFormatException {
    OnlyCheck streamed =
        OnlyCheck.of(
            new ExpressivityCheck(
                new CheckResources(new OpenBlas(2), 2, 1 << 20, 0.5, true),
                new RankCertification(new OpenBlas(1)),
                rows -> true),
            Path.of("none"));
    Snapshot snapshot = ClientSnapshots.snapshot("run", type, ROWS, UNITS);
    double[] entries = Tensors.toDoubles(snapshot.getFeatures());
    System.arraycopy(entries, 5 * UNITS, entries, 30 * UNITS, UNITS);

    Verdict verdict = streamed.check(snapshot);
    Verdict identical =
        streamed.check(ClientSnapshots.withFeatures(snapshot, type, ROWS, UNITS, entries));

    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(verdict.getCertificate().getMethod())
        .isEqualTo(CertificateMethod.CERTIFICATE_METHOD_MODULAR);
    assertThat(verdict.getCertificate().getColumns()).isEqualTo(UNITS + 1);
    assertThat(verdict.getFeaturesSha256()).isEqualTo(snapshot.getFeaturesSha256());
    assertThat(identical.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_REFUTED);
    assertThat(identical.getCertificate().getReason()).contains("rows 5 and 30 are identical");
  }

  /** However the bytes were cut, also within entries, the verdict is about the same numbers. */
  @ParameterizedTest
  @ValueSource(ints = {1, 7, 250, 1000, 1 << 20})
  void readsFeaturesInPiecesOfAnySize(int payloadBytes) throws WireFormatException {
    Snapshot snapshot = ClientSnapshots.snapshot("run", DataType.DATA_TYPE_FLOAT64, ROWS, UNITS);
    SnapshotAssembler assembler = new SnapshotAssembler("run", 1 << 20);
    Optional<Snapshot> joined = Optional.empty();
    for (SnapshotChunk chunk : SnapshotChunks.split(snapshot, payloadBytes)) {
      joined = assembler.accept(chunk).snapshot();
    }

    Verdict verdict = check.check(joined.orElseThrow());

    assertThat(verdict.getCertificate().getSigmaMinLowerBound())
        .isEqualTo(certificate(snapshot).sigmaMinLowerBound().getAsDouble());
    assertThat(verdict.getFeaturesSha256()).isEqualTo(snapshot.getFeaturesSha256());
  }

  @Test
  void settlesWithPrimesWhatRoundingLeavesOpen() {
    Verdict certified =
        check.check(
            ClientSnapshots.snapshot(
                "run", DataType.DATA_TYPE_FLOAT64, 3, 2, 1, 1, 1, 1 + 0x1p-52, 2, 1));
    Verdict refuted =
        check.check(
            ClientSnapshots.snapshot(
                "run", DataType.DATA_TYPE_FLOAT32, 4, 3, 1, 2, 5, 3, 4, 1, 2, 2, 7, 2, 4, -1));

    assertThat(certified.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(refuted.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_REFUTED);
    assertThat(refuted.getCertificate().getMethod())
        .isEqualTo(CertificateMethod.CERTIFICATE_METHOD_MODULAR);
    assertThat(refuted.getCertificate().getPrimesList()).isNotEmpty();
  }

  @Test
  void carriesOverWithinARunAndCertifiesWitnessesAfreshWithTheirSpectrum() throws Exception {
    Snapshot first = ClientSnapshots.snapshot("run", DataType.DATA_TYPE_FLOAT32, ROWS, UNITS);
    double[] entries = Tensors.toDoubles(first.getFeatures());
    entries[7] += 0x1p-10;
    Snapshot close =
        ClientSnapshots.withFeatures(first, DataType.DATA_TYPE_FLOAT32, ROWS, UNITS, entries)
            .toBuilder()
            .setStep(2)
            .build();

    Verdict fresh = check.check(first);
    Verdict carried = check.check(close);
    Verdict witness = check.check(close.toBuilder().setStep(3).setWitness(true).build());

    assertThat(fresh.hasCarriedFromStep()).isFalse();
    assertThat(fresh.hasSpectrum()).isFalse();
    assertThat(carried.getCarriedFromStep()).isEqualTo(1);
    assertThat(carried.getCertificate().getMethod())
        .isEqualTo(CertificateMethod.CERTIFICATE_METHOD_CARRY_OVER);
    assertThat(carried.getFeatureSource()).isEqualTo(FeatureSource.FEATURE_SOURCE_CLIENT);
    assertThat(carried.getCertificate().getReason())
        .endsWith("; features as computed by the client");
    assertThat(witness.getCertificate().getMethod())
        .isEqualTo(CertificateMethod.CERTIFICATE_METHOD_CHOLESKY);
    assertThat(witness.getWitness()).isTrue();
    assertThat(witness.hasSpectrum()).isTrue();
  }

  /** Of what only primes could certify nothing is known but that the same numbers are as good. */
  @Test
  void carriesOverToTheSameFeaturesWhatOnlyPrimesCertified() {
    double[] entries = {1, 1, 1, 1 + 0x1p-52};
    Snapshot first = ClientSnapshots.snapshot("run", DataType.DATA_TYPE_FLOAT64, 2, 2, entries);
    entries[3] = 1 + 0x1p-51;
    Snapshot moved = ClientSnapshots.snapshot("run", DataType.DATA_TYPE_FLOAT64, 2, 2, entries);

    Verdict fresh = check.check(first);
    Verdict same = check.check(first.toBuilder().setStep(2).build());
    Verdict other = check.check(moved.toBuilder().setStep(3).build());

    assertThat(fresh.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(fresh.getCertificate().getMethod())
        .isEqualTo(CertificateMethod.CERTIFICATE_METHOD_MODULAR);
    assertThat(fresh.getCertificate().hasSigmaMinLowerBound()).isFalse();
    assertThat(same.getCarriedFromStep()).isEqualTo(1);
    assertThat(same.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
    assertThat(same.getCertificate().getMethod())
        .isEqualTo(CertificateMethod.CERTIFICATE_METHOD_CARRY_OVER);
    assertThat(same.getCertificate().getRankLowerBound()).isEqualTo(2);
    assertThat(same.getCertificate().hasSigmaMinLowerBound()).isFalse();
    assertThat(other.hasCarriedFromStep()).isFalse();
  }

  @Test
  void saysHowFarAVerdictReachesWhereTheNetworkIsNotKnownToBeAnalytic() {
    assertThat(reason(ExternalNetwork.Builder::clearAnalytic))
        .endsWith(
            "; features as computed by the client; the network is not known to be analytic, so this"
                + " says something about these weights alone");
    assertThat(reason(network -> network.setAnalytic(false)))
        .endsWith(
            "; the network is not analytic, so this says something about these weights alone");
    assertThat(
            reason(
                network ->
                    network
                        .setAnalytic(false)
                        .addAllOperatorsNotAnalytic(List.of("relu", "max_pool2d"))))
        .endsWith(
            "; the network is not analytic (relu, max_pool2d), so this says something about these"
                + " weights alone");
    assertThat(
            reason(
                network ->
                    network
                        .setAnalytic(false)
                        .addAllOperatorsNotAnalytic(List.of("a", "b", "c", "d", "e", "f", "g"))))
        .contains("(a, b, c, d, e and 2 more)");
  }

  @Test
  void saysWhatHappenedToRowsThatAreIdentical() {
    String client = "; features as computed by the client";

    assertRefuted(
        3,
        "rows 0 and 2 are identical; 2 of the 3 units of the last hidden layer are 0 for both"
            + client,
        new double[] {0, 5, 0, 1, 2, 3, 0, 5, -0.0});
    assertRefuted(
        3,
        "rows 1 and 2 are identical; none of the 3 units of the last hidden layer is 0 for them"
            + client,
        new double[] {0, 5, 0, 1, 2, 3, 1, 2, 3});
    assertRefuted(
        4,
        "rows 0 and 3 are identical; all 3 units of the last hidden layer are 0 for both, and for 2"
            + " of all 4 rows"
            + client,
        new double[] {0, 0, 0, 1, 2, 3, 1, 2, 4, 0, 0, 0});
    assertRefuted(
        3,
        "rows 0 and 1 are identical; all 3 units of the last hidden layer are 0 for every row"
            + client,
        new double[9]);
  }

  @Test
  void saysHowWideTheLastHiddenLayerHasToBe() {
    assertRefuted(
        6,
        "a matrix of 4 columns cannot have rank 6, one per row; this takes a last hidden layer of at"
            + " least 5 units, or at most 4 rows; features as computed by the client",
        new double[18]);
  }

  @Test
  void aRefutationByShapeIsNotAboutTheseWeightsAlone() {
    Snapshot.Builder narrow =
        ClientSnapshots.snapshot("run", DataType.DATA_TYPE_FLOAT32, 6, 3, new double[18])
            .toBuilder();
    narrow
        .getHeaderBuilder()
        .getSpecBuilder()
        .getNetworkBuilder()
        .getExternalBuilder()
        .setAnalytic(false);

    assertThat(check.check(narrow.build()).getCertificate().getReason())
        .endsWith("or at most 4 rows; features as computed by the client");
  }

  private void assertRefuted(int rows, String reason, double[] entries) {
    Verdict verdict =
        check.check(ClientSnapshots.snapshot("run", DataType.DATA_TYPE_FLOAT32, rows, 3, entries));
    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_REFUTED);
    assertThat(verdict.getCertificate().getReason()).isEqualTo(reason);
  }

  @Test
  void doesNotJudgeFeaturesThatDoNotFitTheRun() {
    Snapshot good = ClientSnapshots.snapshot("run", DataType.DATA_TYPE_FLOAT32, ROWS, UNITS);
    Snapshot.Builder otherRows = good.toBuilder();
    otherRows.getHeaderBuilder().getDataSetBuilder().setTrainRows(41);
    Snapshot.Builder otherUnits = good.toBuilder();
    otherUnits
        .getHeaderBuilder()
        .getSpecBuilder()
        .getNetworkBuilder()
        .getExternalBuilder()
        .setLastHiddenWidth(64);
    Snapshot.Builder flat = good.toBuilder();
    flat.getFeaturesBuilder().clearShape().addShape(ROWS * UNITS);
    Snapshot.Builder damaged =
        good.toBuilder().setFeaturesSha256(ByteString.copyFrom(new byte[32]));

    assertUndetermined(
        otherRows.build(), "the features have 40 rows, the run's training set has 41");
    assertUndetermined(
        otherUnits.build(),
        "the features have 50 columns, the run's last hidden layer has 64 units");
    assertUndetermined(flat.build(), "the features have shape [2000], they must have one row");
    assertUndetermined(
        damaged.build(), "SHA-256", "instead of " + "0".repeat(64) + ": send them again");
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
  void namesTheFirstEntryThatIsNotFinite(double entry) {
    assertUndetermined(
        ClientSnapshots.snapshot("run", DataType.DATA_TYPE_FLOAT32, 2, 2, 1, 2, 3, entry),
        "no certificate of the features as computed by the client",
        "row 1, column 1");
  }

  /** Features whose run does not say how many rows or units there are are judged as they are. */
  @Test
  void needsNeitherRowsNorUnitsToBeKnown() {
    Snapshot.Builder snapshot =
        ClientSnapshots.snapshot("run", DataType.DATA_TYPE_FLOAT32, ROWS, UNITS).toBuilder();
    snapshot
        .getHeaderBuilder()
        .clearDataSet()
        .getSpecBuilder()
        .getNetworkBuilder()
        .getExternalBuilder()
        .clearLastHiddenWidth();

    assertThat(check.check(snapshot.build()).getCertificate().getOutcome())
        .isEqualTo(Outcome.OUTCOME_CERTIFIED);
  }

  private String reason(Consumer<ExternalNetwork.Builder> change) {
    Snapshot.Builder snapshot =
        ClientSnapshots.snapshot("run", DataType.DATA_TYPE_FLOAT32, ROWS, UNITS).toBuilder();
    change.accept(
        snapshot.getHeaderBuilder().getSpecBuilder().getNetworkBuilder().getExternalBuilder());
    return check.check(snapshot.build()).getCertificate().getReason();
  }

  private void assertUndetermined(Snapshot snapshot, String... inReason) {
    Verdict verdict = check.check(snapshot);
    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_UNDETERMINED);
    assertThat(verdict.getCertificate().getReason()).contains(inReason).doesNotContain("\n");
    assertThat(verdict.getFeatureSource()).isEqualTo(FeatureSource.FEATURE_SOURCE_CLIENT);
    assertThat(verdict.getFeaturesSha256()).isEmpty();
  }

  private static Certificate certificate(Snapshot snapshot) throws WireFormatException {
    double[] entries = Tensors.toDoubles(snapshot.getFeatures());
    try (Matrix matrix = Matrix.allocate(ROWS, UNITS + 1)) {
      for (int i = 0; i < ROWS; i++) {
        matrix.setRow(i, 0, entries, i * UNITS, UNITS);
      }
      matrix.fillColumn(UNITS, 1);
      return new RankCertification(new OpenBlas(1)).certify(matrix);
    }
  }
}
