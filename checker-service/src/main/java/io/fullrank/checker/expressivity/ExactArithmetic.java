package io.fullrank.checker.expressivity;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.network.exact.ExactNetwork;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Statement;
import io.fullrank.proto.v1.Variant;
import java.util.Optional;

/**
 * What a certificate says about the network in exact arithmetic. Training waits for the verdict on
 * a witness, and a forward pass with bounded errors takes seconds where one without takes
 * milliseconds: so it is made for the snapshots that stand for their run, where the experiment asks
 * for it.
 *
 * @param algebra does the heavy work
 * @param threads the largest number of threads to use
 */
record ExactArithmetic(DenseLinearAlgebra algebra, int threads) {

  /**
   * What a certificate speaks of.
   *
   * @param words to be added to the certificate's reason; empty if there is nothing to add
   */
  record Reach(Statement statement, String words) {}

  /**
   * Judges the exact network if the snapshot's experiment asks for it.
   *
   * @param origin of the features
   * @param features (input) Φ of the snapshot
   * @param certificate of Φ
   */
  Reach reach(
      Snapshot snapshot, SnapshotFeatures origin, Matrix features, Certificate certificate) {
    if (certificate.outcome() != Outcome.CERTIFIED) {
      return new Reach(Statement.STATEMENT_AS_COMPUTED, "");
    }
    Optional<ExactNetwork> exact = Optional.empty();
    if (isAskedFor(snapshot)) {
      try {
        exact = origin.exactNetwork(features, certificate, algebra, threads);
      } catch (InsufficientMemoryException full) {
        return new Reach(
            Statement.STATEMENT_AS_COMPUTED,
            "; nothing is proven of the exact network: " + full.getMessage());
      }
    }
    return exact
        .map(
            judged ->
                new Reach(
                    judged.isProven()
                        ? Statement.STATEMENT_EXACT_NETWORK
                        : Statement.STATEMENT_AS_COMPUTED,
                    "; " + judged.sentence()))
        .orElseGet(() -> asComputed(certificate));
  }

  /** Says what a certificate reaches whose features are not in memory. */
  Reach withoutFeatures(Snapshot snapshot, Certificate certificate) {
    if (certificate.outcome() == Outcome.CERTIFIED && isAskedFor(snapshot)) {
      return new Reach(
          Statement.STATEMENT_AS_COMPUTED,
          "; nothing is proven of the exact network: that takes a bound, and the features do not fit"
              + " into memory");
    }
    return certificate.outcome() == Outcome.CERTIFIED
        ? asComputed(certificate)
        : new Reach(Statement.STATEMENT_AS_COMPUTED, "");
  }

  private static Reach asComputed(Certificate certificate) {
    return new Reach(
        Statement.STATEMENT_AS_COMPUTED,
        certificate.sigmaMinLowerBound().isEmpty()
            ? "; without a bound on the smallest singular value, the rank of the features as computed"
                + " may rest on their rounding"
            : "");
  }

  private static boolean isAskedFor(Snapshot snapshot) {
    RunHeader header = snapshot.getHeader();
    boolean standsForItsRun =
        snapshot.getWitness()
            || (header.getVariant() == Variant.VARIANT_BASE
                && snapshot.getStep() == header.getTotalSteps());
    return header.getSpec().getChecks().getExpressivity().getExact() && standsForItsRun;
  }
}
