package io.fullrank.network.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.network.OracleFile;
import io.fullrank.proto.v1.Loss;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

class LossFunctionTest {

  private static final double TIGHT = 1e-15;

  @Test
  void crossEntropyOfEqualOutputsIsTheLogarithmOfTheirNumber() {
    double[] gradient = new double[3];
    double loss = LossFunction.of(Loss.LOSS_CROSS_ENTROPY).value(new double[3], 1, gradient);
    assertThat(loss).isCloseTo(Math.log(3), within(TIGHT));
    assertThat(gradient).containsExactly(new double[] {1 / 3., -2 / 3., 1 / 3.}, within(TIGHT));
  }

  @Test
  void crossEntropyTakesOutputsOfAnySize() {
    double[] gradient = new double[2];
    LossFunction loss = LossFunction.of(Loss.LOSS_CROSS_ENTROPY);
    assertThat(loss.value(new double[] {1e4, -1e4}, 0, gradient)).isZero();
    assertThat(gradient).containsExactly(0, 0);
    assertThat(loss.value(new double[] {1e4, -1e4}, 1, gradient)).isEqualTo(2e4);
    assertThat(gradient).containsExactly(1, -1);
  }

  @Test
  void squaredLossIsHalfTheSquaredDistance() {
    double[] gradient = new double[3];
    double loss = LossFunction.of(Loss.LOSS_SQUARED).value(new double[] {2, 0.5, -1}, 1, gradient);
    assertThat(loss).isEqualTo((4 + 0.25 + 1) / 2);
    assertThat(gradient).containsExactly(2, -0.5, -1);
  }

  /** Expected values by loss_functions.py, with 45 digits. */
  @Test
  void crossEntropyIsWithinItsRoundingBounds() {
    LossFunction loss = LossFunction.of(Loss.LOSS_CROSS_ENTROPY);
    List<OracleFile> cases = OracleFile.beside(LossFunctionTest.class, "cross-entropy.yaml").list();
    assertThat(cases).hasSize(20);
    for (OracleFile row : cases) {
      double[] outputs = row.get("outputs").doubles();
      double[] gradient = new double[outputs.length];
      BigDecimal computed =
          new BigDecimal(loss.value(outputs, (int) row.get("label").number(), gradient));
      BigDecimal exact = new BigDecimal(row.get("loss").text());
      RoundingBound bound = loss.valueRounding(outputs.length);
      assertThat(computed.subtract(exact).abs().doubleValue())
          .isLessThanOrEqualTo(bound.absolute() + bound.relative() * exact.abs().doubleValue());
      assertThat(distance(gradient, row.get("gradient").list()))
          .isLessThanOrEqualTo(loss.gradientRounding(outputs.length).absolute());
    }
  }

  private static double distance(double[] computed, List<OracleFile> exact) {
    BigDecimal squares = BigDecimal.ZERO;
    for (int k = 0; k < computed.length; k++) {
      BigDecimal difference =
          new BigDecimal(computed[k]).subtract(new BigDecimal(exact.get(k).text()));
      squares = squares.add(difference.multiply(difference), MathContext.DECIMAL128);
    }
    return Math.sqrt(squares.doubleValue());
  }

  @ParameterizedTest
  @EnumSource(
      value = Loss.class,
      mode = Mode.INCLUDE,
      names = {"LOSS_CROSS_ENTROPY", "LOSS_SQUARED"})
  void gradientIsTheSlopeOfTheValueAndLipschitz(Loss which) {
    LossFunction loss = LossFunction.of(which);
    SplittableRandom random = new SplittableRandom(8);
    for (int trial = 0; trial < 200; trial++) {
      double[] a = random.doubles(4, -3, 3).toArray();
      double[] b = random.doubles(4, -3, 3).toArray();
      int label = random.nextInt(4);
      double[] gradientA = new double[4];
      double[] gradientB = new double[4];
      loss.value(a, label, gradientA);
      loss.value(b, label, gradientB);
      for (int k = 0; k < 4; k++) {
        double h = 1e-5;
        double[] up = a.clone();
        double[] down = a.clone();
        up[k] += h;
        down[k] -= h;
        double slope =
            (loss.value(up, label, new double[4]) - loss.value(down, label, new double[4]))
                / (2 * h);
        assertThat(gradientA[k]).isCloseTo(slope, within(1e-9));
      }
      assertThat(norm(gradientA, gradientB))
          .isLessThanOrEqualTo(loss.gradientLipschitz() * norm(a, b) * (1 + 1e-12));
    }
  }

  private static double norm(double[] a, double[] b) {
    double squares = 0;
    for (int k = 0; k < a.length; k++) {
      squares += (a[k] - b[k]) * (a[k] - b[k]);
    }
    return Math.sqrt(squares);
  }

  @Test
  void gradientMayReplaceTheOutputs() {
    for (Loss which : List.of(Loss.LOSS_CROSS_ENTROPY, Loss.LOSS_SQUARED)) {
      double[] outputs = {0.3, -0.7, 1.1};
      double[] separate = new double[3];
      double loss = LossFunction.of(which).value(outputs, 0, separate);
      assertThat(LossFunction.of(which).value(outputs, 0, outputs)).isEqualTo(loss);
      assertThat(outputs).containsExactly(separate);
    }
  }

  @Test
  void refusesAnUnnamedLoss() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> LossFunction.of(Loss.LOSS_UNSPECIFIED))
        .withMessageContaining("loss");
  }
}
