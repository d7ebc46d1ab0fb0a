package io.fullrank.checker.judgement;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.checker.check.NotCheckableException;
import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.check.SnapshotUnderCheck;
import io.fullrank.checker.verdict.Verdicts;
import io.fullrank.proto.v1.Snapshot;
import java.util.Set;

/** A snapshot that several checks look at, and the features that they share. */
abstract class SharedSnapshot implements SnapshotUnderCheck, AutoCloseable {

  /** Features Φ with their SHA-256. */
  record HashedMatrix(Matrix matrix, ByteString sha256) {}

  private final Snapshot message;
  private HashedMatrix features;
  private ByteString sha256;

  SharedSnapshot(Snapshot message) {
    this.message = message;
  }

  static SharedSnapshot of(Snapshot message, VerifiedTrainingData trainingData) {
    return Verdicts.isExternal(message)
        ? new ExternalSnapshot(message)
        : new OwnSnapshot(message, trainingData);
  }

  /** Returns what a check can start from. */
  abstract Set<SnapshotCheck.Need> carries();

  /** Makes the features; nothing of them stays if that fails. */
  abstract HashedMatrix hashedFeatures() throws NotCheckableException;

  /** Returns the features' rows without computing them. */
  abstract Rows rowsOfFeatures(int threads) throws NotCheckableException;

  /** Goes through the features' rows, and makes sure that the snapshot means them. */
  abstract ByteString verifiedSha256(Rows rows) throws NotCheckableException;

  @Override
  public Snapshot message() {
    return message;
  }

  @Override
  public Matrix features() throws NotCheckableException {
    if (features == null) {
      features = hashedFeatures();
      sha256 = features.sha256();
    }
    return features.matrix();
  }

  @Override
  public Rows featureRows(int threads) throws NotCheckableException {
    return features == null ? rowsOfFeatures(threads) : features.matrix();
  }

  @Override
  public ByteString featuresSha256() throws NotCheckableException {
    if (sha256 == null) {
      sha256 = verifiedSha256(featureRows(1));
    }
    return sha256;
  }

  @Override
  public void close() {
    if (features != null) {
      features.matrix().close();
    }
  }
}
