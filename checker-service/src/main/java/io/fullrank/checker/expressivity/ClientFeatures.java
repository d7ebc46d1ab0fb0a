package io.fullrank.checker.expressivity;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.network.exact.ExactNetwork;
import io.fullrank.proto.v1.ExternalNetwork;
import java.util.List;
import java.util.Optional;

/** Features as a program outside Fullrank computed them and sent them with the snapshot. */
record ClientFeatures(ExternalNetwork network) implements SnapshotFeatures {

  private static final int OPERATORS_NAMED = 5;
  private static final int LONGEST_OPERATOR_NAMED = 50;

  @Override
  public String name() {
    return "the features as computed by the client";
  }

  @Override
  public String reason(Certificate certificate, Rows matrix) {
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
}
