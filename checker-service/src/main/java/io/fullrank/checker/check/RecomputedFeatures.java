package io.fullrank.checker.check;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.network.architecture.Features;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Snapshot;
import java.util.HexFormat;

/** Features that this checker computes from a snapshot's weights and the run's training data. */
record RecomputedFeatures(
    DataSet data, Network network, Parameters parameters, ByteString expectedSha256)
    implements SnapshotFeatures {

  private static final String NOT_ANALYTIC =
      "; the activation is not analytic, so this says something about these parameters alone";

  /**
   * Prepares the computation.
   *
   * @throws NotCheckableException if data, network and weights do not fit together
   */
  static RecomputedFeatures of(Snapshot snapshot, VerifiedTrainingData trainingData)
      throws NotCheckableException {
    RunHeader header = snapshot.getHeader();
    DataSet data = trainingData.of(header.getSpec().getDataSet(), header.getDataSet());
    Network network = network(header, data);
    return new RecomputedFeatures(
        data, network, parameters(network, snapshot), snapshot.getFeaturesSha256());
  }

  @Override
  public Matrix matrix() {
    return Features.compute(network, parameters, data.train());
  }

  @Override
  public byte[] sha256(Matrix matrix) throws NotCheckableException {
    byte[] sha256 = matrix.sha256();
    if (!expectedSha256.isEmpty() && !expectedSha256.equals(ByteString.copyFrom(sha256))) {
      throw new NotCheckableException(
          "this checker computes other features than the trainer (SHA-256 %s instead of %s):"
                  .formatted(
                      HexFormat.of().formatHex(sha256),
                      HexFormat.of().formatHex(expectedSha256.toByteArray()))
              + " run both on the same kind of processor with the same native libraries");
    }
    return sha256;
  }

  @Override
  public String name() {
    return "the features";
  }

  @Override
  public String reason(Certificate certificate, Matrix matrix) {
    return certificate.reason() + (network.analytic() ? "" : NOT_ANALYTIC);
  }

  private static Network network(RunHeader header, DataSet data) throws NotCheckableException {
    try {
      return Network.of(
          header.getSpec().getNetwork(), data.train().shape(), data.identity().getClasses());
    } catch (IllegalArgumentException | ArithmeticException invalid) {
      throw new NotCheckableException(
          "this checker cannot build the network: " + invalid.getMessage(), invalid);
    }
  }

  private static Parameters parameters(Network network, Snapshot snapshot)
      throws NotCheckableException {
    try {
      return Parameters.of(network.layout(), snapshot.getWeightsList());
    } catch (IllegalArgumentException mismatch) {
      throw new NotCheckableException(
          "the weights do not fit the network: " + mismatch.getMessage(), mismatch);
    }
  }
}
