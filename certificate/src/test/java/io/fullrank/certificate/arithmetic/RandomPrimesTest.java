package io.fullrank.certificate.arithmetic;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import java.util.BitSet;
import java.util.HashSet;
import java.util.IntSummaryStatistics;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RandomPrimesTest {

  /** π(2^22) − π(2^21) = 295947 − 155611 (OEIS A007053). */
  @Test
  void knowsAllPrimesOfTheRange() {
    assertThat(RandomPrimes.count()).isEqualTo(295_947 - 155_611);
  }

  @Test
  void drawsPrimesFromTheWholeRange() {
    RandomPrimes primes = new RandomPrimes(42);
    int draws = 20_000;
    int[] drawn = IntStream.generate(primes::next).limit(draws).toArray();
    Set<Integer> distinct = new HashSet<>();
    for (int p : drawn) {
      assertThat(p).isBetween(1 << 21, 1 << 22);
      if (distinct.add(p)) {
        assertThat(BigInteger.valueOf(p).isProbablePrime(40)).as("%d", p).isTrue();
      }
    }
    IntSummaryStatistics statistics = IntStream.of(drawn).summaryStatistics();
    assertThat(statistics.getMin()).isLessThan((1 << 21) + 1000);
    assertThat(statistics.getMax()).isGreaterThan((1 << 22) - 1000);
    // With repetition: of N primes, 20000 draws miss each with probability (1 − 1/N)^20000.
    double expected = RandomPrimes.count() * (1 - Math.pow(1 - 1.0 / RandomPrimes.count(), draws));
    assertThat((double) distinct.size()).isBetween(expected - 200, expected + 200);
  }

  /** Of odd numbers 2k + 1, by the sieve of Eratosthenes. */
  @Test
  void drawsWidePrimesAllOfWhichAreCounted() {
    int half = 1 << 25;
    BitSet composite = new BitSet(half);
    for (int k = 1; k < 1 << 12; k++) {
      if (!composite.get(k)) {
        for (int multiple = 2 * k * (k + 1); multiple < half; multiple += 2 * k + 1) {
          composite.set(multiple);
        }
      }
    }
    int first = half / 2;
    assertThat(RandomPrimes.wideCount())
        .isEqualTo(half - first - composite.get(first, half).cardinality());

    RandomPrimes primes = new RandomPrimes(43);
    int[] drawn = IntStream.generate(primes::nextWide).limit(20_000).toArray();
    assertThat(IntStream.of(drawn))
        .allMatch(p -> p > 1 << 25 && p < 1 << 26 && !composite.get(p / 2));
    // The mean of a uniform draw from the range is 1.5·2^25, with a deviation of 2^25/√12.
    double mean = IntStream.of(drawn).average().orElseThrow();
    assertThat(mean).isBetween(1.49 * (1 << 25), 1.51 * (1 << 25));
    assertThat(IntStream.of(drawn).distinct().count()).isGreaterThan(19_800);
  }

  @Test
  void repeatsItselfForASeed() {
    RandomPrimes first = new RandomPrimes(7);
    RandomPrimes second = new RandomPrimes(7);
    for (int k = 0; k < 100; k++) {
      assertThat(first.next()).isEqualTo(second.next());
    }
    for (int k = 0; k < 100; k++) {
      assertThat(first.nextWide()).isEqualTo(second.nextWide());
    }
    assertThat(new RandomPrimes(8).next()).isNotEqualTo(new RandomPrimes(7).next());
  }
}
