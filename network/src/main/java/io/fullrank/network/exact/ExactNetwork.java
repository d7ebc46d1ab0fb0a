package io.fullrank.network.exact;

import io.fullrank.certificate.CarryOver;
import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.cholesky.VerifiedCholesky;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.network.tensor.Parameters;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What a certificate of features as computed says about the exact network: the real function of the
 * float32 parameters, statistics and inputs (theory §10, {@link EnclosedFeatures}).
 *
 * <p>Let Φ be the exact network's features and Φ_c a matrix of float64 with ‖Φ_c − Φ‖_F ≤ e. By
 * Weyl's inequality for singular values, σ_n(Φ) ≥ σ_n(Φ_c) − e (Horn and Johnson, <i>Topics in
 * Matrix Analysis</i>, §3.3). A lower bound on σ_n(Φ_c) comes from the features as computed and
 * their distance to Φ_c, or, where that distance is too large, from a verified Cholesky
 * factorisation of Φ_c. Where e is not below the bound, the forward pass is made anew in
 * double-double.
 *
 * @param sigmaMinLowerBound a positive lower bound on σ_n(Φ); absent if Φ is not proven to have
 *     full row rank
 * @param error the smallest e that was found; absent if no forward pass was made
 * @param precision of the forward pass that e belongs to
 * @param sentence what was shown, or what is missing, for people to read
 */
public record ExactNetwork(
    OptionalDouble sigmaMinLowerBound,
    OptionalDouble error,
    Optional<Precision> precision,
    String sentence) {

  /** Whether the exact network's features are proven to have full row rank. */
  public boolean isProven() {
    return sigmaMinLowerBound.isPresent();
  }

  /**
   * Judges the exact network.
   *
   * @param parameters (input) θ and statistics
   * @param samples (input) n rows of the network's shape
   * @param computed (input) the features as computed of the same parameters and rows
   * @param certificate of the features as computed
   * @param algebra does the heavy work
   * @param threads the largest number of threads to use
   * @throws io.fullrank.certificate.result.InsufficientMemoryException if a copy of the features
   *     does not fit
   */
  public static ExactNetwork judge(
      Network network,
      Parameters parameters,
      Samples samples,
      Matrix computed,
      Certificate certificate,
      DenseLinearAlgebra algebra,
      int threads) {
    if (certificate.outcome() != Outcome.CERTIFIED || certificate.sigmaMinLowerBound().isEmpty()) {
      return new ExactNetwork(
          OptionalDouble.empty(),
          OptionalDouble.empty(),
          Optional.empty(),
          "nothing is proven of the features of the exact network: no lower bound on the smallest"
              + " singular value of those as computed is known; the certificate may rest on rounding");
    }
    double bound = certificate.sigmaMinLowerBound().getAsDouble();
    ExactNetwork found = null;
    for (Precision precision : Precision.values()) {
      try (EnclosedFeatures enclosed =
          EnclosedFeatures.compute(network, parameters, samples, precision, threads)) {
        // Features as computed that are worse than the exact ones are too rare to look for.
        OptionalDouble centres =
            enclosed.error() < bound
                ? boundOfCentres(enclosed, computed, certificate, algebra, threads)
                : OptionalDouble.empty();
        found =
            centres.isPresent()
                ? proven(enclosed, Math.nextDown(centres.getAsDouble() - enclosed.error()), network)
                : open(enclosed, bound);
      }
      if (found.isProven()) {
        return found;
      }
    }
    return found;
  }

  /** A lower bound on σ_n(Φ_c) that is above e and more than rounding, by the cheapest way. */
  private static OptionalDouble boundOfCentres(
      EnclosedFeatures enclosed,
      Matrix computed,
      Certificate certificate,
      DenseLinearAlgebra algebra,
      int threads) {
    Optional<Certificate> byDistance = Optional.empty();
    try (CarryOver near = CarryOver.from(computed, certificate, threads).orElseThrow()) {
      byDistance = near.certify(enclosed.centres(), 2 * enclosed.error(), threads);
    }
    return byDistance
        .orElseGet(
            () ->
                new RankCertification(algebra, new VerifiedCholesky()).certify(enclosed.centres()))
        .sigmaMinLowerBound()
        .stream()
        .filter(bound -> Math.nextDown(bound - enclosed.error()) > 0)
        .findFirst();
  }

  private static ExactNetwork proven(EnclosedFeatures enclosed, double bound, Network network) {
    return new ExactNetwork(
        OptionalDouble.of(bound),
        OptionalDouble.of(enclosed.error()),
        Optional.of(enclosed.precision()),
        "the features of the exact network have full row rank, too: their smallest singular value is"
            + " at least %s (computed in %s, off by at most %s in the Frobenius norm)%s"
                .formatted(
                    decimals(bound, RoundingMode.DOWN),
                    enclosed.precision().words(),
                    decimals(enclosed.error(), RoundingMode.UP),
                    network.analytic()
                        ? "; this proves the expressivity condition of this architecture on this data"
                        : ""));
  }

  private static ExactNetwork open(EnclosedFeatures enclosed, double bound) {
    String computed =
        "computed in %s, they are off by at most %s in the Frobenius norm"
            .formatted(enclosed.precision().words(), decimals(enclosed.error(), RoundingMode.UP));
    return new ExactNetwork(
        OptionalDouble.empty(),
        OptionalDouble.of(enclosed.error()),
        Optional.of(enclosed.precision()),
        "nothing is proven of the features of the exact network: "
            + (enclosed.error() < bound
                ? computed + ", and no larger smallest singular value is proven of that matrix"
                : computed
                    + ", and the smallest singular value of the features as computed is only known to"
                    + " be at least "
                    + decimals(bound, RoundingMode.DOWN))
            + "; the certificate may rest on rounding");
  }

  private static String decimals(double number, RoundingMode rounding) {
    return Double.isFinite(number)
        ? String.valueOf(new BigDecimal(number).round(new MathContext(3, rounding)).doubleValue())
        : "infinity";
  }
}
