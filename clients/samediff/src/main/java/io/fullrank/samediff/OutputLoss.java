package io.fullrank.samediff;

import io.fullrank.proto.v1.Loss;
import java.util.Arrays;

/**
 * The mean loss of an output layer on given features, bounded from above with all rounding. Let u =
 * 2⁻⁵³; the factors below are twice what the first-order analysis needs, which covers the rest.
 *
 * <ul>
 *   <li>Outputs: z = φV with c = m_H + 1 products is off by at most γ_c Σ|φ_j v_j| in any order
 *       (Higham, <i>Accuracy and Stability</i>, §3.1), and by 2⁻¹⁰²² a product where it underflows;
 *       call that e.
 *   <li>Cross-entropy: the gradient of ln Σ exp(z_k) − z_y has 1-norm at most 2, so errors of the
 *       outputs change it by at most 2 max e. With t = z − max z, the sum of exponentials is at
 *       least 1 and off by at most (2K + 4)u relative, its logarithm by at most 2u relative more,
 *       t_y and the difference by u relative each.
 *   <li>Half the squared distance: at most half the sum of (|z_k − y_k| + e_k)², K + 5 roundings.
 * </ul>
 *
 * @param weight m_H × K, row-major
 * @param bias K entries
 */
record OutputLoss(double[] weight, double[] bias, Loss loss) {

  private static final double TWO_UNITS = 0x1p-52;

  /**
   * Returns an upper bound on the exact mean loss; positive infinity for a loss that is not known.
   *
   * @param features n × m_H, row-major
   * @param labels n × K, row-major, one-hot
   */
  double upperBound(double[] features, double[] labels) {
    int classes = bias.length;
    int rows = labels.length / classes;
    int width = features.length / rows;
    double sum = 0;
    double[] outputs = new double[classes];
    double[] sizes = new double[classes];
    double[] label = new double[classes];
    for (int i = 0; i < rows; i++) {
      for (int k = 0; k < classes; k++) {
        outputs[k] = bias[k];
        sizes[k] = Math.abs(bias[k]);
      }
      for (int j = 0; j < width; j++) {
        double feature = features[i * width + j];
        for (int k = 0; k < classes; k++) {
          double product = feature * weight[j * classes + k];
          outputs[k] += product;
          sizes[k] += Math.abs(product);
        }
      }
      for (int k = 0; k < classes; k++) {
        sizes[k] = (width + 2) * (TWO_UNITS * sizes[k] + Double.MIN_NORMAL);
      }
      System.arraycopy(labels, i * classes, label, 0, classes);
      sum += rowUpperBound(loss, outputs, sizes, label);
    }
    return Math.nextUp(sum / rows * (1 + (rows + 2) * TWO_UNITS));
  }

  /**
   * Returns the mean loss of outputs, hardly more than that; positive infinity for a loss that is
   * not known.
   *
   * @param outputs rows × K, row-major
   * @param labels rows × K, row-major, one-hot
   */
  static double ofOutputs(double[] outputs, double[] labels, int classes, Loss loss) {
    int rows = outputs.length / classes;
    double[] exact = new double[classes];
    double sum = 0;
    for (int i = 0; i < rows; i++) {
      double[] row = Arrays.copyOfRange(outputs, i * classes, (i + 1) * classes);
      double[] label = Arrays.copyOfRange(labels, i * classes, (i + 1) * classes);
      sum += rowUpperBound(loss, row, exact, label);
    }
    return sum / rows;
  }

  private static double rowUpperBound(
      Loss loss, double[] outputs, double[] errors, double[] label) {
    return switch (loss) {
      case LOSS_CROSS_ENTROPY -> crossEntropy(outputs, errors, label);
      case LOSS_SQUARED -> squared(outputs, errors, label);
      default -> Double.POSITIVE_INFINITY;
    };
  }

  private static double crossEntropy(double[] outputs, double[] errors, double[] label) {
    double largest = Double.NEGATIVE_INFINITY;
    double error = 0;
    int expected = 0;
    for (int k = 0; k < outputs.length; k++) {
      largest = Math.max(largest, outputs[k]);
      error = Math.max(error, errors[k]);
      expected = label[k] > label[expected] ? k : expected;
    }
    double exponentials = 0;
    for (double output : outputs) {
      exponentials += StrictMath.exp(output - largest);
    }
    double logarithm = StrictMath.log(exponentials);
    double distance = outputs[expected] - largest;
    double value = logarithm - distance;
    double rounding =
        TWO_UNITS * (2 * outputs.length + 5 + 2 * logarithm + Math.abs(distance) + Math.abs(value));
    return value + 2 * error + rounding;
  }

  private static double squared(double[] outputs, double[] errors, double[] label) {
    double sum = 0;
    for (int k = 0; k < outputs.length; k++) {
      double distance = Math.abs(outputs[k] - label[k]) + errors[k];
      sum += distance * distance;
    }
    return sum / 2 * (1 + (outputs.length + 6) * TWO_UNITS);
  }
}
