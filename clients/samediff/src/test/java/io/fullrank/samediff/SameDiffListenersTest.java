package io.fullrank.samediff;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.client.Connection;
import io.fullrank.client.ExternalRun;
import io.fullrank.client.Features;
import io.fullrank.proto.v1.ExternalLayer;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.LayerNorm;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportRequest.ReportCase;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.SnapshotBegin;
import io.fullrank.proto.v1.Variant;
import io.fullrank.samediff.SameDiffTwoPhase.Settings;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.server.ScriptedIngest;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The listeners on a real SameDiff network, and what they report over real gRPC. */
class SameDiffListenersTest {

  private static final Settings SETTINGS = new Settings(15, 4, 1e-3, 7, Waiting.LIMIT);

  private final SmallNetwork network = new SmallNetwork();

  @Test
  void watchReportsEveryStepAndChangesNothing() throws Exception {
    SmallNetwork alone = new SmallNetwork();
    alone.fit(2);
    try (ScriptedIngest server = server(Outcome.OUTCOME_CERTIFIED)) {
      ExternalRun run = ExternalRun.start(connection(server), network.description());
      network.fit(2, new SameDiffWatch(run, network.described(), 3));
      assertThat(run.end(RunResult.getDefaultInstance(), Waiting.LIMIT)).isTrue();

      assertThat(progress(server))
          .extracting(Progress::getStep)
          .containsExactly(1L, 2L, 3L, 4L, 5L, 6L);
      assertThat(progress(server).get(5).getEpoch()).isEqualTo(2);
      assertThat(progress(server))
          .allSatisfy(
              progress -> {
                assertThat(progress.getBatchLoss()).isPositive();
                assertThat(progress.getLearningRate()).isEqualTo(0.01);
                assertThat(progress.getGradientNormsList())
                    .extracting(LayerNorm::getLayer)
                    .containsExactlyInAnyOrder("w1", "b1", "w2", "b2", "w3", "b3");
                assertThat(progress.hasTestError()).isFalse();
              });
      assertThat(snapshots(server))
          .last()
          .satisfies(
              snapshot -> {
                assertThat(snapshot.getStep()).isEqualTo(6);
                assertThat(snapshot.getRows()).isEqualTo(SmallNetwork.ROWS);
                assertThat(snapshot.getColumns()).isEqualTo(SmallNetwork.WIDTH);
                assertThat(snapshot.getFeaturesSha256())
                    .isEqualTo(network.described().computeFeatures().sha256());
              });
    }
    for (String parameter : alone.described().parameters()) {
      assertThat(floats(network, parameter)).isEqualTo(floats(alone, parameter));
    }
  }

  @Test
  void lossAndGradientNormsAreThoseOfTheMiniBatch() throws Exception {
    SmallNetwork alone = new SmallNetwork();
    org.nd4j.linalg.dataset.DataSet batch =
        new org.nd4j.linalg.dataset.DataSet(
            alone.described().inputs().get("input"), alone.described().labels());
    Map<String, INDArray> gradients =
        alone
            .graph()
            .calculateGradients(
                Map.of("input", batch.getFeatures(), "label", batch.getLabels()), "w1", "w3");
    try (ScriptedIngest server = server(Outcome.OUTCOME_CERTIFIED)) {
      ExternalRun run = ExternalRun.start(connection(server), network.description());
      double loss = network.loss();
      network.graph().fit(batch, new SameDiffWatch(run, network.described(), 0));
      run.end(RunResult.getDefaultInstance(), Waiting.LIMIT);

      assertThat(progress(server).get(0).getBatchLoss()).isCloseTo(loss, within(1e-5));
      assertThat(progress(server).get(0).getGradientNormsList())
          .filteredOn(norm -> gradients.containsKey(norm.getLayer()))
          .hasSize(2)
          .allSatisfy(
              norm ->
                  assertThat(norm.getNorm())
                      .isCloseTo(
                          gradients.get(norm.getLayer()).norm2Number().doubleValue(),
                          within(1e-6)));
    }
  }

