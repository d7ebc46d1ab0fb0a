package io.fullrank.network.state;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class MiniBatchesTest {

  @Test
  void everyEpochSeesEveryRowOnceInANewOrder() {
    MiniBatches batches = new MiniBatches(10, 4, 1);
    List<List<Integer>> epochs = new ArrayList<>();
    for (int epoch = 0; epoch < 3; epoch++) {
      List<Integer> rows = new ArrayList<>();
      for (int size : new int[] {4, 4, 2}) {
        int[] batch = batches.next();
        assertThat(batch).hasSize(size);
        IntStream.of(batch).forEach(rows::add);
      }
      assertThat(rows).containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
      epochs.add(rows);
    }
    assertThat(epochs).doesNotHaveDuplicates();
  }

  @Test
  void theOrderFollowsTheSeed() {
    assertThat(first(3)).isEqualTo(first(3)).isNotEqualTo(first(4));
  }

  private static List<Integer> first(long seed) {
    return IntStream.of(new MiniBatches(50, 50, seed).next()).boxed().toList();
  }

  /**
   * With 24 orders of 4 rows and 24 000 draws, each count is Binomial(24 000, 1/24): ±6 deviations.
   */
  @Test
  void allOrdersAreEquallyLikely() {
    MiniBatches batches = new MiniBatches(4, 4, 2);
    int[] counts = new int[256];
    for (int i = 0; i < 24_000; i++) {
      int[] order = batches.next();
      counts[order[0] * 64 + order[1] * 16 + order[2] * 4 + order[3]]++;
    }
    assertThat(IntStream.of(counts).filter(count -> count > 0))
        .hasSize(24)
        .allSatisfy(count -> assertThat(count).isBetween(815, 1185));
  }
}
