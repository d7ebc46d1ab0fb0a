package io.fullrank.network.activation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.network.tensor.FloatMatrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SoftplusTest {

  /** Float32 rounds by 6e-8; the rest is a few roundings in float64. */
  private static final double RELATIVE = 7e-8;

  /** Expected values by softplus.py. */
  @ParameterizedTest
  @CsvSource({
    "100, -0.5, 1.928749847964e-24, 1.928749847964e-22",
    "100, -0.1875, 7.194133004448e-11, 7.194132978570e-9",
    "100, -0.125, 3.726646228124e-8, 3.726639284187e-6",
    "100, -0.0078125, 3.769513347169e-3, 3.140505449918e-1",
    "100, 0.0, 6.931471805599e-3, 5.000000000000e-1",
    "100, 0.0078125, 1.158201334717e-2, 6.859494550082e-1",
    "100, 0.125, 1.250000372665e-1, 9.999962733607e-1",
    "100, 0.1875, 1.875000000719e-1, 9.999999928059e-1",
    "100, 0.5, 5.000000000000e-1, 1.000000000000e+0",
    "100, 2.5, 2.500000000000e+0, 1.000000000000e+0",
    "1, -0.875, 3.484445810051e-1, 2.942149721630e-1",
    "1, -0.5, 4.740769841801e-1, 3.775406687981e-1",
    "1, -0.1875, 6.037852895556e-1, 4.532618480154e-1",
    "1, -0.0078125, 6.892485599351e-1, 4.980468849340e-1",
    "1, 0.0, 6.931471805599e-1, 5.000000000000e-1",
    "1, 0.125, 7.575990353172e-1, 5.312093733738e-1",
    "1, 0.5, 9.740769841801e-1, 6.224593312019e-1",
    "1, 2.5, 2.578889734293e+0, 9.241418199788e-1",
  })
  void isAccurate(double sharpness, float z, double value, double derivative) {
    float[] result = apply(sharpness, z);
    assertThat((double) result[0]).isCloseTo(value, within(RELATIVE * value));
    assertThat((double) result[1]).isCloseTo(derivative, within(RELATIVE * derivative));
  }

  @ParameterizedTest
  @ValueSource(doubles = {1e-3, 1, 100, 1e6})
  void staysFiniteFarFromZero(double sharpness) {
    float largeScaled = (float) (1e4 / sharpness);
    assertThat(apply(sharpness, largeScaled)).containsExactly(largeScaled, 1f);
    assertThat(apply(sharpness, -largeScaled)).containsExactly(0f, 0f);
    assertThat(apply(sharpness, Float.MAX_VALUE)).containsExactly(Float.MAX_VALUE, 1f);
    assertThat(apply(sharpness, -Float.MAX_VALUE)).containsExactly(0f, 0f);
  }

  @Test
  void growsAcrossTheSeamsOfItsEvaluation() {
    for (double seam : new double[] {-87, -18, 0, 18}) {
      float previous = -1;
      for (int i = -2000; i <= 2000; i++) {
        float value = apply(100, (float) ((seam + i * 1e-4) / 100))[0];
        assertThat(value).isGreaterThanOrEqualTo(previous);
        previous = value;
      }
    }
  }

  @Test
  void passesNotANumberOn() {
    assertThat(apply(100, Float.NaN)[0]).isNaN();
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY})
  void refusesSharpness(double sharpness) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Softplus(sharpness))
        .withMessageContaining("sharpness");
  }

  private static float[] apply(double sharpness, float z) {
    FloatMatrix value = FloatMatrix.of(1, 1, new float[] {z});
    FloatMatrix derivative = FloatMatrix.zeros(1, 1);
    new ActivationPass(new Softplus(sharpness)).apply(value, 1, value, derivative);
    return new float[] {value.values().get(0), derivative.values().get(0)};
  }
}
