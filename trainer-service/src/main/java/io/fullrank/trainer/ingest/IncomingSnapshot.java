package io.fullrank.trainer.ingest;

import static io.fullrank.trainer.ingest.Requirements.invalid;
import static io.fullrank.trainer.ingest.Requirements.require;
import static io.fullrank.trainer.ingest.Requirements.requireAtMost;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import com.google.protobuf.util.Timestamps;
import io.fullrank.proto.SnapshotChunks;
import io.fullrank.proto.Tensors;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotBegin;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.trainer.configuration.IngestSettings;
import io.grpc.StatusException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;

/**
 * A snapshot whose features arrive in pieces. They are held outside the Java heap, once; memory
 * grows with what has arrived.
 */
final class IncomingSnapshot {

  private static final int SEGMENT_BYTES = 1 << 20;
  private static final int SHA256_BYTES = 32;

  private final SnapshotBegin announced;
  private final long featureBytes;
  private final MessageDigest digest = RunKey.digest();
  private ByteString complete = ByteString.EMPTY;
  private ByteBuffer segment = ByteBuffer.allocate(0);
  private long received;

  private IncomingSnapshot(SnapshotBegin announced, long featureBytes) {
    this.announced = announced;
    this.featureBytes = featureBytes;
  }

  /**
   * Takes an announcement, before a byte of features is there.
   *
   * @param header of the run's attempt: how wide its last hidden layer is, and if that is known how
   *     many rows there are
   * @throws StatusException INVALID_ARGUMENT naming the field, or RESOURCE_EXHAUSTED naming the
   *     limit's key
   */
  static IncomingSnapshot of(SnapshotBegin announced, RunHeader header, IngestSettings settings)
      throws StatusException {
    require(
        announced.getPhase() != Phase.PHASE_UNSPECIFIED
            && announced.getPhase() != Phase.UNRECOGNIZED,
        "snapshot.phase: must be one or two");
    requireTensors("snapshot.weights", announced.getWeightsList());
    requireTensors("snapshot.gradients", announced.getGradientsList());
    long featureBytes = featureBytes(announced, header);
    requireAtMost(
        settings.largestSnapshot(),
        Math.addExact(featureBytes, announced.getSerializedSize()),
        "snapshot of step %s:".formatted(Long.toUnsignedString(announced.getStep())),
        "bytes",
        settings.keyOfLargestSnapshot());
    return new IncomingSnapshot(announced, featureBytes);
  }

  /** Returns the memory that the whole snapshot takes, in bytes. */
  long bytes() {
    return featureBytes + announced.getSerializedSize();
  }

  /** Returns whether all pieces are there. */
  boolean isComplete() {
    return received == featureBytes;
  }

  /**
   * Takes the next piece.
   *
   * @throws StatusException INVALID_ARGUMENT if it is too long, or if it is the last one and the
   *     SHA-256 of all pieces is another than was announced
   */
  void append(ByteString piece) throws StatusException {
    require(
        piece.size() >= 1 && piece.size() <= Registrations.MAX_PIECE_BYTES,
        "features_piece: %d bytes, must be 1 to %d"
            .formatted(piece.size(), Registrations.MAX_PIECE_BYTES));
    require(
        received + piece.size() <= featureBytes,
        "features_piece: more than the %d bytes that %s announced".formatted(featureBytes, this));
    for (ByteBuffer part : piece.asReadOnlyByteBufferList()) {
      digest.update(part.duplicate());
      hold(part);
    }
    received += piece.size();
    if (isComplete()) {
      byte[] sha256 = digest.digest();
      require(
          MessageDigest.isEqual(sha256, announced.getFeaturesSha256().toByteArray()),
          "snapshot.features_sha256: %s of %s was announced, but that of the pieces is %s"
              .formatted(
                  HexFormat.of().formatHex(announced.getFeaturesSha256().toByteArray()),
                  this,
                  HexFormat.of().formatHex(sha256)));
    }
  }

