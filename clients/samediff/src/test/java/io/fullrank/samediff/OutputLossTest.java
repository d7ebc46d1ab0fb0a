package io.fullrank.samediff;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.proto.v1.Loss;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The bound is at least the exact loss, and hardly more. */
class OutputLossTest {

  private static final MathContext DIGITS = new MathContext(60);
  private static final int ROWS = 20;
  private static final int WIDTH = 30;
  private static final int CLASSES = 3;

  private final Random random = new Random(3);
  private final double[] features = floats(ROWS * WIDTH);
  private final double[] weight = floats(WIDTH * CLASSES);
  private final double[] bias = floats(CLASSES);
  private final double[] labels = labels();

  @Test
  void boundsTheSquaredLoss() {
    BigDecimal sum = BigDecimal.ZERO;
    for (int i = 0; i < ROWS; i++) {
      for (int k = 0; k < CLASSES; k++) {
        BigDecimal distance = output(i, k).subtract(new BigDecimal(labels[i * CLASSES + k]));
        sum = sum.add(distance.multiply(distance));
      }
    }

    assertThatBoundIsTight(Loss.LOSS_SQUARED, sum.divide(BigDecimal.valueOf(2L * ROWS), DIGITS));
  }

  @Test
  void boundsTheCrossEntropy() {
    BigDecimal sum = BigDecimal.ZERO;
    for (int i = 0; i < ROWS; i++) {
      BigDecimal odds = BigDecimal.ZERO;
      for (int k = 0; k < CLASSES; k++) {
        odds = odds.add(exp(output(i, k).subtract(output(i, i % CLASSES))));
      }
      sum = sum.add(ln(odds));
    }

    assertThatBoundIsTight(Loss.LOSS_CROSS_ENTROPY, sum.divide(BigDecimal.valueOf(ROWS), DIGITS));
  }

  @Test
  void saysNothingOfAnotherLoss() {
    assertThat(new OutputLoss(weight, bias, Loss.LOSS_EXTERNAL).upperBound(features, labels))
        .isEqualTo(Double.POSITIVE_INFINITY);
  }

  private void assertThatBoundIsTight(Loss loss, BigDecimal exact) {
    BigDecimal bound =
        new BigDecimal(new OutputLoss(weight, bias, loss).upperBound(features, labels));

    assertThat(bound).isGreaterThanOrEqualTo(exact);
    assertThat(bound.subtract(exact)).isLessThan(exact.movePointLeft(9));
  }

  private BigDecimal output(int row, int unit) {
    BigDecimal sum = new BigDecimal(bias[unit]);
    for (int j = 0; j < WIDTH; j++) {
      sum =
          sum.add(
              new BigDecimal(features[row * WIDTH + j])
                  .multiply(new BigDecimal(weight[j * CLASSES + unit])));
    }
    return sum;
  }

  // The series after halving the argument, squared back.
  private static BigDecimal exp(BigDecimal x) {
    int halvings = 20;
    BigDecimal small = x.divide(BigDecimal.valueOf(1L << halvings), DIGITS);
    BigDecimal term = BigDecimal.ONE;
    BigDecimal sum = BigDecimal.ONE;
    for (int i = 1; i < 20; i++) {
      term = term.multiply(small).divide(BigDecimal.valueOf(i), DIGITS);
      sum = sum.add(term);
    }
    for (int i = 0; i < halvings; i++) {
      sum = sum.multiply(sum, DIGITS);
    }
    return sum;
  }

  // Newton's method on exp.
  private static BigDecimal ln(BigDecimal y) {
    BigDecimal x = new BigDecimal(Math.log(y.doubleValue()));
    for (int i = 0; i < 3; i++) {
      x = x.add(y.divide(exp(x), DIGITS)).subtract(BigDecimal.ONE);
    }
    return x;
  }

  private double[] floats(int count) {
    double[] values = new double[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static double[] labels() {
    double[] labels = new double[ROWS * CLASSES];
    for (int i = 0; i < ROWS; i++) {
      labels[i * CLASSES + i % CLASSES] = 1;
    }
    return labels;
  }
}
