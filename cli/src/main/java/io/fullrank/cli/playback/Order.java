package io.fullrank.cli.playback;

import com.google.protobuf.ByteString;
import io.fullrank.client.stream.ReportStream;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.SnapshotBegin;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Optional;

/**
 * Whether reports follow each other as the wire contract says, and features are those announced.
 */
final class Order {

  private long sequence;
  private long snapshots;
  private boolean ended;

  /** What was announced, and how many bytes of it are still to come. */
  private SnapshotBegin announced = SnapshotBegin.getDefaultInstance();

  private long missing;
  private MessageDigest digest = sha256();

  /** Returns how many snapshots are whole. */
  long snapshots() {
    return snapshots;
  }

  /** Returns whether the run's result was there. */
  boolean hasEnded() {
    return ended;
  }

  /** Returns whether no piece of features is expected. */
  boolean isBetweenReports() {
    return missing == 0;
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
    if (missing > 0) {
      return Optional.of("%d bytes of the features before it are missing".formatted(missing));
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
    try {
      missing =
          Math.multiplyExact(
              Math.multiplyExact(begin.getRows(), begin.getColumns()), width(begin.getType()));
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
    snapshots += missing == 0 ? 1 : 0;
    return Optional.empty();
  }

  private Optional<String> piece(ByteString piece) {
    if (piece.size() > missing) {
      return Optional.of("there are more features than were announced");
    }
    digest.update(piece.asReadOnlyByteBuffer());
    missing -= piece.size();
    if (missing > 0) {
      return Optional.empty();
    }
    snapshots++;
    return MessageDigest.isEqual(digest.digest(), announced.getFeaturesSha256().toByteArray())
        ? Optional.empty()
        : Optional.of(
            "the features of step %s have another SHA-256 than was announced"
                .formatted(Long.toUnsignedString(announced.getStep())));
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
