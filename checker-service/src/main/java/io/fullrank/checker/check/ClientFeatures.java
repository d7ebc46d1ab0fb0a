package io.fullrank.checker.check;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import com.google.protobuf.ByteString;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.network.exact.ExactNetwork;
import io.fullrank.proto.WireFormatException;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Tensor;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/** Features as a program outside Fullrank computed them and sent them with the snapshot. */
record ClientFeatures(Tensor features, byte[] sha256, ExternalNetwork network)
    implements SnapshotFeatures {

  private static final int OPERATORS_NAMED = 5;
  private static final int LONGEST_OPERATOR_NAMED = 50;

  /**
   * Compares the features with what the run says of itself.
   *
   * @throws NotCheckableException if they have another shape or another SHA-256
   */
  static ClientFeatures of(Snapshot snapshot) throws NotCheckableException {
    Tensor features = snapshot.getFeatures();
    ExternalNetwork network = snapshot.getHeader().getSpec().getNetwork().getExternal();
    List<Long> shape = features.getShapeList();
    if (shape.size() != 2) {
      throw new NotCheckableException(
          "the features have shape %s, they must have one row for each training example and one"
                  .formatted(shape)
              + " column for each unit of the last hidden layer");
    }
    // 0 where the program does not know it.
    long rows = snapshot.getHeader().getDataSet().getTrainRows();
    if (rows != 0 && rows != shape.get(0)) {
      throw new NotCheckableException(
          "the features have %d rows, the run's training set has %s"
              .formatted(shape.get(0), Long.toUnsignedString(rows)));
    }
    long units = Integer.toUnsignedLong(network.getLastHiddenWidth());
    if (units != 0 && units != shape.get(1)) {
      throw new NotCheckableException(
          "the features have %d columns, the run's last hidden layer has %d units"
              .formatted(shape.get(1), units));
    }
    return new ClientFeatures(features, verified(snapshot), network);
  }

  @Override
  public Matrix matrix() throws NotCheckableException {
    PiecewiseMatrix matrix =
        PiecewiseMatrix.allocate(
            features.getType(), features.getShape(0), features.getShape(1), true);
    try {
      // Its bytes lie in memory as they came, in pieces.
      for (ByteBuffer piece : features.getData().asReadOnlyByteBufferList()) {
        matrix.append(piece);
      }
      return matrix.complete();
    } catch (WireFormatException impossible) {
      matrix.close();
      throw new NotCheckableException(
          "the features cannot be read: " + impossible.getMessage(), impossible);
    }
  }

  @Override
  public byte[] sha256(Matrix matrix) {
    return sha256;
  }

  @Override
  public String name() {
    return "the features as computed by the client";
  }

  @Override
  public String reason(Certificate certificate, Matrix matrix) {
    return certificate.reason()
        + Refutation.words(certificate, matrix)
        + "; features as computed by the client"
        + (Refutation.isByShape(matrix) ? "" : reach());
  }

  @Override
  public Optional<ExactNetwork> exactNetwork(
      Matrix matrix, Certificate certificate, DenseLinearAlgebra algebra, int threads) {
    return Optional.empty();
  }

  private String reach() {
    if (network.hasAnalytic() && network.getAnalytic()) {
      return "";
    }
    String why;
    if (!network.hasAnalytic()) {
      why = "the network is not known to be analytic";
    } else if (network.getOperatorsNotAnalyticCount() == 0) {
      why = "the network is not analytic";
    } else {
      why = "the network is not analytic (%s)".formatted(operators());
    }
    return "; %s, so this says something about these weights alone".formatted(why);
  }

  private String operators() {
    List<String> names =
        network.getOperatorsNotAnalyticList().stream()
            .limit(OPERATORS_NAMED)
            .map(name -> name.substring(0, Math.min(name.length(), LONGEST_OPERATOR_NAMED)))
            .toList();
    int more = network.getOperatorsNotAnalyticCount() - names.size();
    return String.join(", ", names) + (more > 0 ? " and %d more".formatted(more) : "");
  }

  private static byte[] verified(Snapshot snapshot) throws NotCheckableException {
    Hasher hasher = Hashing.sha256().newHasher();
    snapshot.getFeatures().getData().asReadOnlyByteBufferList().forEach(hasher::putBytes);
    byte[] sha256 = hasher.hash().asBytes();
    ByteString expected = snapshot.getFeaturesSha256();
    if (!expected.isEmpty() && !expected.equals(ByteString.copyFrom(sha256))) {
      throw new NotCheckableException(
          "the features that arrived have SHA-256 %s instead of %s: send them again"
              .formatted(
                  HexFormat.of().formatHex(sha256),
                  HexFormat.of().formatHex(expected.toByteArray())));
    }
    return sha256;
  }
}
