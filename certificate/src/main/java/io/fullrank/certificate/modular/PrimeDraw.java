package io.fullrank.certificate.modular;

import io.fullrank.certificate.arithmetic.RandomPrimes;
import io.fullrank.certificate.arithmetic.Upward;

/**
 * Primes to be drawn for a refutation: the cheaper ones of which enough make it safe.
 *
 * @param wide whether they have 26 bits, and not 22
 * @param count how many, {@link #NEVER} if no number is enough
 * @param perPrime a bound on the probability that one of them makes independent rows dependent
 */
record PrimeDraw(boolean wide, int count, double perPrime) {

  static final int NEVER = Integer.MAX_VALUE;

  /** What a wide prime costs, as a multiple of the cost of another one. */
  private static final int COST_OF_WIDE = 2;

  private static final int BITS = 21;
  private static final int BITS_OF_WIDE = 25;

  /**
   * Chooses enough primes.
   *
   * @param bits of the minor that not all of them must divide, see {@link HadamardBound}
   */
  static PrimeDraw against(double bits) {
    PrimeDraw narrow = of(false, (long) (bits / BITS), RandomPrimes.count());
    PrimeDraw wide = of(true, (long) (bits / BITS_OF_WIDE), RandomPrimes.wideCount());
    return narrow.count > (long) COST_OF_WIDE * wide.count ? wide : narrow;
  }

  /**
   * The draw of enough primes of one kind.
   *
   * @param bad how many of them may divide the minor
   * @param all how many there are
   */
  private static PrimeDraw of(boolean wide, long bad, int all) {
    if (bad == 0) {
      return new PrimeDraw(wide, 0, 0);
    }
    double perPrime = Upward.divide((double) bad, all);
    int count = 1;
    for (double p = perPrime;
        p > ModularRank.MAX_FALSE_REFUTATION && perPrime < 1;
        p = Upward.multiply(p, perPrime)) {
      count++;
    }
    return new PrimeDraw(wide, perPrime < 1 ? count : NEVER, Math.min(1, perPrime));
  }

  /** Returns a bound on the probability that all of them divide the minor. */
  double allWrong() {
    double probability = perPrime;
    for (int i = 1; i < count; i++) {
      probability = Upward.multiply(probability, perPrime);
    }
    return probability;
  }
}
