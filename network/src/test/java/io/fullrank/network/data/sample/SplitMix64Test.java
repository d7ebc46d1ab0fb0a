package io.fullrank.network.data.sample;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.network.data.sample.SplitMix64.Purpose;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SplitMix64Test {

  @ParameterizedTest
  @ValueSource(longs = {0, 1, -1, 1234567, Long.MIN_VALUE})
  void drawsTheNumbersOfTheJdksSplitMix64(long seed) {
    SplitMix64 random = new SplitMix64(seed);
    SplittableRandom reference = new SplittableRandom(seed);
    for (int i = 0; i < 1000; i++) {
      assertThat(random.nextLong()).isEqualTo(reference.nextLong());
    }
  }

  @Test
  void drawsThePublishedNumbers() {
    SplitMix64 random = new SplitMix64(1234567);
    assertThat(random.nextLong()).isEqualTo(6457827717110365317L);
    assertThat(random.nextLong()).isEqualTo(3203168211198807973L);
  }

  @Test
  void boundedDrawsAreUniform() {
    SplitMix64 random = new SplitMix64(1);
    int[] counts = new int[7];
    for (int i = 0; i < 70_000; i++) {
      counts[random.nextInt(7)]++;
    }
    double chiSquare = 0;
    for (int count : counts) {
      chiSquare += (count - 10_000.0) * (count - 10_000.0) / 10_000;
    }
    // 99.9% quantile of the chi-square distribution with 6 degrees of freedom; the seed is fixed.
    assertThat(chiSquare).isLessThan(22.46);
  }

  @Test
  void boundsNearTheLargestIntAreKept() {
    SplitMix64 random = new SplitMix64(1);
    for (int i = 0; i < 10_000; i++) {
      assertThat(random.nextInt(Integer.MAX_VALUE)).isBetween(0, Integer.MAX_VALUE - 1);
    }
    assertThat(random.nextInt(1)).isZero();
  }

  @Test
  void normalDrawsHaveTheMomentsOfTheNormalDistribution() {
    SplitMix64 random = new SplitMix64(1);
    int n = 200_000;
    double[] draws = new double[n];
    for (int i = 0; i < n; i++) {
      draws[i] = random.normal();
    }
    // Four standard errors each: sqrt(1/n), sqrt(2/n), sqrt(96/n).
    assertThat(Arrays.stream(draws).average().orElseThrow()).isCloseTo(0, within(0.009));
    assertThat(Arrays.stream(draws).map(x -> x * x).average().orElseThrow())
        .isCloseTo(1, within(0.013));
    assertThat(Arrays.stream(draws).map(x -> x * x * x * x).average().orElseThrow())
        .isCloseTo(3, within(0.09));
  }

  @Test
  void permutationHoldsEachNumberOnceAndDependsOnTheSeed() {
    int[] permutation = new SplitMix64(1).permutation(1000);
    assertThat(Arrays.stream(permutation).sorted()).containsExactly(boxed(1000));
    assertThat(permutation).isEqualTo(new SplitMix64(1).permutation(1000));
    assertThat(permutation).isNotEqualTo(new SplitMix64(2).permutation(1000));
    assertThat(new SplitMix64(1).permutation(0)).isEmpty();
  }

  @Test
  void streamsOfDifferentSeedsPurposesAndIndicesDiffer() {
    long seed = 5;
    assertThat(
            IntStream.range(0, 1000)
                .mapToObj(i -> SplitMix64.stream(seed, Purpose.TRAIN_ROWS, i).nextLong()))
        .doesNotHaveDuplicates()
        .doesNotContain(
            SplitMix64.stream(seed, Purpose.TEST_ROWS, 0).nextLong(),
            SplitMix64.stream(seed, Purpose.TRAIN_LABELS, 0).nextLong(),
            SplitMix64.stream(seed + 1, Purpose.TRAIN_ROWS, 0).nextLong());
  }

  private static Integer[] boxed(int n) {
    return IntStream.range(0, n).boxed().toArray(Integer[]::new);
  }
}
