package io.fullrank.network.algorithm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import com.google.protobuf.TextFormat;
import io.fullrank.network.Networks;
import io.fullrank.network.OracleFile;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.training.TrainingRun;
import io.fullrank.proto.v1.AlgorithmSpec;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BaseAlgorithmTest {

  private static final String ADAM =
      "adam { learning_rate: 0.01 beta1: 0.9 beta2: 0.999 epsilon: 1e-8 schedule { constant {} } }";

  /** One input, one hidden neuron, one class: weight, bias, weight, bias. */
  private final Network network = Networks.network(1, 1, 1, 1);

  private final OracleFile oracle = OracleFile.beside(TrainingRun.class, "optimisers.yaml");

  /** Expected values by optimisers.py, after 1, 2, 10, 100 and 300 steps. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          sgd              | sgd { learning_rate: 0.05 momentum: 0.9 weight_decay: 0.01 schedule { constant {} } }
          sgd-nesterov     | sgd { learning_rate: 0.05 momentum: 0.9 weight_decay: 0.01 nesterov: true schedule { constant {} } }
          gradient-descent | gradient_descent { learning_rate: 0.05 weight_decay: 0.01 schedule { constant {} } }
          adam             | adam { learning_rate: 0.01 beta1: 0.9 beta2: 0.999 epsilon: 1e-8 schedule { constant {} } }
          adam-decay       | adam { learning_rate: 0.01 beta1: 0.8 beta2: 0.95 epsilon: 1e-3 weight_decay: 0.1 schedule { constant {} } }
          adamw            | adam_w { learning_rate: 0.01 beta1: 0.9 beta2: 0.999 epsilon: 1e-8 weight_decay: 0.1 schedule { constant {} } }
          rmsprop          | rmsprop { learning_rate: 0.01 alpha: 0.99 epsilon: 1e-8 schedule { constant {} } }
          rmsprop-momentum | rmsprop { learning_rate: 0.01 alpha: 0.9 epsilon: 1e-3 momentum: 0.5 weight_decay: 0.1 schedule { constant {} } }
          """)
  void goesWherePyTorchGoes(String name, String spec) {
    BaseAlgorithm algorithm = algorithm(spec);
    Parameters weights = initial();
    OracleFile expected = oracle.get("weights").get(name);
    for (int step = 0; step < 300; step++) {
      algorithm.update(step, weights, gradient(step));
      if (List.of(1, 2, 10, 100, 300).contains(step + 1)) {
        // Weights are about 1 and below: 16 units in the last place of 1 after all these steps.
        assertThat(Networks.values(weights))
            .as("after %d steps", step + 1)
            .containsExactly(expected.get(step + 1).floats(), within(16 * Math.ulp(1f)));
      }
    }
  }

  /** η = 0.5, β₁ = 0.5, β₂ = 0.75, ε = 0.25: all of it is exact in float32. */
  @Test
  void adamAndAdamWStepByHand() {
    String parameters =
        "{ learning_rate: 0.5 beta1: 0.5 beta2: 0.75 epsilon: 0.25 weight_decay: 0.5 schedule { constant {} } }";
    Parameters gradient = Parameters.zeros(network.layout());
    gradient.values().put(0, new float[] {1, 1, 1, 1});
    Parameters coupled = Parameters.zeros(network.layout());
    coupled.values().put(0, new float[] {2, 0, -2, 4});
    Parameters decoupled = Parameters.zeros(network.layout());
    decoupled.values().put(0, new float[] {2, 0, -2, 4});

    algorithm("adam " + parameters).update(0, coupled, gradient);
    algorithm("adam_w " + parameters).update(0, decoupled, gradient);

    // In the first update m/(1 − β₁) = d and √v/√(1 − β₂) = |d|: the step is ½·d/(|d| + ¼).
    // Coupled, d = 1 + w/2 = 2, 1, 0, 3.
    assertThat(Networks.values(coupled))
        .containsExactly(
            new float[] {2 - 1 / 2.25f, -0.5f / 1.25f, -2, 4 - 1.5f / 3.25f}, within(1e-6f));
    // Decoupled, d = 1 and w is first multiplied by 1 − ½·½.
    assertThat(Networks.values(decoupled))
        .containsExactly(new float[] {1.1f, -0.4f, -1.9f, 2.6f}, within(1e-6f));
  }

  @Test
  void nesterovMomentumStepsByHand() {
    BaseAlgorithm sgd =
        algorithm(
            "sgd { learning_rate: 0.5 momentum: 0.5 nesterov: true schedule { constant {} } }");
    Parameters weights = Parameters.zeros(network.layout());
    Parameters gradient = Parameters.zeros(network.layout());
    gradient.values().put(0, new float[] {1, 2, 0, -1});
    sgd.update(0, weights, gradient);
    // v = g, w = −½(g + ½v)
    assertThat(Networks.values(weights)).containsExactly(-0.75f, -1.5f, 0, 0.75f);
    sgd.update(1, weights, gradient);
    // v = 1½g, w ← w − ½(g + ¾g)
    assertThat(Networks.values(weights)).containsExactly(-1.625f, -3.25f, 0, 1.625f);
  }

  @Test
  void rmspropStepsByHand() {
    BaseAlgorithm rmsprop =
        algorithm(
            "rmsprop { learning_rate: 0.5 alpha: 0.75 epsilon: 0.5 momentum: 0.5 schedule { constant {} } }");
    Parameters weights = Parameters.zeros(network.layout());
    Parameters gradient = Parameters.zeros(network.layout());
    gradient.values().put(0, new float[] {1, 3, 0, -1});
    rmsprop.update(0, weights, gradient);
    // s = g²/4, v = g/(|g|/2 + ½), w = −v/2
    assertThat(Networks.values(weights)).containsExactly(-0.5f, -0.75f, 0, 0.5f);
    gradient.values().put(0, new float[] {0, 0, 0, 0});
    rmsprop.update(1, weights, gradient);
    // v ← v/2
    assertThat(Networks.values(weights)).containsExactly(-0.75f, -1.125f, 0, 0.75f);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "sgd { learning_rate: 0.01 momentum: 0.9 weight_decay: %s nesterov: true schedule { constant {} } }",
        "adam { learning_rate: 0.01 beta1: 0.9 beta2: 0.99 epsilon: 1e-8 weight_decay: %s schedule { constant {} } }",
        "adam_w { learning_rate: 0.01 beta1: 0.9 beta2: 0.99 epsilon: 1e-8 weight_decay: %s schedule { constant {} } }",
        "rmsprop { learning_rate: 0.01 alpha: 0.9 epsilon: 1e-8 weight_decay: %s schedule { constant {} } }",
        "gradient_descent { learning_rate: 0.01 weight_decay: %s schedule { constant {} } }"
      })
  void afterFreezingOnlyTheOutputLayerMovesAndWithoutDecay(String spec) {
    BaseAlgorithm decaying = algorithm(spec.formatted("0.5"));
    Parameters weights = initial();
    decaying.update(0, weights, gradient(0));
    float[] atFreezing = Networks.values(weights);
    BaseAlgorithm plain = algorithm(spec.formatted("0"));
    plain.restore(decaying.memory());
    Parameters expected = initial();
    expected.values().put(0, atFreezing);

    decaying.freezeHiddenLayers();
    for (int step = 1; step < 5; step++) {
      decaying.update(step, weights, gradient(step));
      plain.update(step, expected, gradient(step));
    }

    assertThat(Networks.values(weights))
        .containsExactly(
            atFreezing[0], atFreezing[1], expected.values().get(2), expected.values().get(3));
    assertThat(weights.values().get(2)).isNotEqualTo(atFreezing[2]);
  }

  @Test
  void goesOnFromWhatItRemembered() {
    BaseAlgorithm first = algorithm(ADAM);
    Parameters weights = initial();
    for (int step = 0; step < 7; step++) {
      first.update(step, weights, gradient(step));
    }
    Map<String, float[]> remembered = first.memory();
    Parameters copy = initial();
    copy.values().put(0, Networks.values(weights));
    BaseAlgorithm second = algorithm(ADAM);
    second.restore(remembered);

    first.update(7, weights, gradient(7));
    second.update(7, copy, gradient(7));

    assertThat(Networks.values(copy)).containsExactly(Networks.values(weights));
    assertThat(remembered).containsOnlyKeys("first-moment", "second-moment");
  }

  @Test
  void refusesTheMemoryOfAnother() {
    BaseAlgorithm adam = algorithm(ADAM);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> adam.restore(Map.of("velocity", new float[4])))
        .withMessageContaining("velocity");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> adam.restore(Map.of("first-moment", new float[4], "second-moment", new float[3])))
        .withMessage("'second-moment' has 3 numbers, the network 4 parameters");
    assertThat(adam.memory().get("first-moment")).containsOnly(0);
  }

  /** More weights than fit into a block, and not a multiple: each is treated like any other. */
  @Test
  void treatsEveryWeightAlike() {
    Network wide = Networks.network(1, 50, 3, 100);
    Parameters weights = Parameters.zeros(wide.layout());
    Parameters gradient = Parameters.zeros(wide.layout());
    for (int i = 0; i < wide.layout().length(); i++) {
      weights.values().put(i, 1);
      gradient.values().put(i, 0.5f);
    }
    BaseAlgorithm adam = BaseAlgorithm.of(spec(ADAM), wide.layout(), 1, 2);
    adam.update(0, weights, gradient);
    adam.freezeHiddenLayers();
    adam.update(1, weights, gradient);

    float[] values = Networks.values(weights);
    int hidden = wide.layout().hiddenLength();
    for (int i = 0; i < values.length; i++) {
      assertThat(values[i]).isCloseTo(i < hidden ? 0.99f : 0.98f, within(1e-6f));
    }
  }

  /** Two epochs of warm-up out of four, three steps each; expected values by optimisers.py. */
  @ParameterizedTest
  @CsvSource({
    "constant, constant {}",
    "step, step { every_epochs: 1 factor: 0.5 }",
    "cosine, cosine {}"
  })
  void warmUpMultipliesEverySchedule(String name, String schedule) {
    BaseAlgorithm algorithm =
        BaseAlgorithm.of(
            spec(
                "sgd { learning_rate: 0.4 schedule { %s warm_up_epochs: 2 } }".formatted(schedule)),
            network.layout(),
            3,
            12);
    double[] expected = oracle.get("rates").get(name).doubles();
    for (int step = 0; step < expected.length; step++) {
      assertThat(algorithm.learningRate(step)).isCloseTo(expected[step], within(1e-15));
    }
  }

  private BaseAlgorithm algorithm(String spec) {
    return BaseAlgorithm.of(spec(spec), network.layout(), 1, 300);
  }

  private Parameters initial() {
    Parameters weights = Parameters.zeros(network.layout());
    weights.values().put(0, oracle.get("initial").floats());
    return weights;
  }

  /** As in optimisers.py. */
  private Parameters gradient(int step) {
    Parameters gradient = Parameters.zeros(network.layout());
    for (int i = 0; i < 4; i++) {
      int number = Math.floorMod(step * 73 + i * 151 + step * step * 7, 257) - 128;
      gradient.values().put(i, (float) Math.scalb(number, -8 - 3 * i));
    }
    return gradient;
  }

  private static AlgorithmSpec spec(String text) {
    try {
      return TextFormat.parse(text, AlgorithmSpec.class);
    } catch (TextFormat.ParseException e) {
      throw new IllegalArgumentException(text, e);
    }
  }
}
