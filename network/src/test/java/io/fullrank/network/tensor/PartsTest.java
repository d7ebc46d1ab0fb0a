package io.fullrank.network.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.ConcurrentSkipListMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PartsTest {

  @ParameterizedTest
  @CsvSource({
    "0, 10, 1",
    "9, 10, 1",
    "19, 10, 1",
    "20, 10, 2",
    "79, 10, 7",
    "1000000007, 1, 8",
    "2147483647, 1000, 8"
  })
  void cutsSomethingLongIntoPartsThatFollowEachOther(int length, int least, int count) {
    assertThat(Parts.count(length, least)).isEqualTo(count);
    ConcurrentSkipListMap<Integer, int[]> ranges = new ConcurrentSkipListMap<>();

    Parts.forEach(length, least, (part, first, end) -> ranges.put(part, new int[] {first, end}));

    assertThat(ranges).hasSize(count);
    int next = 0;
    for (int part = 0; part < count; part++) {
      assertThat(ranges.get(part)[0]).isEqualTo(next);
      next = ranges.get(part)[1];
      assertThat(count == 1 || next - ranges.get(part)[0] >= least).isTrue();
    }
    assertThat(next).isEqualTo(length);
  }
}
