package io.fullrank.network.activation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.proto.v1.Activation;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ActivationPassTest {

  private static final Map<String, ActivationFunction> FUNCTIONS =
      Map.of(
          "tanh", new Tanh(),
          "sigmoid", new Sigmoid(),
          "swish", new Swish(),
          "gelu", new Gelu(),
          "relu", new Relu());

  /** Float32 rounds by 6e-8; the rest is a few roundings in float64. */
  private static final double RELATIVE = 7e-8;

  /** Expected values by activations.py. */
  @ParameterizedTest
  @CsvSource({
    "tanh, -10.0, -9.999999958777e-01, 8.244614455767e-09",
    "tanh, -6.5, -9.999954793514e-01, 9.041276755351e-06",
    "tanh, -3.0, -9.950547536867e-01, 9.866037165440e-03",
    "tanh, -1.25, -8.482836399575e-01, 2.804148661804e-01",
    "tanh, -0.5, -4.621171572600e-01, 7.864477329659e-01",
    "tanh, -0.0078125, -7.812341058161e-03, 9.999389673272e-01",
    "tanh, -1e-06, -9.999999974749e-07, 9.999999999990e-01",
    "tanh, 0.0, 0.000000000000e+00, 1.000000000000e+00",
    "tanh, 1e-06, 9.999999974749e-07, 9.999999999990e-01",
    "tanh, 0.03125, 3.123983144603e-02, 9.990240729312e-01",
    "tanh, 0.75, 6.351489523873e-01, 5.965858082813e-01",
    "tanh, 2.0, 9.640275800758e-01, 7.065082485316e-02",
    "tanh, 5.5, 9.999665971563e-01, 6.680457164241e-05",
    "tanh, 30.0, 1.000000000000e+00, 3.502604305079e-26",
    "sigmoid, -10.0, 4.539786870243e-05, 4.539580773595e-05",
    "sigmoid, -6.5, 1.501182256737e-03, 1.498928708569e-03",
    "sigmoid, -3.0, 4.742587317757e-02, 4.517665973091e-02",
    "sigmoid, -1.25, 2.227001388253e-01, 1.731047869925e-01",
    "sigmoid, -0.5, 3.775406687981e-01, 2.350037122016e-01",
    "sigmoid, -0.0078125, 4.980468849340e-01, 2.499961853415e-01",
    "sigmoid, -1e-06, 4.999997500000e-01, 2.499999999999e-01",
    "sigmoid, 0.0, 5.000000000000e-01, 2.500000000000e-01",
    "sigmoid, 1e-06, 5.000002500000e-01, 2.499999999999e-01",
    "sigmoid, 0.03125, 5.078118642792e-01, 2.499389747765e-01",
    "sigmoid, 0.75, 6.791786991754e-01, 2.178949937618e-01",
    "sigmoid, 2.0, 8.807970779779e-01, 1.049935854035e-01",
    "sigmoid, 5.5, 9.959298622841e-01, 4.053571694870e-03",
    "sigmoid, 30.0, 9.999999999999e-01, 9.357622968838e-14",
    "swish, -10.0, -4.539786870243e-04, -4.085602086571e-04",
    "swish, -6.5, -9.757684668790e-03, -8.241854348962e-03",
    "swish, -3.0, -1.422776195327e-01, -8.810410601517e-02",
    "swish, -1.25, -2.783751735316e-01, 6.319155084688e-03",
    "swish, -0.5, -1.887703343991e-01, 2.600388126973e-01",
    "swish, -0.0078125, -3.890991288547e-03, 4.960937897361e-01",
    "swish, -1e-06, -4.999997487376e-07, 4.999995000000e-01",
    "swish, 0.0, 0.000000000000e+00, 5.000000000000e-01",
    "swish, 1e-06, 5.000002487376e-07, 5.000005000000e-01",
    "swish, 0.03125, 1.586912075873e-02, 5.156224572410e-01",
    "swish, 0.75, 5.093840243815e-01, 8.425999444968e-01",
    "swish, 2.0, 1.761594155956e+00, 1.090784248785e+00",
    "swish, 5.5, 5.477614242563e+00, 1.018224506606e+00",
    "swish, 30.0, 3.000000000000e+01, 1.000000000003e+00",
    "gelu, -10.0, -7.619853024161e-23, -7.618400096465e-22",
    "gelu, -6.5, -2.610400379508e-10, -1.695051793757e-09",
    "gelu, -3.0, -4.049694094890e-03, -1.194564720418e-02",
    "gelu, -1.25, -1.320622170836e-01, -1.226615830694e-01",
    "gelu, -0.5, -1.542687693630e-01, 1.325048753438e-01",
    "gelu, -0.0078125, -3.881900743275e-03, 4.937666536873e-01",
    "gelu, -1e-06, -4.999995997953e-07, 4.999992021154e-01",
    "gelu, 0.0, 0.000000000000e+00, 5.000000000000e-01",
    "gelu, 1e-06, 5.000003976799e-07, 5.000007978846e-01",
    "gelu, 0.03125, 1.601452866982e-02, 5.249257778068e-01",
    "gelu, 0.75, 5.800294857173e-01, 9.992257217392e-01",
    "gelu, 2.0, 1.954499736104e+00, 1.085231801078e+00",
    "gelu, 5.5, 5.499999895557e+00, 1.000000573347e+00",
    "gelu, 30.0, 3.000000000000e+01, 1.000000000000e+00",
    "relu, -10.0, 0.000000000000e+00, 0.000000000000e+00",
    "relu, -6.5, 0.000000000000e+00, 0.000000000000e+00",
    "relu, -3.0, 0.000000000000e+00, 0.000000000000e+00",
    "relu, -1.25, 0.000000000000e+00, 0.000000000000e+00",
    "relu, -0.5, 0.000000000000e+00, 0.000000000000e+00",
    "relu, -0.0078125, 0.000000000000e+00, 0.000000000000e+00",
    "relu, -1e-06, 0.000000000000e+00, 0.000000000000e+00",
    "relu, 0.0, 0.000000000000e+00, 0.000000000000e+00",
    "relu, 1e-06, 9.999999974752e-07, 1.000000000000e+00",
    "relu, 0.03125, 3.125000000000e-02, 1.000000000000e+00",
    "relu, 0.75, 7.500000000000e-01, 1.000000000000e+00",
    "relu, 2.0, 2.000000000000e+00, 1.000000000000e+00",
    "relu, 5.5, 5.500000000000e+00, 1.000000000000e+00",
    "relu, 30.0, 3.000000000000e+01, 1.000000000000e+00",
  })
  void isAccurate(String name, float z, double value, double derivative) {
    float[] result = apply(FUNCTIONS.get(name), z);
    assertThat((double) result[0]).isCloseTo(value, within(RELATIVE * Math.abs(value)));
    assertThat((double) result[1]).isCloseTo(derivative, within(RELATIVE * Math.abs(derivative)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"tanh", "sigmoid", "swish", "gelu", "relu"})
  void staysFiniteFarFromZeroAndPassesNotANumberOn(String name) {
    ActivationFunction function = FUNCTIONS.get(name);
    boolean bounded = name.equals("tanh") || name.equals("sigmoid");
    assertThat(apply(function, Float.MAX_VALUE))
        .containsExactly(bounded ? 1 : Float.MAX_VALUE, bounded ? 0 : 1);
    float lowest = name.equals("tanh") ? -1 : 0;
    float[] low = apply(function, -Float.MAX_VALUE);
    assertThat(low[0]).isCloseTo(lowest, within(0f));
    assertThat(low[1]).isCloseTo(0, within(0f));
    assertThat(apply(function, Float.NaN)[0]).isNaN();
  }

  @Test
  void worksInBlocksOfAnySize() {
    int count = 3 * ActivationPass.PART_NUMBERS + ActivationFunction.BLOCK + 37;
    FloatMatrix z = FloatMatrix.zeros(1, count);
    for (int i = 0; i < count; i++) {
      z.values().put(i, (i % 900 - 300) / 100f);
    }
    FloatMatrix derivative = FloatMatrix.zeros(1, count);
    new ActivationPass(new Swish()).apply(z, 1, z, derivative);
    for (int i = 0; i < count; i++) {
      assertThat(new float[] {z.values().get(i), derivative.values().get(i)})
          .containsExactly(apply(new Swish(), (i % 900 - 300) / 100f));
    }
  }

  /** Subnormal factors make products slow. */
  @Test
  void returnsNoSubnormalNumbers() {
    for (ActivationFunction function : FUNCTIONS.values()) {
      for (float z = -100; z < -80; z += 0.125f) {
        for (float result : apply(function, z)) {
          assertThat(result == 0 || Math.abs(result) >= Float.MIN_NORMAL).isTrue();
        }
      }
    }
  }

  @Test
  void onlyReluIsNotAnalytic() {
    assertThat(FUNCTIONS.entrySet().stream().filter(entry -> !entry.getValue().analytic()))
        .extracting(Map.Entry::getKey)
        .containsExactly("relu");
    assertThat(new Softplus(100).analytic()).isTrue();
  }

  @Test
  void refusesNoActivation() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ActivationFunction.of(Activation.getDefaultInstance()))
        .withMessage("network: no activation is given");
  }

  private static float[] apply(ActivationFunction function, float z) {
    FloatMatrix value = FloatMatrix.of(1, 1, new float[] {z});
    FloatMatrix derivative = FloatMatrix.zeros(1, 1);
    new ActivationPass(function).apply(value, 1, value, derivative);
    return new float[] {value.values().get(0), derivative.values().get(0)};
  }
}