  /** Returns the chunks of the complete snapshot; their payloads share the pieces' memory. */
  List<SnapshotChunk> chunks(RunHeader header) {
    Snapshot.Builder snapshot =
        Snapshot.newBuilder()
            .setHeader(header)
            .setStep(announced.getStep())
            .setPhase(announced.getPhase())
            .setWitness(announced.getWitness())
            .addAllWeights(announced.getWeightsList())
            .addAllGradients(announced.getGradientsList())
            .setTakenAt(Timestamps.now());
    if (featureBytes > 0) {
      snapshot
          .setFeaturesSha256(announced.getFeaturesSha256())
          .setFeatures(
              Tensor.newBuilder()
                  .setName("features")
                  .setType(announced.getType())
                  .addShape(announced.getRows())
                  .addShape(announced.getColumns())
                  .setData(complete));
    }
    return SnapshotChunks.split(snapshot.build(), SnapshotChunks.DEFAULT_PAYLOAD_BYTES);
  }

  /** Names the snapshot in sentences. */
  @Override
  public String toString() {
    return "the snapshot of step " + Long.toUnsignedString(announced.getStep());
  }

  private void hold(ByteBuffer part) {
    while (part.hasRemaining()) {
      if (!segment.hasRemaining()) {
        segment =
            ByteBuffer.allocateDirect(
                (int) Math.min(SEGMENT_BYTES, featureBytes - complete.size()));
        complete = complete.concat(UnsafeByteOperations.unsafeWrap(segment.duplicate()));
      }
      int length = Math.min(part.remaining(), segment.remaining());
      segment.put(part.slice().limit(length));
      part.position(part.position() + length);
    }
  }

  private static long featureBytes(SnapshotBegin announced, RunHeader header)
      throws StatusException {
    long rows = announced.getRows();
    long columns = announced.getColumns();
    if (rows == 0 && columns == 0) {
      require(
          announced.getWeightsCount() + announced.getGradientsCount() > 0,
          "snapshot: has neither features nor weights nor gradients");
      return 0;
    }
    long width =
        Integer.toUnsignedLong(header.getSpec().getNetwork().getExternal().getLastHiddenWidth());
    require(
        columns == width,
        "snapshot.columns: %s, but the run was registered with a last hidden layer of %d units"
            .formatted(Long.toUnsignedString(columns), width));
    long known = header.getDataSet().getTrainRows();
    require(
        rows > 0 && rows <= Integer.MAX_VALUE && (known == 0 || rows == known),
        known == 0
            ? "snapshot.rows: %s, must be 1 to %d"
                .formatted(Long.toUnsignedString(rows), Integer.MAX_VALUE)
            : "snapshot.rows: %s, but the training set has %s rows"
                .formatted(Long.toUnsignedString(rows), Long.toUnsignedString(known)));
    require(
        announced.getFeaturesSha256().size() == SHA256_BYTES,
        "snapshot.features_sha256: %d bytes, must be %d"
            .formatted(announced.getFeaturesSha256().size(), SHA256_BYTES));
    try {
      return Math.multiplyExact(rows * columns, (long) elementBytes(announced.getType()));
    } catch (ArithmeticException overflow) {
      return Integer.MAX_VALUE * 2L;
    }
  }

  private static int elementBytes(DataType type) throws StatusException {
    return switch (type) {
      case DATA_TYPE_FLOAT16, DATA_TYPE_BFLOAT16 -> Short.BYTES;
      case DATA_TYPE_FLOAT32 -> Float.BYTES;
      case DATA_TYPE_FLOAT64 -> Double.BYTES;
      case DATA_TYPE_UNSPECIFIED, UNRECOGNIZED ->
          throw invalid("snapshot.type: must be float16, bfloat16, float32 or float64");
    };
  }

  private static void requireTensors(String field, List<Tensor> tensors) throws StatusException {
    try {
      for (Tensor tensor : tensors) {
        Tensors.validate(tensor);
      }
    } catch (WireFormatException malformed) {
      throw invalid(field + ": " + malformed.getMessage());
    }
  }
}
