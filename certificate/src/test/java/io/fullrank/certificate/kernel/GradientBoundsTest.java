package io.fullrank.certificate.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.certificate.matrix.Matrix;
import java.math.BigDecimal;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class GradientBoundsTest {

  @Test
  void followFromTheSmallestSingularValue() {
    GradientBounds bounds = new GradientBounds(3, 2);
    assertThat(bounds.radius()).isEqualTo(3);
    assertThat(bounds.polyakLojasiewicz()).isBetween(4.5 - 1e-14, 4.5);
    try (Matrix gradients = Matrix.of(new double[][] {{3, 0}, {0, -4}})) {
      assertThat(bounds.gradientNorm(gradients)).isBetween(7.5 - 1e-13, 7.5);
    }
  }

  @Test
  void areNeverAboveTheExactOnes() {
    SplittableRandom random = new SplittableRandom(5);
    for (int k = 0; k < 3000; k++) {
      int scale = random.nextInt(-540, 400);
      double s = Math.scalb(random.nextDouble(0.5, 1), random.nextInt(-540, 400));
      int n = random.nextInt(1, 6);
      double[][] g = new double[n][random.nextInt(1, 4)];
      BigDecimal squares = BigDecimal.ZERO;
      for (double[] row : g) {
        for (int j = 0; j < row.length; j++) {
          row[j] = Math.scalb(random.nextGaussian(), scale);
          squares = squares.add(new BigDecimal(row[j]).pow(2));
        }
      }
      GradientBounds bounds = new GradientBounds(s, n);
      BigDecimal square = new BigDecimal(s).pow(2);
      assertThat(new BigDecimal(bounds.polyakLojasiewicz()).multiply(new BigDecimal(n)))
          .isLessThanOrEqualTo(square);
      try (Matrix gradients = Matrix.of(g)) {
        BigDecimal bound = new BigDecimal(bounds.gradientNorm(gradients));
        BigDecimal exact = squares.multiply(square);
        assertThat(bound.multiply(new BigDecimal(n)).pow(2)).isLessThanOrEqualTo(exact);
        if (scale > -480 && s > 0x1p-400) {
          assertThat(bound.multiply(new BigDecimal(n * (1 + 1e-13))).pow(2)).isGreaterThan(exact);
        }
      }
    }
  }

  @Test
  void refuseWhatSaysNothing() {
    assertThatThrownBy(() -> new GradientBounds(0, 3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("have to be positive");
    try (Matrix gradients = Matrix.of(new double[][] {{1}, {Double.NaN}})) {
      assertThatThrownBy(() -> new GradientBounds(1, 3).gradientNorm(gradients))
          .hasMessageContaining("2 examples for a certificate of 3");
      assertThatThrownBy(() -> new GradientBounds(1, 2).gradientNorm(gradients))
          .hasMessageContaining("example 1 is NaN");
    }
  }
}
