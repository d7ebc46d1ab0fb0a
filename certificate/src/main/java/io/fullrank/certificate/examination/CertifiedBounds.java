package io.fullrank.certificate.examination;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.Finding;
import io.fullrank.certificate.result.Outcome;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What was proven of the singular values of a matrix A with n rows, and what follows for a matrix
 * A' close to it.
 *
 * <p>By Weyl's inequality for singular values, |σ_k(A') − σ_k(A)| ≤ ‖A' − A‖₂ ≤ ‖A' − A‖_F (Horn
 * and Johnson, <i>Topics in Matrix Analysis</i>, §3.3). So a certified lower bound on σ_n(A) that
 * exceeds the distance certifies A' too, with what is left of it. Differences of bounds are rounded
 * downwards, sums upwards.
 *
 * @param rows n
 * @param sigmaMinLowerBound a proven lower bound on σ_n(A), positive and finite
 * @param sigmaMaxUpperBound a proven upper bound on σ_1(A), if there is one
 */
public record CertifiedBounds(
    long rows, double sigmaMinLowerBound, OptionalDouble sigmaMaxUpperBound) {

  /**
   * Checks the lower bound.
   *
   * @throws IllegalArgumentException if it is not positive and finite
   */
  public CertifiedBounds {
    if (!(sigmaMinLowerBound > 0 && Double.isFinite(sigmaMinLowerBound))) {
      throw new IllegalArgumentException(
          "a lower bound on the smallest singular value of "
              + sigmaMinLowerBound
              + " carries nothing over; it has to be positive and finite");
    }
  }

  /** Returns the bounds of a certificate; empty if it certifies no bound on σ_n. */
  public static Optional<CertifiedBounds> of(Certificate certificate) {
    if (certificate.outcome() != Outcome.CERTIFIED || certificate.sigmaMinLowerBound().isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        new CertifiedBounds(
            certificate.rows(),
            certificate.sigmaMinLowerBound().getAsDouble(),
            certificate.sigmaMaxUpperBound()));
  }

  /**
   * Certifies a matrix by its distance to A.
   *
   * @param distance an upper bound on ‖A' − A‖_F; 0 only if they are equal; may be infinite or NaN
   * @param leastBound the smallest bound on σ_n(A') with which the certificate is still of use
   * @param name what the reason calls A'
   * @return empty if the bound on σ_n(A') would be 0 or below {@code leastBound}
   */
  public Optional<Finding> carriedOver(double distance, double leastBound, String name) {
    double bound =
        distance == 0 ? sigmaMinLowerBound : Math.nextDown(sigmaMinLowerBound - distance);
    if (!(bound > 0 && bound >= leastBound)) {
      return Optional.empty();
    }
    return Optional.of(
        new Finding(
            Outcome.CERTIFIED,
            CertificateMethod.CARRY_OVER,
            OptionalDouble.of(bound),
            OptionalDouble.empty(),
            sigmaMaxUpperBound.isPresent()
                ? OptionalDouble.of(Upward.add(sigmaMaxUpperBound.getAsDouble(), distance))
                : OptionalDouble.empty(),
            rows,
            OptionalDouble.empty(),
            Optional.empty(),
            distance == 0
                ? name + " is the one certified before"
                : String.format(
                    Locale.ROOT,
                    "%s differs from one certified before by at most %.3g in the Frobenius norm,"
                        + " less than that one's smallest singular value, at least %.3g",
                    name,
                    distance,
                    sigmaMinLowerBound)));
  }
}
