package io.fullrank.network.jacobian;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.loss.RoundingBound;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.proto.v1.Loss;

/**
 * The loss at a network's outputs as computed.
 *
 * @param mean the mean loss over the examples, rounded
 * @param gradientNormLowerBound a lower bound on ‖g‖ with g = (g_1, …, g_n), where g_i = ∇ℓ(f_i,
 *     y_i) is the exact gradient at these outputs
 */
public record LossAtOutputs(double mean, double gradientNormLowerBound) {

  /**
   * Computes both.
   *
   * @param outputs (input) f, n × K
   * @param labels (input) y_1 … y_n
   * @throws IllegalArgumentException if it is no loss that is computed here
   */
  public static LossAtOutputs of(FloatMatrix outputs, int[] labels, Loss loss) {
    LossFunction function = LossFunction.of(loss);
    int classes = outputs.columns();
    RoundingBound rounding = function.gradientRounding(classes);
    double relative = Upward.add(1, rounding.relative());
    double[] row = new double[classes];
    double sum = 0;
    NormLowerBound norm = new NormLowerBound();
    for (int i = 0; i < labels.length; i++) {
      for (int k = 0; k < classes; k++) {
        row[k] = outputs.values().get(i * classes + k);
      }
      sum += function.value(row, labels[i], row);
      NormLowerBound computed = new NormLowerBound();
      for (double number : row) {
        computed.add(number);
      }
      double apart = Math.nextDown(computed.value() - rounding.absolute());
      norm.add(Math.max(0, Math.nextDown(apart / relative)));
    }
    return new LossAtOutputs(sum / labels.length, norm.value());
  }
}
