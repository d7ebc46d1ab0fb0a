package io.fullrank.checker.expressivity;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.IdenticalRows;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.exact.ExactNetwork;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.Parameters;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Optional;

/** Features that this checker computes from a snapshot's weights and the run's training data. */
record RecomputedFeatures(DataSet data, Network network, Parameters parameters)
    implements SnapshotFeatures {

  private static final String NOT_ANALYTIC =
      "; the activation is not analytic, so this says something about these parameters alone";

  @Override
  public String name() {
    return "the features";
  }

  @Override
  public String reason(Certificate certificate, Rows matrix) {
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
}
