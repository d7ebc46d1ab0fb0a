package io.fullrank.certificate.result;

import java.time.Duration;
import java.util.Map;
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

  /**
   * Makes a certificate; nothing else does.
   *
   * @param rows n
   * @param columns c
   * @param backend the name of what computed the finding
   * @param stages the time that each stage took, in order
   * @param elapsed the time that the certification took in all
   */
  public Certificate certificate(
      long rows, long columns, String backend, Map<String, Duration> stages, Duration elapsed) {
    return new Certificate(
        outcome,
        method,
        rows,
        columns,
        sigmaMinLowerBound,
        sigmaMinEstimate,
        sigmaMaxUpperBound,
        rankLowerBound,
        falseRefutationProbability,
        primes,
        reason,
        backend,
        stages,
        elapsed);
  }

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
