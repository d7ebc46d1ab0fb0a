package io.fullrank.checker.expressivity;

import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.IdenticalRows;
import io.fullrank.certificate.result.Outcome;
import java.util.Optional;

/** Words for features that have not full rank: what happened, or what to do. */
final class Refutation {

  private Refutation() {}

  /**
   * Returns two identical rows if they are why features were refuted.
   *
   * @param features (input) Φ, n × (m_H + 1)
   */
  static Optional<IdenticalRows> identicalRows(Certificate certificate, Rows features) {
    boolean byRows =
        certificate.outcome() == Outcome.REFUTED
            && certificate.method() == CertificateMethod.STRUCTURE
            && !isByShape(features);
    return byRows ? RankCertification.identicalRows(features) : Optional.empty();
  }

  /**
   * Returns whether the shape alone refutes: then no weights of this network have features of full
   * rank.
   */
  static boolean isByShape(Rows features) {
    return features.rows() > features.columns();
  }

  /**
   * Returns what is to be added to a certificate's reason; nothing where there is nothing to add.
   *
   * @param features (input) Φ, n × (m_H + 1), the last column being that of ones
   */
  static String words(Certificate certificate, Rows features) {
    long n = features.rows();
    long c = features.columns();
    if (isByShape(features)) {
      return "; this takes a last hidden layer of at least %d units, or at most %d rows"
          .formatted(n - 1, c);
    }
    return identicalRows(certificate, features).map(rows -> aboutZeros(rows, features)).orElse("");
  }

  private static String aboutZeros(IdenticalRows rows, Rows features) {
    int units = Math.toIntExact(features.columns() - 1);
    double[] row = new double[units];
    int zeros = zeros(features, rows.first(), row);
    if (zeros == 0) {
      return "; none of the %d units of the last hidden layer is 0 for them".formatted(units);
    }
    if (zeros < units) {
      return "; %d of the %d units of the last hidden layer are 0 for both".formatted(zeros, units);
    }
    long dead = 0;
    for (int i = 0; i < features.rows(); i++) {
      dead += zeros(features, i, row) == units ? 1 : 0;
    }
    return dead == features.rows()
        ? "; all %d units of the last hidden layer are 0 for every row".formatted(units)
        : "; all %d units of the last hidden layer are 0 for both, and for %d of all %d rows"
            .formatted(units, dead, features.rows());
  }

  private static int zeros(Rows features, long i, double[] row) {
    features.getRow(i, 0, row, 0, row.length);
    int zeros = 0;
    for (double unit : row) {
      zeros += unit == 0 ? 1 : 0;
    }
    return zeros;
  }
}
