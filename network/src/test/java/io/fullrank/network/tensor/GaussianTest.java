package io.fullrank.network.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class GaussianTest {

  /** Moments of 200 000 draws, within five standard deviations of their own scatter. */
  @Test
  void isStandardNormal() {
    Gaussian gaussian = new Gaussian(9);
    int count = 200_000;
    double[] moments = new double[5];
    int outside = 0;
    for (int i = 0; i < count; i++) {
      double x = gaussian.next();
      for (int k = 1; k < moments.length; k++) {
        moments[k] += Math.pow(x, k) / count;
      }
      outside += Math.abs(x) > 1.959963984540054 ? 1 : 0;
    }
    assertThat(moments[1]).isCloseTo(0, within(5 / Math.sqrt(count)));
    assertThat(moments[2]).isCloseTo(1, within(5 * Math.sqrt(2.0 / count)));
    assertThat(moments[3]).isCloseTo(0, within(5 * Math.sqrt(15.0 / count)));
    assertThat(moments[4]).isCloseTo(3, within(5 * Math.sqrt(96.0 / count)));
    assertThat((double) outside / count)
        .isCloseTo(0.05, within(5 * Math.sqrt(0.05 * 0.95 / count)));
  }

  @Test
  void repeatsForTheSameSeed() {
    Gaussian first = new Gaussian(1);
    Gaussian second = new Gaussian(1);
    for (int i = 0; i < 100; i++) {
      assertThat(second.next()).isEqualTo(first.next());
    }
  }
}
