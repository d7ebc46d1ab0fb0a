package io.fullrank.trainer.ingest;

import static io.fullrank.trainer.ingest.Requirements.invalid;
import static io.fullrank.trainer.ingest.Requirements.require;
import static io.fullrank.trainer.ingest.Requirements.requireAtMost;

import com.google.protobuf.ByteString;
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
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;

/**
 * A snapshot whose features and factors arrive in pieces: the features, then of each layer the
 * inputs and the output gradients. It is whole when all are there and have the SHA-256 that was
 * announced.
 */
final class IncomingSnapshot {

  /** More than any limit, and so few that sums and products of sizes do not overflow. */
  static final long TOO_MANY_BYTES = 1L << 32;

  private static final int SHA256_BYTES = 32;

  private final SnapshotBegin announced;
  private final AnnouncedFactors factors;
  private final long featureBytes;
  private final long allBytes;
  private final MessageDigest digestOfFeatures = RunKey.digest();
  private final MessageDigest digestOfFactors = RunKey.digest();
  private final ArrivingBytes features;
  private final List<ArrivingBytes> parts = new ArrayList<>();
  private long received;

  private IncomingSnapshot(SnapshotBegin announced, long featureBytes, AnnouncedFactors factors) {
    this.announced = announced;
    this.featureBytes = featureBytes;
    this.factors = factors;
    features = new ArrivingBytes(featureBytes, digestOfFeatures);
    parts.add(features);
    factors.bytes().forEach(bytes -> parts.add(new ArrivingBytes(bytes, digestOfFactors)));
    allBytes = featureBytes + factors.bytes().stream().mapToLong(Long::longValue).sum();
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
    AnnouncedFactors factors =
        announced.hasFactors()
            ? AnnouncedFactors.of(announced.getFactors(), header)
            : AnnouncedFactors.NONE;
    require(
        !announced.hasFactors() || announced.getFactorsSha256().size() == SHA256_BYTES,
        "snapshot.factors_sha256: %d bytes, must be %d"
            .formatted(announced.getFactorsSha256().size(), SHA256_BYTES));
    IncomingSnapshot snapshot =
        new IncomingSnapshot(announced, featureBytes(announced, header), factors);
    requireAtMost(
        settings.largestSnapshot(),
        snapshot.bytes(),
        "snapshot of step %s:".formatted(Long.toUnsignedString(announced.getStep())),
        "bytes",
        settings.keyOfLargestSnapshot());
    return snapshot;
  }

  /** Returns the memory that the whole snapshot takes, in bytes. */
  long bytes() {
    return allBytes + announced.getSerializedSize();
  }

  /** Returns whether all pieces are there. */
  boolean isComplete() {
    return received == allBytes;
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
        received + piece.size() <= allBytes,
        "features_piece: more than the %d bytes that %s announced".formatted(allBytes, this));
    Iterator<ArrivingBytes> missing = parts.stream().filter(part -> !part.isComplete()).iterator();
    ArrivingBytes current = missing.next();
    for (ByteBuffer part : piece.asReadOnlyByteBufferList()) {
      while (part.hasRemaining()) {
        current = current.isComplete() ? missing.next() : current;
        current.take(part);
      }
    }
    received += piece.size();
    if (isComplete()) {
      if (featureBytes > 0) {
        requireSame("features_sha256", announced.getFeaturesSha256(), digestOfFeatures);
      }
      if (announced.hasFactors()) {
        requireSame("factors_sha256", announced.getFactorsSha256(), digestOfFactors);
      }
    }
  }

  private void requireSame(String field, ByteString announcedSha256, MessageDigest digest)
      throws StatusException {
    byte[] sha256 = digest.digest();
    require(
        MessageDigest.isEqual(sha256, announcedSha256.toByteArray()),
        "snapshot.%s: %s of %s was announced, but that of the pieces is %s"
            .formatted(
                field,
                HexFormat.of().formatHex(announcedSha256.toByteArray()),
                this,
                HexFormat.of().formatHex(sha256)));
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
                  .setData(features.complete()));
    }
    if (announced.hasFactors()) {
      snapshot.setFactors(
          factors.with(parts.stream().skip(1).map(ArrivingBytes::complete).iterator()));
    }
    return SnapshotChunks.split(snapshot.build(), SnapshotChunks.DEFAULT_PAYLOAD_BYTES);
  }

  /** Names the snapshot in sentences. */
  @Override
  public String toString() {
    return "the snapshot of step " + Long.toUnsignedString(announced.getStep());
  }

  private static long featureBytes(SnapshotBegin announced, RunHeader header)
      throws StatusException {
    long rows = announced.getRows();
    long columns = announced.getColumns();
    if (rows == 0 && columns == 0) {
      require(
          announced.hasFactors() || announced.getWeightsCount() + announced.getGradientsCount() > 0,
          "snapshot: has neither features nor factors nor weights nor gradients");
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
      return Math.min(
          TOO_MANY_BYTES,
          Math.multiplyExact(
              rows * columns, (long) elementBytes("snapshot.type", announced.getType())));
    } catch (ArithmeticException overflow) {
      return TOO_MANY_BYTES;
    }
  }

  /** Returns the bytes of an entry of a type that features and factors may have. */
  static int elementBytes(String field, DataType type) throws StatusException {
    return switch (type) {
      case DATA_TYPE_FLOAT16, DATA_TYPE_BFLOAT16 -> Short.BYTES;
      case DATA_TYPE_FLOAT32 -> Float.BYTES;
      case DATA_TYPE_FLOAT64 -> Double.BYTES;
      case DATA_TYPE_UNSPECIFIED, UNRECOGNIZED ->
          throw invalid(field + ": must be float16, bfloat16, float32 or float64");
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
