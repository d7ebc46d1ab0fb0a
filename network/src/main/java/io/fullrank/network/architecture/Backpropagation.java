package io.fullrank.network.architecture;

import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import java.nio.FloatBuffer;

/**
 * Loss and gradient of a whole network on a mini-batch (backpropagation), with working memory for
 * it. Not thread-safe.
 */
public final class Backpropagation {

  private final TrainingPass hidden;
  private final OutputLayer output;
  private final FloatMatrix featureGradient;
  private final boolean outputBias;

  private Backpropagation(TrainingPass hidden, Network network, LossFunction loss, int maxRows) {
    this.hidden = hidden;
    this.output = new OutputLayer(loss, network.classes(), maxRows);
    this.featureGradient = FloatMatrix.zeros(maxRows, network.features());
    this.outputBias = network.outputBias();
  }

  /**
   * Creates the working memory for training: batch normalisation by the statistics of each
   * mini-batch.
   *
   * @param maxRows most rows of a mini-batch
   */
  public Backpropagation(Network network, LossFunction loss, int maxRows) {
    this(network.trainingPass(maxRows), network, loss, maxRows);
  }

  /**
   * Creates the working memory for the network as it is evaluated: batch normalisation by the
   * statistics that lie with the parameters.
   *
   * @param maxRows most rows that one call gets
   */
  public static Backpropagation withFixedStatistics(
      Network network, LossFunction loss, int maxRows) {
    return new Backpropagation(network.fixedStatisticsPass(maxRows), network, loss, maxRows);
  }

  /**
   * Loss and its gradient in all parameters; the output layer's bias counts as a constant where the
   * network has none.
   *
   * @param parameters (modified) the weights are read; batch normalisation updates its running
   *     statistics, unless they are fixed
   * @param x (input) rows × inputs
   * @param labels (input) one per row
   * @param gradient (output) gradient of the mean loss
   * @return the mean loss
   */
  public double lossAndGradient(
      Parameters parameters, FloatMatrix x, int[] labels, Parameters gradient) {
    FloatMatrix features = hidden.forward(parameters, x);
    double loss = output.lossAndGradient(parameters, features, labels, gradient);
    if (!outputBias) {
      FloatBuffer bias = gradient.affineLayer(ParameterLayout.OUTPUT_LAYER).bias();
      for (int k = 0; k < bias.capacity(); k++) {
        bias.put(k, 0);
      }
    }
    FloatMatrix dh = featureGradient.rows(0, x.rows());
    output.featureGradient(parameters, dh);
    hidden.backward(parameters, x, dh, gradient);
    return loss;
  }
}
