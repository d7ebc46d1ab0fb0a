package io.fullrank.checker.judgement;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.checker.check.NotCheckableException;
import io.fullrank.checker.check.SnapshotCheck.Need;
import io.fullrank.network.architecture.FeatureRows;
import io.fullrank.network.architecture.Features;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Snapshot;
import java.util.HexFormat;
import java.util.Set;

/** A snapshot of Fullrank's own trainer: all follows from its weights and the training data. */
final class OwnSnapshot extends SharedSnapshot {

  private final VerifiedTrainingData trainingData;
  private DataSet data;
  private Network network;
  private Parameters parameters;

  OwnSnapshot(Snapshot message, VerifiedTrainingData trainingData) {
    super(message);
    this.trainingData = trainingData;
  }

  @Override
  public boolean isExternal() {
    return false;
  }

  @Override
  public DataSet data() throws NotCheckableException {
    if (data == null) {
      RunHeader header = message().getHeader();
      data = trainingData.of(header.getSpec().getDataSet(), header.getDataSet());
    }
    return data;
  }

  @Override
  public Network network() throws NotCheckableException {
    if (network == null) {
      DataSet trainedOn = data();
      try {
        network =
            Network.of(
                message().getHeader().getSpec().getNetwork(),
                trainedOn.train().shape(),
                trainedOn.identity().getClasses());
      } catch (IllegalArgumentException | ArithmeticException invalid) {
        throw new NotCheckableException(
            "this checker cannot build the network: " + invalid.getMessage(), invalid);
      }
    }
    return network;
  }

  @Override
  public Parameters parameters() throws NotCheckableException {
    if (parameters == null) {
      Network described = network();
      try {
        parameters = Parameters.of(described.layout(), message().getWeightsList());
      } catch (IllegalArgumentException mismatch) {
        throw new NotCheckableException(
            "the weights do not fit the network: " + mismatch.getMessage(), mismatch);
      }
    }
    return parameters;
  }

  /** Features follow from the weights. */
  @Override
  Set<Need> carries() {
    return message().getWeightsCount() == 0 ? Set.of() : Set.of(Need.WEIGHTS, Need.FEATURES);
  }

  @Override
  HashedMatrix hashedFeatures() throws NotCheckableException {
    Matrix matrix = Features.compute(network(), parameters(), data().train());
    try {
      return new HashedMatrix(matrix, expected(matrix.sha256()));
    } catch (NotCheckableException other) {
      matrix.close();
      throw other;
    }
  }

  @Override
  Rows rowsOfFeatures(int threads) throws NotCheckableException {
    return new FeatureRows(network(), parameters(), data().train(), threads);
  }

  @Override
  ByteString verifiedSha256(Rows rows) throws NotCheckableException {
    return expected(Matrix.sha256(rows));
  }

  private ByteString expected(byte[] sha256) throws NotCheckableException {
    ByteString expected = message().getFeaturesSha256();
    if (!expected.isEmpty() && !expected.equals(ByteString.copyFrom(sha256))) {
      throw new NotCheckableException(
          "this checker computes other features than the trainer (SHA-256 %s instead of %s):"
                  .formatted(
                      HexFormat.of().formatHex(sha256),
                      HexFormat.of().formatHex(expected.toByteArray()))
              + " run both on the same kind of processor with the same native libraries");
    }
    return ByteString.copyFrom(sha256);
  }
}
