package io.fullrank.certificate.result;

import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What one method shows about a matrix; a {@link Certificate} is made of it. The components mean
 * what they mean there.
 */
public record Finding(
    Outcome outcome,
    CertificateMethod method,
    OptionalDouble sigmaMinLowerBound,
    OptionalDouble sigmaMinEstimate,
    OptionalDouble sigmaMaxUpperBound,
    long rankLowerBound,
    OptionalDouble falseRefutationProbability,
    Optional<DrawnPrimes> primes,
    String reason) {

  /** Returns this finding together with the bounds that an earlier, undetermined one has proven. */
  public Finding after(Finding undetermined) {
    return new Finding(
        outcome,
        method,
        sigmaMinLowerBound,
        sigmaMinEstimate,
        sigmaMaxUpperBound.isPresent() ? sigmaMaxUpperBound : undetermined.sigmaMaxUpperBound,
        Math.max(rankLowerBound, undetermined.rankLowerBound),
        falseRefutationProbability,
        primes,
        reason);
  }
}
