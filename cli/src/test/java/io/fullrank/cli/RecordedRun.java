package io.fullrank.cli;

import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.Begin;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExternalAlgorithm;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.LayerFactors;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RegisterRunRequest;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotBegin;
import io.fullrank.proto.v1.Variant;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.function.Predicate;

/**
 * What a program without a server writes to a file: progress, one snapshot of random features in
 * pieces, progress, and the result.
 */
public record RecordedRun(RegisterRunRequest registration, List<ReportRequest> reports) {

  private static final byte[] HEADER = "FULLRANK1\n".getBytes(StandardCharsets.US_ASCII);
  private static final int PIECE_BYTES = 1 << 17;

  /** Returns a run with a key of its own and features of this shape. */
  public static RecordedRun of(int rows, int columns) {
    ByteString key = ByteString.copyFromUtf8(UUID.randomUUID().toString());
    ByteString features = features(rows, columns);
    List<ReportRequest> reports = new ArrayList<>();
    add(
        reports,
        ReportRequest.newBuilder()
            .setBegin(
                Begin.newBuilder()
                    .setRunKey(key)
                    .setProtocol(1)
                    .setAttempt(1)
                    .setTotalSteps(20)
                    .setDataSet(
                        DataSetIdentity.newBuilder().setName("random").setTrainRows(rows))));
    add(reports, progress(10));
    add(
        reports,
        ReportRequest.newBuilder()
            .setSnapshot(
                SnapshotBegin.newBuilder()
                    .setStep(20)
                    .setPhase(Phase.PHASE_ONE)
                    .setRows(rows)
                    .setColumns(columns)
                    .setType(DataType.DATA_TYPE_FLOAT32)
                    .setFeaturesSha256(sha256(features))));
    for (int from = 0; from < features.size(); from += PIECE_BYTES) {
      add(
          reports,
          ReportRequest.newBuilder()
              .setFeaturesPiece(
                  features.substring(from, Math.min(features.size(), from + PIECE_BYTES))));
    }
    add(reports, progress(20));
    add(
        reports,
        ReportRequest.newBuilder()
            .setResult(RunResult.newBuilder().setState(RunState.RUN_STATE_FINISHED).setSteps(20)));
    return new RecordedRun(
        RegisterRunRequest.newBuilder()
            .setSpec(
                ExperimentSpec.newBuilder()
                    .setName("recorded")
                    .setLoss(Loss.LOSS_CROSS_ENTROPY)
                    .setNetwork(
                        NetworkSpec.newBuilder()
                            .setExternal(
                                ExternalNetwork.newBuilder()
                                    .setFramework("test")
                                    .setLastHiddenWidth(columns)
                                    .setOutputs(10)))
                    .setAlgorithm(
                        AlgorithmSpec.newBuilder()
                            .setExternal(ExternalAlgorithm.newBuilder().setName("SGD")))
                    .addVariants(Variant.VARIANT_BASE)
                    .addSeeds(1))
            .setVariant(Variant.VARIANT_BASE)
            .setSeed(1)
            .setRunKey(key)
            .setTrainRows(rows)
            .build(),
        reports);
  }

  /** Returns the run without some reports, the others as they were. */
  public RecordedRun without(Predicate<ReportRequest> unwanted) {
    return new RecordedRun(registration, reports.stream().filter(unwanted.negate()).toList());
  }

  /** Returns the run with factors of one layer of five examples beside the features. */
  public RecordedRun withFactors() {
    ByteString data = features(5, 3 + 10 * 2);
    List<ReportRequest> more = new ArrayList<>();
    for (ReportRequest report : reports) {
      ReportRequest.Builder next = report.toBuilder();
      if (report.hasSnapshot()) {
        SnapshotBegin.Builder snapshot = next.getSnapshotBuilder().setFactorsSha256(sha256(data));
        LayerFactors.Builder layer = snapshot.getFactorsBuilder().addLayersBuilder().setLayer("0");
        layer.getInputsBuilder().setType(DataType.DATA_TYPE_FLOAT32).addShape(5).addShape(3);
        layer
            .getOutputGradientsBuilder()
            .setType(DataType.DATA_TYPE_FLOAT32)
            .addShape(5)
            .addShape(10)
            .addShape(2);
      }
      boolean afterFeatures =
          !report.hasFeaturesPiece()
              && !more.isEmpty()
              && more.get(more.size() - 1).hasFeaturesPiece();
      if (afterFeatures) {
        add(more, ReportRequest.newBuilder().setFeaturesPiece(data));
      }
      add(more, next);
    }
    return new RecordedRun(registration, more);
  }

  /** Returns the features of the snapshot. */
  public ByteString features() {
    return reports.stream()
        .map(ReportRequest::getFeaturesPiece)
        .reduce(ByteString.EMPTY, ByteString::concat);
  }

  /** Writes the file. */
  public Path write(Path file) throws IOException {
    try (OutputStream out = Files.newOutputStream(file)) {
      out.write(HEADER);
      registration.writeDelimitedTo(out);
      for (ReportRequest report : reports) {
        report.writeDelimitedTo(out);
      }
    }
    return file;
  }

  /** Returns where the first of some reports begins in the file. */
  public long offsetOf(Predicate<ReportRequest> wanted) {
    return offsets(wanted).get(0);
  }

  /** Returns where the last of some reports begins in the file. */
  public long lastOffsetOf(Predicate<ReportRequest> wanted) {
    List<Long> offsets = offsets(wanted);
    return offsets.get(offsets.size() - 1);
  }

  private List<Long> offsets(Predicate<ReportRequest> wanted) {
    List<Long> offsets = new ArrayList<>();
    long offset = HEADER.length + delimited(registration);
    for (ReportRequest report : reports) {
      if (wanted.test(report)) {
        offsets.add(offset);
      }
      offset += delimited(report);
    }
    return offsets;
  }

  private static long delimited(Message message) {
    int size = message.getSerializedSize();
    return size + com.google.protobuf.CodedOutputStream.computeUInt32SizeNoTag(size);
  }

  private static ReportRequest.Builder progress(long step) {
    return ReportRequest.newBuilder()
        .setProgress(
            Progress.newBuilder().setStep(step).setPhase(Phase.PHASE_ONE).setTrainLoss(1.0 / step));
  }

  private static void add(List<ReportRequest> reports, ReportRequest.Builder report) {
    reports.add(report.setSequence(reports.size() + 1).build());
  }

  private static ByteString features(int rows, int columns) {
    Random random = new Random(rows);
    ByteBuffer bytes =
        ByteBuffer.allocate(rows * columns * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < rows * columns; i++) {
      bytes.putFloat((float) random.nextGaussian());
    }
    return ByteString.copyFrom(bytes.flip());
  }

  private static ByteString sha256(ByteString bytes) {
    try {
      return ByteString.copyFrom(MessageDigest.getInstance("SHA-256").digest(bytes.toByteArray()));
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException(impossible);
    }
  }
}
