package io.fullrank.cli.playback;

import com.google.protobuf.ByteString;
import io.fullrank.client.stream.ReportStream;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.LayerFactors;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.SnapshotBegin;
import io.fullrank.proto.v1.Tensor;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Optional;

/**
 * Whether reports follow each other as the wire contract says, and features and factors are those
 * announced.
 */
final class Order {

  private static final Optional<String> NOTHING = Optional.empty();

  private long sequence;
  private long snapshots;
  private boolean ended;

  /** What was announced, and how many bytes of it are still to come. */
  private SnapshotBegin announced = SnapshotBegin.getDefaultInstance();

  private long missing;
  private long missingFactors;
  private MessageDigest digest = sha256();
  private MessageDigest digestOfFactors = sha256();

  /** Returns how many snapshots are whole. */
  long snapshots() {
    return snapshots;
  }

  /** Returns whether the run's result was there. */
  boolean hasEnded() {
    return ended;
  }

  /** Returns whether no piece of features or factors is expected. */
  boolean isBetweenReports() {
    return missing + missingFactors == 0;
  }

  /** Takes the next report; returns what is wrong with it, if anything. */
  Optional<String> fault(ReportRequest report) {
    sequence++;
    if (report.getSequence() != sequence) {
      return Optional.of(
          "report %d has sequence %s"
              .formatted(sequence, Long.toUnsignedString(report.getSequence())));
    }
    if (report.hasBegin() != (sequence == 1)) {
      return Optional.of("a run begins once, with its first report");
    }
    if (report.hasBegin() && report.getBegin().getProtocol() != ReportStream.PROTOCOL) {
      return Optional.of(
          "it speaks protocol %s, this version of fullrank knows %d"
              .formatted(
                  Integer.toUnsignedString(report.getBegin().getProtocol()),
                  ReportStream.PROTOCOL));
    }
    if (ended) {
      return Optional.of("there is a report after the run's result");
    }
    if (report.hasFeaturesPiece()) {
      return piece(report.getFeaturesPiece());
    }
    if (!isBetweenReports()) {
      return Optional.of(
          "%d bytes of the features before it are missing".formatted(missing + missingFactors));
    }
    if (report.hasSnapshot()) {
      return snapshot(report.getSnapshot());
    }
    ended = report.hasResult();
    return report.getReportCase() == ReportRequest.ReportCase.REPORT_NOT_SET
        ? Optional.of("a report says nothing")
        : Optional.empty();
  }

  private Optional<String> snapshot(SnapshotBegin begin) {
    announced = begin;
    digest = sha256();
    digestOfFactors = sha256();
    try {
      missing = bytes(begin.getType(), List.of(begin.getRows(), begin.getColumns()));
      missingFactors = 0;
      for (LayerFactors layer : begin.getFactors().getLayersList()) {
        for (Tensor tensor : List.of(layer.getInputs(), layer.getOutputGradients())) {
          long bytes = bytes(tensor.getType(), tensor.getShapeList());
          missingFactors = Math.addExact(missingFactors, bytes);
        }
      }
      Math.addExact(missing, missingFactors);
    } catch (ArithmeticException overflow) {
      missing = -1;
    }
    if (missing < 0) {
      return Optional.of(
          "features of %s×%s cannot be"
              .formatted(
                  Long.toUnsignedString(begin.getRows()),
                  Long.toUnsignedString(begin.getColumns())));
    }
    snapshots += isBetweenReports() ? 1 : 0;
    return Optional.empty();
  }

  private Optional<String> piece(ByteString piece) {
    if (piece.size() > missing + missingFactors) {
      return Optional.of("there are more features than were announced");
    }
    int ofFeatures = (int) Math.min(piece.size(), missing);
    digest.update(piece.substring(0, ofFeatures).asReadOnlyByteBuffer());
    digestOfFactors.update(piece.substring(ofFeatures).asReadOnlyByteBuffer());
    missing -= ofFeatures;
    missingFactors -= piece.size() - ofFeatures;
    if (!isBetweenReports()) {
      return Optional.empty();
    }
    snapshots++;
    boolean hasFeatures = announced.getRows() > 0;
    return (hasFeatures ? difference("features", digest, announced.getFeaturesSha256()) : NOTHING)
        .or(
            () ->
                announced.hasFactors()
                    ? difference("factors", digestOfFactors, announced.getFactorsSha256())
                    : NOTHING);
  }

  private Optional<String> difference(String what, MessageDigest of, ByteString sha256) {
    return MessageDigest.isEqual(of.digest(), sha256.toByteArray())
        ? NOTHING
        : Optional.of(
            "the %s of step %s have another SHA-256 than was announced"
                .formatted(what, Long.toUnsignedString(announced.getStep())));
  }

  private static long bytes(DataType type, List<Long> shape) {
    long bytes = width(type);
    for (long size : shape) {
      if (size < 0) {
        throw new ArithmeticException("negative");
      }
      bytes = Math.multiplyExact(bytes, size);
    }
    return bytes;
  }

  private static long width(DataType type) {
    return switch (type) {
      case DATA_TYPE_FLOAT16, DATA_TYPE_BFLOAT16 -> Short.BYTES;
      case DATA_TYPE_FLOAT32 -> Float.BYTES;
      case DATA_TYPE_FLOAT64 -> Double.BYTES;
      case DATA_TYPE_UNSPECIFIED, UNRECOGNIZED -> 0;
    };
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException("every Java has SHA-256", impossible);
    }
  }
}
