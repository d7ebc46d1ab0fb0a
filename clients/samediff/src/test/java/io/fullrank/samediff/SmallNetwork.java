package io.fullrank.samediff;

import io.fullrank.client.RunDescription;
import io.fullrank.proto.v1.Loss;
import java.util.Map;
import java.util.Optional;
import org.nd4j.autodiff.listeners.Listener;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.TrainingConfig;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.dataset.ViewIterator;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.Adam;

/** A SameDiff network 5-8-40-3 with softplus on 30 random rows, in mini-batches of 10. */
final class SmallNetwork {

  static final int ROWS = 30;
  static final int WIDTH = 40;
  static final int STEPS_PER_EPOCH = 3;

  private final SameDiff graph = SameDiff.create();
  private final INDArray rows;
  private final INDArray labels = Nd4j.zeros(DataType.FLOAT, ROWS, 3);

  SmallNetwork() {
    Nd4j.getRandom().setSeed(1);
    rows = Nd4j.randn(DataType.FLOAT, ROWS, 5);
    for (int i = 0; i < ROWS; i++) {
      labels.putScalar(i, i % 3, 1);
    }
    SDVariable input = graph.placeHolder("input", DataType.FLOAT, -1, 5);
    SDVariable label = graph.placeHolder("label", DataType.FLOAT, -1, 3);
    SDVariable first =
        graph.nn.softplus(input.mmul(weight("w1", 5, 8)).add(graph.var("b1", zeros(8))));
    SDVariable second =
        graph.nn.softplus(
            "features", first.mmul(weight("w2", 8, WIDTH)).add(graph.var("b2", zeros(WIDTH))));
    SDVariable logits =
        second.mmul(weight("w3", WIDTH, 3)).add("logits", graph.var("b3", zeros(3)));
    graph.loss.softmaxCrossEntropy("loss", label, logits, null);
    graph.setLossVariables("loss");
    graph.setTrainingConfig(
        TrainingConfig.builder()
            .updater(new Adam(0.01))
            .dataSetFeatureMapping("input")
            .dataSetLabelMapping("label")
            .build());
  }

  SameDiffNetwork described() {
    return new SameDiffNetwork(
        graph,
        "features",
        "w3",
        Optional.of("b3"),
        Map.of("input", rows),
        labels,
        Loss.LOSS_CROSS_ENTROPY);
  }

  RunDescription description() {
    return described().describe("small", 1, "random");
  }

  SameDiff graph() {
    return graph;
  }

  /** Returns the mean cross-entropy over all rows, as the graph computes it. */
  double loss() {
    return graph.output(Map.of("input", rows, "label", labels), "loss").get("loss").getDouble(0);
  }

  void fit(int epochs, Listener... listeners) {
    graph.fit(new ViewIterator(new DataSet(rows, labels), 10), epochs, listeners);
  }

  private SDVariable weight(String name, int inputs, int outputs) {
    return graph.var(
        name, Nd4j.randn(DataType.FLOAT, inputs, outputs).muli(Math.sqrt(2.0 / inputs)));
  }

  private static INDArray zeros(int entries) {
    return Nd4j.zeros(DataType.FLOAT, entries);
  }
}
