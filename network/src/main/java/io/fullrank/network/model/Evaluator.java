package io.fullrank.network.model;

/** Evaluates a network on whole sets of rows, in blocks. Not thread-safe. */
public final class Evaluator {

  private static final int BLOCK_ROWS = 256;

  private final FeaturePass hidden;
  private final OutputLayer output;

  /** Creates the working memory. */
  public Evaluator(Network network, LossFunction loss) {
    this.hidden = network.featurePass(BLOCK_ROWS);
    this.output = new OutputLayer(loss, network.classes(), BLOCK_ROWS);
  }

  /**
   * Returns mean loss and error.
   *
   * @param parameters (input) the weights
   * @param x (input) rows × inputs
   * @param labels (input) one per row
   */
  public Evaluation evaluate(Parameters parameters, FloatMatrix x, int[] labels) {
    double[] totals = new double[2];
    for (int first = 0; first < x.rows(); first += BLOCK_ROWS) {
      FloatMatrix block = x.rows(first, Math.min(BLOCK_ROWS, x.rows() - first));
      output.evaluate(parameters, hidden.forward(parameters, block), labels, first, totals);
    }
    return new Evaluation(totals[0] / x.rows(), totals[1] / x.rows());
  }
}
