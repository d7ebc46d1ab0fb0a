package io.fullrank.checker.judgement;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.matrix.Matrix;
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

  @Override
  public Snapshot message() {
    return message;
  }

  @Override
  public Matrix features() throws NotCheckableException {
    return shared().matrix();
  }

  @Override
  public ByteString featuresSha256() throws NotCheckableException {
    return shared().sha256();
  }

  private HashedMatrix shared() throws NotCheckableException {
    if (features == null) {
      features = hashedFeatures();
    }
    return features;
  }

  @Override
  public void close() {
    if (features != null) {
      features.matrix().close();
    }
  }
}
