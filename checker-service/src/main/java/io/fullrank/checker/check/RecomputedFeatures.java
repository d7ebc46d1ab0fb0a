package io.fullrank.checker.check;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.IdenticalRows;
import io.fullrank.network.architecture.Features;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.exact.ExactNetwork;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Snapshot;
import java.nio.FloatBuffer;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

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
    return certificate.reason()
        + Refutation.identicalRows(certificate, matrix).map(this::sameFrom).orElse("")
        + Refutation.words(certificate, matrix)
        + (network.analytic() || Refutation.isByShape(matrix) ? "" : NOT_ANALYTIC);
  }

  @Override
  public Optional<ExactNetwork> exactNetwork(
      Matrix matrix, Certificate certificate, DenseLinearAlgebra algebra, int threads) {
    return Optional.of(
        ExactNetwork.judge(
            network, parameters, data.train(), matrix, certificate, algebra, threads));
  }

  /**
   * Says where the network begins to make the same of two rows, if that is before its last layer.
   */
  private String sameFrom(IdenticalRows rows) {
    FloatMatrix x = FloatMatrix.zeros(2, network.inputs());
    data.train().copyRows(rows.first(), 1, x.rows(0, 1).values());
    data.train().copyRows(rows.second(), 1, x.rows(1, 1).values());
    if (same(x)) {
      return "; the two training examples are the same";
    }
    List<Network.LayerOutput> outputs = network.layerOutputs(parameters, x);
    int from = outputs.size();
    while (from > 0 && same(outputs.get(from - 1).values())) {
      from--;
    }
    if (from >= outputs.size() - 1) {
      return "";
    }
    FloatMatrix values = outputs.get(from).values();
    int zeros = 0;
    for (int j = 0; j < values.columns(); j++) {
      zeros += values.values().get(j) == 0 ? 1 : 0;
    }
    return "; from layer '%s' on the network makes the same of both, and %d of the %d units there are 0"
        .formatted(outputs.get(from).layer(), zeros, values.columns());
  }

  private static boolean same(FloatMatrix two) {
    FloatBuffer values = two.values();
    for (int j = 0; j < two.columns(); j++) {
      if (values.get(j) != values.get(two.columns() + j)) {
        return false;
      }
    }
    return true;
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
