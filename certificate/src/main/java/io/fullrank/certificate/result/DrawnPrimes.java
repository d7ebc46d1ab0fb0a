package io.fullrank.certificate.result;

import java.util.List;

/**
 * The primes modulo which the rank of a matrix was computed.
 *
 * @param seed the seed of the draw: the same seed draws the same primes
 * @param primes in the order in which they were drawn, each independently and uniformly from all
 *     primes between 2^21 and 2^22
 */
public record DrawnPrimes(long seed, List<Integer> primes) {

  /** Copies the list. */
  public DrawnPrimes {
    primes = List.copyOf(primes);
  }
}
