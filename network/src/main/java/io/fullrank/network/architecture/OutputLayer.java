package io.fullrank.network.architecture;

import io.fullrank.network.loss.Evaluation;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import java.nio.FloatBuffer;

/**
 * The affine output layer with a loss on top: from features to the loss and to gradients. It is the
 * last layer of a whole network, or all there is to train when the hidden layers are frozen. Not
 * thread-safe.
 */
public final class OutputLayer {

  private final LossFunction loss;

  /** maxRows × classes: outputs, then the loss's gradient in them. */
  private final FloatMatrix outputs;

  private final double[] row;

  /**
   * Creates the working memory.
   *
   * @param maxRows most rows that one call gets
   */
  public OutputLayer(LossFunction loss, int classes, int maxRows) {
    this.loss = loss;
    this.outputs = FloatMatrix.zeros(maxRows, classes);
    this.row = new double[classes];
  }

  /**
   * Loss and its gradient in W and b.
   *
   * @param parameters (input) W and b
   * @param features (input) rows × m_H
   * @param labels (input) one per row
   * @param gradient (output) gradient of the mean loss in W and b; the hidden layers' part stays as
   *     it is
   * @return the mean loss
   */
  public double lossAndGradient(
      Parameters parameters, FloatMatrix features, int[] labels, Parameters gradient) {
    FloatMatrix z = forward(parameters, features);
    FloatBuffer values = z.values();
    double sum = 0;
    for (int i = 0; i < z.rows(); i++) {
      readRow(values, i);
      sum += loss.value(row, labels[i], row);
      for (int k = 0; k < row.length; k++) {
        values.put(i * row.length + k, (float) (row[k] / z.rows()));
      }
    }
    gradient.affineLayer(ParameterLayout.OUTPUT_LAYER).setGradients(features, z);
    return sum / z.rows();
  }

  /**
   * Gradient of the mean loss in the features, after {@link #lossAndGradient}.
   *
   * @param parameters (input) W and b
   * @param featureGradient (output) rows × m_H
   */
  public void featureGradient(Parameters parameters, FloatMatrix featureGradient) {
    parameters
        .affineLayer(ParameterLayout.OUTPUT_LAYER)
        .inputGradient(outputs.rows(0, featureGradient.rows()), featureGradient);
  }

  /**
   * Adds up loss and errors over some rows.
   *
   * @param parameters (input) W and b
   * @param features (input) rows × m_H
   * @param labels (input) labels of all rows
   * @param firstRow which of the labels belongs to the first row of features
   * @param totals (modified) sum of losses, and number of wrongly classified rows
   */
  void evaluate(
      Parameters parameters, FloatMatrix features, int[] labels, int firstRow, double[] totals) {
    FloatMatrix z = forward(parameters, features);
    for (int i = 0; i < z.rows(); i++) {
      readRow(z.values(), i);
      if (Evaluation.classify(row) != labels[firstRow + i]) {
        totals[1]++;
      }
      totals[0] += loss.value(row, labels[firstRow + i], row);
    }
  }

  private FloatMatrix forward(Parameters parameters, FloatMatrix features) {
    FloatMatrix z = outputs.rows(0, features.rows());
    parameters.affineLayer(ParameterLayout.OUTPUT_LAYER).forward(features, z);
    return z;
  }

  private void readRow(FloatBuffer values, int index) {
    for (int k = 0; k < row.length; k++) {
      row[k] = values.get(index * row.length + k);
    }
  }
}
