package io.fullrank.network.loss;

/**
 * Loss and error of a network on a set of rows.
 *
 * @param loss mean loss
 * @param error fraction of wrongly classified rows; of several largest outputs the first counts
 */
public record Evaluation(double loss, double error) {

  /** Returns the index of the largest output. */
  public static int classify(double[] outputs) {
    int best = 0;
    for (int k = 1; k < outputs.length; k++) {
      if (outputs[k] > outputs[best]) {
        best = k;
      }
    }
    return best;
  }
}
