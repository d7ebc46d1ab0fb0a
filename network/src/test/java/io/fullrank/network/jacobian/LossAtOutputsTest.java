package io.fullrank.network.jacobian;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.proto.v1.Loss;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LossAtOutputsTest {

  private static final MathContext DIGITS = new MathContext(60);
  private static final int CLASSES = 4;

  /** Whatever the outputs, the bound is never above the exact norm, and close to it. */
  @ParameterizedTest
  @EnumSource(names = {"LOSS_CROSS_ENTROPY", "LOSS_SQUARED"})
  void boundIsBelowTheExactNormInMultiPrecision(Loss loss) {
    SplittableRandom random = new SplittableRandom(4);
    for (int trial = 0; trial < 60; trial++) {
      int rows = 1 + random.nextInt(5);
      // Up to losses of 1e-13, and up to outputs of some hundred.
      double scale = Math.pow(10, random.nextDouble(-3, 2.5));
      float[] outputs = new float[rows * CLASSES];
      int[] labels = new int[rows];
      for (int i = 0; i < rows; i++) {
        labels[i] = random.nextInt(CLASSES);
        for (int k = 0; k < CLASSES; k++) {
          double lead = loss == Loss.LOSS_SQUARED ? 1 : 10;
          outputs[i * CLASSES + k] =
              (float) ((k == labels[i] ? lead : 0) + scale * random.nextDouble(-1, 1));
        }
      }
      LossAtOutputs at = LossAtOutputs.of(FloatMatrix.of(rows, CLASSES, outputs), labels, loss);

      BigDecimal exact = exactNorm(outputs, labels, loss);
      assertThat(new BigDecimal(at.gradientNormLowerBound())).isLessThanOrEqualTo(exact);
      assertThat(exact.doubleValue() - at.gradientNormLowerBound())
          .isLessThan(1e-12 + 1e-13 * exact.doubleValue());
    }
  }

  private static BigDecimal exactNorm(float[] outputs, int[] labels, Loss loss) {
    BigDecimal squares = BigDecimal.ZERO;
    for (int i = 0; i < labels.length; i++) {
      BigDecimal[] numbers = new BigDecimal[CLASSES];
      BigDecimal sum = BigDecimal.ZERO;
      for (int k = 0; k < CLASSES; k++) {
        BigDecimal output = new BigDecimal(outputs[i * CLASSES + k]);
        numbers[k] = loss == Loss.LOSS_SQUARED ? output : exponential(output);
        sum = sum.add(numbers[k]);
      }
      for (int k = 0; k < CLASSES; k++) {
        BigDecimal g = loss == Loss.LOSS_SQUARED ? numbers[k] : numbers[k].divide(sum, DIGITS);
        g = k == labels[i] ? g.subtract(BigDecimal.ONE) : g;
        squares = squares.add(g.multiply(g));
      }
    }
    return squares.sqrt(DIGITS);
  }

  /** e^x as the 2^12-th power of a Taylor sum. */
  private static BigDecimal exponential(BigDecimal x) {
    MathContext digits = new MathContext(100);
    BigDecimal small = x.divide(BigDecimal.valueOf(1 << 12), digits);
    BigDecimal sum = BigDecimal.ONE;
    BigDecimal term = BigDecimal.ONE;
    for (int k = 1; k < 50; k++) {
      term = term.multiply(small, digits).divide(BigDecimal.valueOf(k), digits);
      sum = sum.add(term, digits);
    }
    return sum.pow(1 << 12, digits);
  }

  @Test
  void boundIsZeroWhereRoundingDecides() {
    LossAtOutputs at =
        LossAtOutputs.of(
            FloatMatrix.of(1, 2, new float[] {100, -100}), new int[] {0}, Loss.LOSS_CROSS_ENTROPY);

    assertThat(at.gradientNormLowerBound()).isZero();
  }
}
