package io.fullrank.network.algorithm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import com.google.protobuf.TextFormat;
import io.fullrank.network.Networks;
import io.fullrank.network.OracleFile;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.AlgorithmSpec;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BlendedCoarseGradientDescentTest {

  /** Weights, biases, weights, biases: 120 + 40 + 80 + 2. */
  private final Network network = Networks.network(1, 3, 2, 40);

  private final OracleFile oracle =
      OracleFile.beside(BlendedCoarseGradientDescentTest.class, "bcgd.yaml");

  /** The network's weights are the quantised ones; expected values by bcgd.py. */
  @ParameterizedTest
  @CsvSource({"1, 1, 0", "2, 2, 0", "4, 4, 0", "8, 8, 0", "3-full, 3, 1"})
  void goesWhereItsDefinitionGoes(String name, int bits, int fullPrecisionOutput) {
    BaseAlgorithm algorithm = algorithm(bits, fullPrecisionOutput);
    Parameters weights = initial();
    algorithm.begin(weights);
    for (int step = 0; step < 60; step++) {
      assertAsExpected(name, step, weights);
      algorithm.update(step, weights, gradient(weights));
    }
    assertAsExpected(name, 60, weights);
  }

  private void assertAsExpected(String name, int step, Parameters weights) {
    if (step <= 2 || step == 10 || step == 60) {
      assertThat(Networks.values(weights))
          .as("after %d steps", step)
          .containsExactly(oracle.get(name).get(step).floats(), within(4e-6f));
    }
  }

  /** What was added to the weights is still there when they are quantised again. */
  @Test
  void aPerturbationIsOneOfTheFullPrecisionWeights() {
    BaseAlgorithm algorithm = algorithm(8, 0);
    Parameters weights = initial();
    algorithm.begin(weights);
    weights.values().put(0, weights.values().get(0) + 0.25f);
    Parameters nothing = Parameters.zeros(network.layout());

    algorithm.update(0, weights, nothing);

    assertThat(weights.values().get(0)).isCloseTo(initial().values().get(0) + 0.25f, within(0.01f));
  }

  @Test
  void afterFreezingTheOutputLayerMovesInFullPrecisionAndWithoutDecay() {
    BaseAlgorithm algorithm = algorithm(2, 0);
    Parameters weights = initial();
    algorithm.begin(weights);
    float[] before = Networks.values(weights);
    Parameters gradient = Parameters.zeros(network.layout());
    for (int i = 0; i < before.length; i++) {
      gradient.values().put(i, 1 + i);
    }
    algorithm.freezeHiddenLayers();

    algorithm.update(0, weights, gradient);

    int hidden = network.layout().hiddenLength();
    for (int i = 0; i < before.length; i++) {
      float expected = i < hidden ? before[i] : before[i] - 0.05f * (1 + i);
      assertThat(weights.values().get(i)).isEqualTo(expected);
    }
  }

  @Test
  void refusesTheMemoryOfAnother() {
    BaseAlgorithm algorithm = algorithm(4, 0);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> algorithm.restore(Map.of("velocity", new float[242])))
        .withMessage("the algorithm remembers [quantisation-remainder], not [velocity]");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> algorithm.restore(Map.of("quantisation-remainder", new float[3])))
        .withMessage("'quantisation-remainder' has 3 numbers, the network 242 parameters");
  }

  private BaseAlgorithm algorithm(int bits, int fullPrecisionOutput) {
    AlgorithmSpec.Builder spec = AlgorithmSpec.newBuilder();
    try {
      TextFormat.merge(
          """
          named {
            name: "bcgd"
            parameters { key: "batch-size" value: 1 }
            parameters { key: "learning-rate" value: 0.05 }
            parameters { key: "bits" value: %d }
            parameters { key: "blending" value: 0.01 }
            parameters { key: "full-precision-output" value: %d }
            parameters { key: "weight-decay" value: 0.01 }
            schedule { constant {} }
          }
          """
              .formatted(bits, fullPrecisionOutput),
          spec);
    } catch (TextFormat.ParseException e) {
      throw new IllegalArgumentException(e);
    }
    return BaseAlgorithm.of(spec.build(), network.layout(), 1, 60);
  }

  /** As in bcgd.py. */
  private Parameters initial() {
    Parameters weights = Parameters.zeros(network.layout());
    for (int i = 0; i < network.layout().length(); i++) {
      weights.values().put(i, ((i * 37 + 11) % 101 - 50) / 64f);
    }
    return weights;
  }

  /** As in bcgd.py. */
  private Parameters gradient(Parameters weights) {
    Parameters gradient = Parameters.zeros(network.layout());
    for (int i = 0; i < network.layout().length(); i++) {
      float target = ((i * 53 + 7) % 97 - 48) / 64f;
      gradient.values().put(i, Math.scalb(weights.values().get(i) - target, i % 3 - 1));
    }
    return gradient;
  }
}
