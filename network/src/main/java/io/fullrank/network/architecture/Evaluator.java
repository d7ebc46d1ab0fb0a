package io.fullrank.network.architecture;

import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.loss.Evaluation;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.Parameters;

/** Evaluates a network on whole sets of rows, in blocks. Not thread-safe. */
public final class Evaluator {

  private static final int BLOCK_ROWS = 256;

  private final FeaturePass hidden;
  private final OutputLayer output;
  private final FloatMatrix inputs;

  /** Creates the working memory. */
  public Evaluator(Network network, LossFunction loss) {
    this.hidden = network.featurePass(BLOCK_ROWS);
    this.output = new OutputLayer(loss, network.classes(), BLOCK_ROWS);
    this.inputs = FloatMatrix.zeros(BLOCK_ROWS, network.inputs());
  }

  /**
   * Returns mean loss and error.
   *
   * @param parameters (input) the weights
   * @param samples (input) rows of the network's input size
   * @throws IllegalArgumentException if the rows have another size
   */
  public Evaluation evaluate(Parameters parameters, Samples samples) {
    if (samples.inputs() != inputs.columns()) {
      throw new IllegalArgumentException(
          "the network takes %d inputs, the data's rows have %d"
              .formatted(inputs.columns(), samples.inputs()));
    }
    int[] labels = samples.labels();
    double[] totals = new double[2];
    for (int first = 0; first < labels.length; first += BLOCK_ROWS) {
      int count = Math.min(BLOCK_ROWS, labels.length - first);
      samples.copyRows(first, count, inputs.values());
      FloatMatrix features = hidden.forward(parameters, inputs.rows(0, count));
      output.evaluate(parameters, features, labels, first, totals);
    }
    return new Evaluation(totals[0] / labels.length, totals[1] / labels.length);
  }
}
