package io.fullrank.certificate.arithmetic;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Independent draws from the uniform distribution on all primes between 2^21 and 2^22, with
 * repetition. The same seed draws the same primes.
 */
public final class RandomPrimes {

  static final int FROM = 1 << 21;
  static final int TO = 1 << 22;

  private static final int[] ALL = sieve();

  private final SplittableRandom random;

  public RandomPrimes(long seed) {
    this.random = new SplittableRandom(seed);
  }

  /** Returns the number of primes that are drawn from. */
  public static int count() {
    return ALL.length;
  }

  /** Draws the next prime. */
  public int next() {
    return ALL[random.nextInt(ALL.length)];
  }

  /** The sieve of Eratosthenes over the odd numbers below {@link #TO}. */
  private static int[] sieve() {
    boolean[] composite = new boolean[TO];
    for (int i = 3; i * i < TO; i += 2) {
      if (!composite[i]) {
        for (int multiple = i * i; multiple < TO; multiple += 2 * i) {
          composite[multiple] = true;
        }
      }
    }
    int[] primes = new int[TO - FROM];
    int count = 0;
    for (int i = FROM + 1; i < TO; i += 2) {
      if (!composite[i]) {
        primes[count++] = i;
      }
    }
    return Arrays.copyOf(primes, count);
  }
}
