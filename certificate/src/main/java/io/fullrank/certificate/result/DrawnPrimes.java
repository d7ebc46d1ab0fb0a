package io.fullrank.certificate.result;

import java.util.List;

/**
 * The primes modulo which the rank of a matrix was computed.
 *
 * @param seed the seed of the draw: the same seed draws the same primes, and the same vectors of
 *     their check
 * @param primes in the order in which they were tried: of a refutation, and of what was tried for
 *     one, each drawn independently and uniformly from all primes between 2^21 and 2^22, or from
 *     all between 2^25 and 2^26; of a certificate by a small prime, the fixed primes below 2^8 up
 *     to the one that settled it
 */
public record DrawnPrimes(long seed, List<Integer> primes) {

  /** Copies the list. */
  public DrawnPrimes {
    primes = List.copyOf(primes);
  }
}
