package io.fullrank.metrics.store;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SpreadTest {

  @Test
  void picksAllIfThereAreNotMore() {
    assertThat(Spread.of(0, 3, -1)).isEmpty();
    assertThat(Spread.of(3, 3, 1)).containsExactly(0, 1, 2);
  }

  @Test
  void picksEvenlyWithBothEnds() {
    assertThat(Spread.of(11, 3, -1)).containsExactly(0, 5, 10);
    assertThat(Spread.of(10, 4, -1)).containsExactly(0, 3, 6, 9);
    assertThat(Spread.of(10, 2, -1)).containsExactly(0, 9);
    assertThat(Spread.of(10, 1, -1)).containsExactly(9);
    assertThat(Spread.of(Integer.MAX_VALUE, 3, -1))
        .containsExactly(0, (Integer.MAX_VALUE - 1) / 2, Integer.MAX_VALUE - 1);
  }

  @Test
  void picksTheOneWantedInPlaceOfItsNearestNeighbour() {
    assertThat(Spread.of(10, 4, 6)).containsExactly(0, 3, 6, 9);
    assertThat(Spread.of(10, 4, 5)).containsExactly(0, 3, 5, 9);
    assertThat(Spread.of(10, 4, 1)).containsExactly(0, 1, 6, 9);
    assertThat(Spread.of(10, 2, 5)).containsExactly(5, 9);
    assertThat(Spread.of(10, 1, 5)).containsExactly(5);
  }
}
