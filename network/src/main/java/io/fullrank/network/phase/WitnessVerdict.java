package io.fullrank.network.phase;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What the verdict on the witness says about the features that phase 2 trains on.
 *
 * @param certificate the certificate of full rank; empty if there is none for these features
 * @param reason why there is none; empty if there is one
 */
record WitnessVerdict(Optional<Certificate> certificate, String reason) {

  private static final int SHOWN_BYTES = 6;

  /**
   * Judges a verdict.
   *
   * @param verdict what came, if anything did
   * @param timeout how long was waited for it
   * @param trained the features that phase 2 trains on
   */
  static WitnessVerdict of(Optional<Verdict> verdict, Duration timeout, PhaseTwoFeatures trained) {
    if (verdict.isEmpty()) {
      return none(
          "no verdict on the witness came within %s s".formatted(timeout.toMillis() / 1000.0));
    }
    Matrix features = trained.train().features();
    Certificate certificate = verdict.get().getCertificate();
    if (certificate.getOutcome() != Outcome.OUTCOME_CERTIFIED) {
      return none(
          "the witness is not certified but %s: %s"
              .formatted(
                  certificate.getOutcome().name().replace("OUTCOME_", ""),
                  certificate.getReason()));
    }
    if (!verdict.get().getFeaturesSha256().equals(trained.sha256())) {
      return none(
          "the verdict is about other features: SHA-256 %s, phase 2 trains on %s"
              .formatted(shown(verdict.get().getFeaturesSha256()), shown(trained.sha256())));
    }
    if (certificate.getRows() != features.rows()
        || certificate.getColumns() != features.columns()) {
      return none(
          "the verdict is about a %d×%d matrix, phase 2 trains on %d×%d"
              .formatted(
                  certificate.getRows(),
                  certificate.getColumns(),
                  features.rows(),
                  features.columns()));
    }
    return new WitnessVerdict(Optional.of(certificate), "");
  }

  /** The proven lower bound on σ_n of the features, if there is one. */
  OptionalDouble sigmaMinLowerBound() {
    return certificate
        .filter(Certificate::hasSigmaMinLowerBound)
        .map(Certificate::getSigmaMinLowerBound)
        .filter(bound -> bound > 0 && Double.isFinite(bound))
        .map(OptionalDouble::of)
        .orElse(OptionalDouble.empty());
  }

  /** Why {@link #sigmaMinLowerBound} is empty. */
  String noRadius() {
    return certificate.isPresent()
        ? "the certificate has no lower bound on the smallest singular value"
        : reason;
  }

  /** The proven upper bound on σ_1 of the features, if there is one. */
  OptionalDouble sigmaMaxUpperBound() {
    return certificate
        .filter(Certificate::hasSigmaMaxUpperBound)
        .map(Certificate::getSigmaMaxUpperBound)
        .map(OptionalDouble::of)
        .orElse(OptionalDouble.empty());
  }

  private static WitnessVerdict none(String reason) {
    return new WitnessVerdict(Optional.empty(), reason);
  }

  private static String shown(ByteString sha256) {
    if (sha256.isEmpty()) {
      return "(none)";
    }
    int length = Math.min(SHOWN_BYTES, sha256.size());
    return HexFormat.of().formatHex(sha256.substring(0, length).toByteArray()) + "…";
  }
}
