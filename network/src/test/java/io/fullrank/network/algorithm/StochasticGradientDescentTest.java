package io.fullrank.network.algorithm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.network.Networks;
import io.fullrank.network.OracleFile;
import io.fullrank.network.architecture.Backpropagation;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.training.TrainingRun;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.ConstantSchedule;
import io.fullrank.proto.v1.CosineSchedule;
import io.fullrank.proto.v1.LearningRateSchedule;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.StepSchedule;
import io.fullrank.proto.v1.StochasticGradientDescent;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StochasticGradientDescentTest {

  /** Six steps with momentum 0.9 and weight decay 0.01; expected values by pytorch_training.py. */
  @ParameterizedTest
  @ValueSource(strings = {"constant", "step", "cosine"})
  void goesWherePyTorchGoes(String schedule) {
    OracleFile oracle = OracleFile.beside(TrainingRun.class, "pytorch.yaml");
    Network network = Networks.network(3, 5, 3, 4, 6);
    Parameters weights = Networks.parameters(network, oracle.get("initial"));
    Parameters gradient = Parameters.zeros(network.layout());
    float[] x = oracle.get("x").floats();
    int[] labels = oracle.get("labels").ints();
    List<OracleFile> batches = oracle.get("batches").list();
    BaseAlgorithm sgd =
        BaseAlgorithm.of(spec(0.01, schedule(schedule)), network.layout(), 3, batches.size());
    Backpropagation backpropagation =
        new Backpropagation(network, LossFunction.of(Loss.LOSS_CROSS_ENTROPY), 3);

    for (int step = 0; step < batches.size(); step++) {
      int[] rows = batches.get(step).ints();
      FloatMatrix batch = FloatMatrix.zeros(rows.length, 5);
      int[] batchLabels = new int[rows.length];
      for (int i = 0; i < rows.length; i++) {
        batch.values().put(i * 5, x, rows[i] * 5, 5);
        batchLabels[i] = labels[rows[i]];
      }
      backpropagation.lossAndGradient(weights, batch, batchLabels, gradient);
      sgd.update(step, weights, gradient);
    }

    Parameters expected = Networks.parameters(network, oracle.get("trajectories").get(schedule));
    assertThat(Networks.values(weights)).containsExactly(Networks.values(expected), within(5e-6f));
  }

  @Test
  void afterFreezingOnlyTheOutputLayerMovesAndWithoutDecay() {
    Network network = Networks.network(1, 1, 1, 1);
    Parameters weights = Parameters.zeros(network.layout());
    weights.values().put(0, new float[] {1, 2, 3, 4});
    Parameters gradient = Parameters.zeros(network.layout());
    BaseAlgorithm sgd = BaseAlgorithm.of(spec(0.5, schedule("constant")), network.layout(), 1, 2);
    gradient.values().put(0, new float[] {1, 1, 1, 1});
    sgd.update(0, weights, gradient);
    // v = g + w/2, w ← w − v/5
    float[] once = {1 - 0.2f * 1.5f, 2 - 0.2f * 2, 3 - 0.2f * 2.5f, 4 - 0.2f * 3};
    assertThat(Networks.values(weights)).containsExactly(once, within(1e-6f));

    sgd.freezeHiddenLayers();
    sgd.update(1, weights, gradient);
    // v ← 0.9v + g, without the decay, for the last two
    assertThat(Networks.values(weights))
        .containsExactly(
            new float[] {once[0], once[1], once[2] - 0.2f * 3.25f, once[3] - 0.2f * 3.7f},
            within(1e-6f));
  }

  private static AlgorithmSpec spec(double weightDecay, LearningRateSchedule schedule) {
    return AlgorithmSpec.newBuilder()
        .setSgd(
            StochasticGradientDescent.newBuilder()
                .setBatchSize(3)
                .setLearningRate(0.2)
                .setMomentum(0.9)
                .setWeightDecay(weightDecay)
                .setSchedule(schedule))
        .build();
  }

  private static LearningRateSchedule schedule(String name) {
    LearningRateSchedule.Builder schedule = LearningRateSchedule.newBuilder();
    return switch (name) {
      case "constant" -> schedule.setConstant(ConstantSchedule.getDefaultInstance()).build();
      case "step" ->
          schedule.setStep(StepSchedule.newBuilder().setEveryEpochs(1).setFactor(0.5)).build();
      case "cosine" -> schedule.setCosine(CosineSchedule.getDefaultInstance()).build();
      default -> throw new IllegalArgumentException(name);
    };
  }
}
