package io.fullrank.network.loss;

import io.fullrank.certificate.arithmetic.Upward;

/**
 * ℓ(q, y) = ½‖q − e_y‖², with the one-hot vector e_y of the label.
 *
 * <p>Rounding: the difference is off by a factor 1 + u, its square by (1 + u)³, and the sum of K of
 * them by 1 + γ_{K−1} more. What underflows is far below the absolute part.
 */
record SquaredLoss() implements LossFunction {

  @Override
  public double value(double[] outputs, int label, double[] gradient) {
    double squares = 0;
    for (int k = 0; k < outputs.length; k++) {
      gradient[k] = k == label ? outputs[k] - 1 : outputs[k];
      squares += gradient[k] * gradient[k];
    }
    return squares / 2;
  }

  @Override
  public double gradientLipschitz() {
    return 1;
  }

  @Override
  public double infimum() {
    return 0;
  }

  @Override
  public RoundingBound valueRounding(int classes) {
    return new RoundingBound(Double.MIN_NORMAL * classes, Upward.gamma(classes + 2L));
  }

  @Override
  public RoundingBound gradientRounding(int classes) {
    return new RoundingBound(0, Upward.UNIT_ROUNDOFF);
  }
}
