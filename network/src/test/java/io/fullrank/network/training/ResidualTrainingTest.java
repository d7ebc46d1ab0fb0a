package io.fullrank.network.training;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.network.Networks;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.experiment.ExperimentFile;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.tensor.Parts;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.HiddenLayers;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Relu;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.Variant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whole runs of a small residual network with batch normalisation. */
class ResidualTrainingTest {

  @TempDir Path folder;

  @Test
  void witnessCarriesTheStatisticsOfThePerturbedNetworkOverTheTrainingSet() throws Exception {
    ExperimentSpec spec = spec("softplus");
    DataSet data = DataSets.load(spec.getDataSet(), folder);
    Recorder recorder = new Recorder(spec, data);
    RunResult result = train(spec, data, recorder);

    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
    assertThat(result.getGuarantee().getStatement())
        .isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT);
    assertThat(result.getGuarantee().getText()).doesNotContain("analytic");
    Network network = Network.of(spec.getNetwork(), data.train().shape(), 10);
    Recorder.Taken witness = recorder.witnesses.get(0);
    assertThat(recorder.snapshots.get(0).gradients().stream().map(Tensor::getName))
        .contains("stem.weight", "stage.1.block.1.norm.1.scale", "output.bias")
        .noneMatch(name -> name.contains("running"));
    Parameters atSwitch = Parameters.of(network.layout(), witness.weights());
    Parameters recomputed = Parameters.of(network.layout(), witness.weights());
    network.fixStatistics(recomputed, data.train());
    assertThat(Networks.values(recomputed)).containsExactly(Networks.values(atSwitch));

    // Phase 2 moves the output layer alone.
    Recorder.Taken last = recorder.snapshots.get(recorder.snapshots.size() - 1);
    assertThat(last.sha256()).isEqualTo(witness.sha256());
    for (int i = 0; i < witness.weights().size(); i++) {
      Tensor before = witness.weights().get(i);
      boolean output = before.getName().startsWith("output.");
      assertThat(last.weights().get(i).equals(before)).isEqualTo(!output);
    }
  }

  @Test
  void hiddenLayersMoveAndTheStatisticsStay() throws Exception {
    ExperimentSpec.Builder moving = spec("softplus").toBuilder();
    moving.getTwoPhaseBuilder().setHidden(HiddenLayers.HIDDEN_LAYERS_RANK_PRESERVING);
    DataSet data = DataSets.load(moving.getDataSet(), folder);
    Recorder recorder = new Recorder(moving.build(), data);
    RunResult result = train(moving.build(), data, recorder);

    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
    assertThat(result.getGuarantee().getText()).contains("Hidden layers moved after 2 of 2 epochs");
    Recorder.Taken witness = recorder.witnesses.get(0);
    Recorder.Taken last = recorder.snapshots.get(recorder.snapshots.size() - 1);
    for (int i = 0; i < witness.weights().size(); i++) {
      Tensor before = witness.weights().get(i);
      if (before.getName().contains("running")) {
        assertThat(last.weights().get(i)).isEqualTo(before);
      } else if (before.getName().equals("wide.weight")) {
        assertThat(last.weights().get(i)).isNotEqualTo(before);
      }
    }
  }

  @Test
  void sameSeedGivesTheSameBits() throws Exception {
    ExperimentSpec spec = spec("swish");
    DataSet data = DataSets.load(spec.getDataSet(), folder);
    Recorder first = new Recorder(spec, data);
    Recorder second = new Recorder(spec, data);
    train(spec, data, first);
    train(spec, data, second);
    assertThat(second.witnesses).isEqualTo(first.witnesses);
    assertThat(second.snapshots).isEqualTo(first.snapshots);
  }

  /** Within a task no thread helps: other work in parts is then done by one thread. */
  @Test
  void bitsDoNotDependOnHowManyThreadsWork() throws Exception {
    ExperimentSpec spec =
        spec(
            "softplus",
            "network.stages=[{blocks: 1, channels: 8}, {blocks: 1, channels: 8, stride: 2}]",
            "network.wide=2000",
            "algorithm.sgd.batch-size=40",
            "epochs=3");
    DataSet data = DataSets.load(spec.getDataSet(), folder);
    Recorder together = new Recorder(spec, data);
    Recorder alone = new Recorder(spec, data);
    train(spec, data, together);
    Parts.forEach(
        2,
        1,
        (part, first, end) -> {
          if (part == 0) {
            train(spec, data, alone);
          }
        });
    assertThat(alone.witnesses).isNotEmpty().isEqualTo(together.witnesses);
    assertThat(alone.snapshots).isNotEmpty().isEqualTo(together.snapshots);
  }

  @Test
  void guaranteeSaysHowFarItReachesWithoutAnAnalyticActivation() throws Exception {
    ExperimentSpec spec =
        spec("tanh").toBuilder()
            .setNetwork(
                NetworkSpec.newBuilder()
                    .setFullyConnected(
                        FullyConnected.newBuilder()
                            .addWidths(200)
                            .setActivation(
                                Activation.newBuilder().setRelu(Relu.getDefaultInstance()))))
            .build();
    DataSet data = DataSets.load(spec.getDataSet(), folder);
    RunResult result = train(spec, data, new Recorder(spec, data));
    assertThat(result.getGuarantee().getStatement())
        .isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT);
    assertThat(result.getGuarantee().getText())
        .endsWith(
            "The activation is not real-analytic: this is about these hidden weights alone and says nothing about others.");
  }

  private static RunResult train(ExperimentSpec spec, DataSet data, Recorder recorder) {
    return new TrainingRun(spec, Variant.VARIANT_TWO_PHASE, 1, data).train(recorder);
  }

  private ExperimentSpec spec(String activation, String... overrides) throws IOException {
    Path file = folder.resolve("x.yaml");
    Files.writeString(
        file,
        """
        name: x
        dataset: {name: strokes, train: 40, test: 20}
        network:
          type: resnet
          stages: [{blocks: 1, channels: 4}, {blocks: 1, channels: 6, stride: 4}]
          wide: 60
          activation: %s
        algorithm: {sgd: {batch-size: 16}}
        epochs: 5
        """
            .formatted(activation));
    return ExperimentFile.read(file, List.of(overrides));
  }
}
