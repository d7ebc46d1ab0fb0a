package io.fullrank.certificate.result;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What is proven about one matrix Φ of floating-point numbers, rounding included.
 *
 * @param outcome whether Φ has full row rank
 * @param method the method that settled the question, or the one tried last
 * @param rows n
 * @param columns c
 * @param sigmaMinLowerBound a positive lower bound on Φ's smallest singular value σ_n; present only
 *     where one is proven, and so possibly absent from a certified matrix: where only its rank was
 *     proven, or the bound underflows, as the reason says
 * @param sigmaMinEstimate an estimate of σ_n, present where one was made; nothing is proven of it
 * @param sigmaMaxUpperBound an upper bound on ‖Φ‖₂; absent after a refutation by structure, which
 *     does not compute it, and where it would exceed every double
 * @param rankLowerBound a proven lower bound on the rank of Φ
 * @param falseRefutationProbability an upper bound on the probability, over the draw of the primes,
 *     with which any one matrix of full row rank is refuted; 0 for a proof; present if and only if
 *     the outcome is {@link Outcome#REFUTED}. It is not the probability that this matrix has full
 *     row rank after all, which depends on how likely that was beforehand
 * @param primes the primes drawn; present if and only if the rank modulo primes was computed
 * @param reason one sentence: what was shown, or what is missing
 * @param backend the name of the linear algebra that computed it
 * @param stages the time that each stage took, in order
 * @param elapsed the time that the certification took in all
 */
public record Certificate(
    Outcome outcome,
    CertificateMethod method,
    long rows,
    long columns,
    OptionalDouble sigmaMinLowerBound,
    OptionalDouble sigmaMinEstimate,
    OptionalDouble sigmaMaxUpperBound,
    long rankLowerBound,
    OptionalDouble falseRefutationProbability,
    Optional<DrawnPrimes> primes,
    String reason,
    String backend,
    Map<String, Duration> stages,
    Duration elapsed) {

  /**
   * Returns this certificate as that of the same matrix, met again: what is proven, without the
   * work that it took.
   *
   * @throws IllegalStateException if nothing is certified
   */
  public Certificate carriedOver() {
    if (outcome != Outcome.CERTIFIED) {
      throw new IllegalStateException("only what is certified carries over, not " + outcome);
    }
    return new Certificate(
        outcome,
        CertificateMethod.CARRY_OVER,
        rows,
        columns,
        sigmaMinLowerBound,
        OptionalDouble.empty(),
        sigmaMaxUpperBound,
        rankLowerBound,
        OptionalDouble.empty(),
        Optional.empty(),
        "the matrix is the one certified before",
        "java",
        Map.of(),
        Duration.ZERO);
  }
}
