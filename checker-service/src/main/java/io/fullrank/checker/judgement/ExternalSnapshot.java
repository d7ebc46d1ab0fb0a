package io.fullrank.checker.judgement;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import com.google.protobuf.ByteString;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.checker.check.NotCheckableException;
import io.fullrank.checker.check.SnapshotCheck.Need;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Tensor;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/** A snapshot of a program outside Fullrank: there is what that program sent, and nothing else. */
final class ExternalSnapshot extends SharedSnapshot {

  ExternalSnapshot(Snapshot message) {
    super(message);
  }

  @Override
  public boolean isExternal() {
    return true;
  }

  @Override
  public DataSet data() throws NotCheckableException {
    throw unknown("training data");
  }

  @Override
  public Network network() throws NotCheckableException {
    throw unknown("network");
  }

  @Override
  public Parameters parameters() throws NotCheckableException {
    throw unknown("weights");
  }

  private static NotCheckableException unknown(String what) {
    return new NotCheckableException(
        "a program outside Fullrank trains this network: its %s cannot be looked at here"
            .formatted(what));
  }

  @Override
  Set<Need> carries() {
    Set<Need> carried = EnumSet.noneOf(Need.class);
    if (message().hasFeatures()) {
      carried.add(Need.FEATURES);
    }
    if (message().hasFactors()) {
      carried.add(Need.FACTORS);
    }
    return carried;
  }

  @Override
  HashedMatrix hashedFeatures() throws NotCheckableException {
    Tensor features = message().getFeatures();
    requireExpectedShape(features.getShapeList());
    ByteString sha256 = verifiedSha256();
    PiecewiseMatrix matrix = allocate(features);
    try {
      // Its bytes lie in memory as they came, in pieces.
      for (ByteBuffer piece : features.getData().asReadOnlyByteBufferList()) {
        matrix.append(piece);
      }
      return new HashedMatrix(matrix.complete(), sha256);
    } catch (WireFormatException impossible) {
      matrix.close();
      throw new NotCheckableException(
          "the features cannot be read: " + impossible.getMessage(), impossible);
    }
  }

  @Override
  Rows rowsOfFeatures(int threads) throws NotCheckableException {
    requireExpectedShape(message().getFeatures().getShapeList());
    try {
      return new SentRows(message().getFeatures());
    } catch (IllegalArgumentException noMatrix) {
      throw new NotCheckableException(
          "the features cannot be read: " + noMatrix.getMessage(), noMatrix);
    }
  }

  /** The SHA-256 is that of the bytes as they were sent. */
  @Override
  ByteString verifiedSha256(Rows rows) throws NotCheckableException {
    return verifiedSha256();
  }

  private static PiecewiseMatrix allocate(Tensor features) throws NotCheckableException {
    try {
      return PiecewiseMatrix.allocate(
          features.getType(), features.getShape(0), features.getShape(1), true);
    } catch (IllegalArgumentException noMatrix) {
      throw new NotCheckableException(
          "the features cannot be read: " + noMatrix.getMessage(), noMatrix);
    }
  }

  private void requireExpectedShape(List<Long> shape) throws NotCheckableException {
    if (shape.size() != 2) {
      throw new NotCheckableException(
          "the features have shape %s, they must have one row for each training example and one"
                  .formatted(shape)
              + " column for each unit of the last hidden layer");
    }
    // 0 where the program does not know it.
    long rows = message().getHeader().getDataSet().getTrainRows();
    if (rows != 0 && rows != shape.get(0)) {
      throw new NotCheckableException(
          "the features have %d rows, the run's training set has %s"
              .formatted(shape.get(0), Long.toUnsignedString(rows)));
    }
    long units =
        Integer.toUnsignedLong(
            message().getHeader().getSpec().getNetwork().getExternal().getLastHiddenWidth());
    if (units != 0 && units != shape.get(1)) {
      throw new NotCheckableException(
          "the features have %d columns, the run's last hidden layer has %d units"
              .formatted(shape.get(1), units));
    }
  }

  private ByteString verifiedSha256() throws NotCheckableException {
    Hasher hasher = Hashing.sha256().newHasher();
    message().getFeatures().getData().asReadOnlyByteBufferList().forEach(hasher::putBytes);
    byte[] sha256 = hasher.hash().asBytes();
    ByteString expected = message().getFeaturesSha256();
    if (!expected.isEmpty() && !expected.equals(ByteString.copyFrom(sha256))) {
      throw new NotCheckableException(
          "the features that arrived have SHA-256 %s instead of %s: send them again"
              .formatted(
                  HexFormat.of().formatHex(sha256),
                  HexFormat.of().formatHex(expected.toByteArray())));
    }
    return ByteString.copyFrom(sha256);
  }
}
