package io.fullrank.certificate.arithmetic;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Independent draws from the uniform distribution on all primes between 2^21 and 2^22, or on all
 * <i>wide</i> ones, between 2^25 and 2^26, with repetition. The same seed draws the same primes.
 */
public final class RandomPrimes {

  static final int FROM = 1 << 21;
  static final int TO = 1 << 22;
  static final int WIDE_TO = 1 << 26;

  /** π(2^26) − π(2^25). */
  private static final int WIDE_COUNT = 3_957_809 - 2_063_689;

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

  /** Returns the number of wide primes. */
  public static int wideCount() {
    return WIDE_COUNT;
  }

  /** Draws the next wide prime: odd numbers until one is prime. */
  public int nextWide() {
    while (true) {
      int candidate = WIDE_TO / 2 + 1 + 2 * random.nextInt(WIDE_TO / 4);
      if (hasNoDivisor(candidate)) {
        return candidate;
      }
    }
  }

  private static boolean hasNoDivisor(int odd) {
    for (int divisor = 3; divisor * divisor <= odd; divisor += 2) {
      if (odd % divisor == 0) {
        return false;
      }
    }
    return true;
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