  @Test
  void twoPhaseFixesTheHiddenLayersAtTheWitnessAndTrainsTheHeadOn() throws Exception {
    try (ScriptedIngest server = server(Outcome.OUTCOME_CERTIFIED)) {
      ExternalRun run =
          ExternalRun.start(connection(server), SETTINGS.describe(network.description()));
      SameDiffTwoPhase twoPhase = new SameDiffTwoPhase(run, network.described(), 0, SETTINGS);
      network.fit(1, twoPhase);
      float[] before = floats(network, "w1");
      assertThat(twoPhase.guarantee()).isEmpty();
      network.fit(3, twoPhase);
      float[] head = floats(network, "w3");
      float[] hidden = floats(network, "w1");
      network.fit(1, twoPhase);

      RunResult result = twoPhase.finish();
      assertThat(run.end(result, Waiting.LIMIT)).isTrue();

      assertThat(hidden).isNotEqualTo(before);
      assertThat(floats(network, "w1")).isEqualTo(hidden);
      assertThat(floats(network, "w3")).isNotEqualTo(head);
      SnapshotBegin witness = snapshots(server).get(0);
      assertThat(witness.getWitness()).isTrue();
      assertThat(witness.getStep()).isEqualTo(4);
      assertThat(witness.getFeaturesSha256())
          .isEqualTo(network.described().computeFeatures().sha256());
      assertThat(progress(server))
          .filteredOn(progress -> progress.getPhase() == Phase.PHASE_TWO)
          .extracting(Progress::getStep)
          .startsWith(5L)
          .endsWith(15L);
      assertThat(progress(server).get(14).getGradientNormsList())
          .extracting(LayerNorm::getLayer)
          .containsExactlyInAnyOrder("w3", "b3");
      assertThat(server.registrations().get(0).getVariant()).isEqualTo(Variant.VARIANT_TWO_PHASE);
      assertThat(server.registrations().get(0).getSpec().getTwoPhase().getNoise()).isEqualTo(1e-3);

      Guarantee stated = server.reports(ReportCase.GUARANTEE).get(0).getGuarantee();
      assertThat(stated.getStatement()).isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT);
      assertThat(stated.getFromStep()).isEqualTo(4);
      assertThat(stated.getSolver()).isEqualTo("base");
      assertThat(result.getGuarantee().getOptimalityGap())
          .isCloseTo(network.loss(), within(1e-5))
          .isGreaterThanOrEqualTo(result.getFinalTrainLoss());
    }
  }

  @Test
  void twoPhaseStatesNoGuaranteeForARefutedWitness() throws Exception {
    try (ScriptedIngest server = server(Outcome.OUTCOME_REFUTED)) {
      ExternalRun run =
          ExternalRun.start(connection(server), SETTINGS.describe(network.description()));
      SameDiffTwoPhase twoPhase = new SameDiffTwoPhase(run, network.described(), 0, SETTINGS);
      network.fit(2, twoPhase);

      RunResult result = twoPhase.finish();
      run.end(result, Waiting.LIMIT);

      assertThat(result.getGuarantee().getReason())
          .isEqualTo("the witness is not certified but REFUTED: as the test says");
      assertThat(result.getGuarantee().hasOptimalityGap()).isFalse();
    }
  }

  @Test
  void twoPhaseTakesItsGuaranteeBackIfTheHiddenLayersChange() throws Exception {
    try (ScriptedIngest server = server(Outcome.OUTCOME_CERTIFIED)) {
      ExternalRun run =
          ExternalRun.start(connection(server), SETTINGS.describe(network.description()));
      SameDiffTwoPhase twoPhase = new SameDiffTwoPhase(run, network.described(), 0, SETTINGS);
      network.fit(2, twoPhase);
      // Another fit, of which the listener does not know.
      network.fit(1);

      RunResult result = twoPhase.finish();
      run.end(result, Waiting.LIMIT);

      assertThat(result.getGuarantee().getStatement())
          .isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_NONE);
      assertThat(result.getGuarantee().getReason()).contains("have changed since the switch");
    }
  }

  @Test
  void describesTheNetworkByItsGraph() throws Exception {
    try (ScriptedIngest server = server(Outcome.OUTCOME_CERTIFIED)) {
      ExternalRun run = ExternalRun.start(connection(server), network.description());
      run.end(RunResult.getDefaultInstance(), Waiting.LIMIT);

      ExternalNetwork described =
          server.registrations().get(0).getSpec().getNetwork().getExternal();
      assertThat(described.getLastHiddenWidth()).isEqualTo(SmallNetwork.WIDTH);
      assertThat(described.getOutputs()).isEqualTo(3);
      assertThat(described.getAnalytic()).isTrue();
      assertThat(described.getLayersList())
          .extracting(ExternalLayer::getName)
          .containsExactly("w1", "b1", "w2", "b2", "w3", "b3");
      assertThat(server.registrations().get(0).getSpec().getAlgorithm().getExternal().getName())
          .isEqualTo("Adam");
      assertThat(server.registrations().get(0).getTrainRows()).isEqualTo(SmallNetwork.ROWS);
    }
  }

  @Test
  void namesWhatDoesNotFit() {
    SameDiffNetwork fits = network.described();

    assertThatThrownBy(() -> with(fits, "hidden", "w3"))
        .hasMessage(
            "the graph has no variable 'hidden'; SameDiff.summary() lists those that there are");
    assertThatThrownBy(() -> with(fits, "features", "logits"))
        .hasMessage("variable 'logits' is not trained; the output layer has to be");
    assertThatThrownBy(() -> with(fits, "features", "w2").computeFeatures())
        .hasMessageStartingWith("weight 'w2' has shape [8, 40] and the labels [30, 3]");
    assertThatThrownBy(() -> with(fits, "logits", "w3").computeFeatures())
        .hasMessage(
            "variable 'logits' has shape [30, 3], the features of this network are 30 × 40");
    INDArray smooth = fits.labels().mul(0.9).add(0.1 / 3);
    assertThatThrownBy(
            () ->
                new SameDiffNetwork(
                    fits.graph(),
                    fits.features(),
                    fits.weight(),
                    fits.bias(),
                    fits.inputs(),
                    smooth,
                    Loss.LOSS_CROSS_ENTROPY))
        .hasMessageStartingWith("the labels are not one-hot");
  }

  @Test
  void featuresAreRowMajorWhateverTheOrderOfTheArray() {
    INDArray array =
        network.graph().output(network.described().inputs(), "features").get("features");
    float[] rowMajor = new float[SmallNetwork.ROWS * SmallNetwork.WIDTH];
    for (int i = 0; i < rowMajor.length; i++) {
      rowMajor[i] = array.getFloat(i / SmallNetwork.WIDTH, i % SmallNetwork.WIDTH);
    }

    assertThat(network.described().computeFeatures().sha256())
        .isEqualTo(Features.of(rowMajor, SmallNetwork.ROWS, SmallNetwork.WIDTH).sha256());
  }

  private static ScriptedIngest server(Outcome outcome) throws IOException {
    ScriptedIngest server = new ScriptedIngest();
    server.answerSnapshots(snapshot -> ScriptedIngest.verdict(snapshot, outcome));
    return server;
  }

  private static Connection connection(ScriptedIngest server) {
    return Connection.to("127.0.0.1:" + server.port());
  }

  private static List<Progress> progress(ScriptedIngest server) {
    return server.reports(ReportCase.PROGRESS).stream().map(ReportRequest::getProgress).toList();
  }

  private static List<SnapshotBegin> snapshots(ScriptedIngest server) {
    return server.reports(ReportCase.SNAPSHOT).stream().map(ReportRequest::getSnapshot).toList();
  }

  private static SameDiffNetwork with(SameDiffNetwork network, String features, String weight) {
    return new SameDiffNetwork(
        network.graph(),
        features,
        weight,
        Optional.of("b3"),
        network.inputs(),
        network.labels(),
        Loss.LOSS_CROSS_ENTROPY);
  }

  private static float[] floats(SmallNetwork network, String parameter) {
    return network.described().array(parameter).dup('c').data().asFloat();
  }
}
