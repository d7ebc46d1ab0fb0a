package io.fullrank.metrics.selection;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
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

  @Test
  void picksFewerWhereSoManyDoNotFit() {
    int[] equal = new int[11];
    Arrays.fill(equal, 10);
    assertThat(Spread.fitting(equal, 110, 11, -1)).hasSize(11);
    assertThat(Spread.fitting(equal, 109, 11, -1)).hasSize(10).startsWith(0).endsWith(10);
    assertThat(Spread.fitting(equal, 30, 11, 4)).containsExactly(0, 4, 10);
    assertThat(Spread.fitting(equal, 5, 11, 4)).containsExactly(4);

    int[] oneLarge = {1, 1, 1, 1, 100};
    assertThat(Spread.fitting(oneLarge, 103, 5, -1)).containsExactly(0, 1, 2, 4);
    assertThat(Spread.fitting(oneLarge, 50, 5, -1)).containsExactly(4);
    assertThat(Spread.fitting(new int[0], 50, 5, -1)).isEmpty();
  }
}
