package io.fullrank.network.loss;

import io.fullrank.proto.v1.Loss;

/**
 * A loss ℓ(q, y) of one row's outputs q ∈ R^K and label y: nonnegative, convex and differentiable
 * in q, with a Lipschitz-continuous gradient (KS21, Assumption 1). The training loss is its mean
 * over the rows. Evaluated in float64.
 */
public interface LossFunction {

  /**
   * Returns the loss function of that name.
   *
   * @throws IllegalArgumentException if none is named, or that of a program outside Fullrank
   */
  static LossFunction of(Loss loss) {
    return switch (loss) {
      case LOSS_CROSS_ENTROPY -> new SoftmaxCrossEntropy();
      case LOSS_SQUARED -> new SquaredLoss();
      case LOSS_UNSPECIFIED, UNRECOGNIZED ->
          throw new IllegalArgumentException("loss: none is given");
      case LOSS_EXTERNAL ->
          throw new IllegalArgumentException(
              "loss: the loss of a program outside Fullrank cannot be computed here");
    };
  }

  /**
   * Returns ℓ(q, y) and its gradient.
   *
   * @param outputs (input) q
   * @param label y, 0 to K − 1
   * @param gradient (output) ∂ℓ/∂q; may be the array of outputs
   */
  double value(double[] outputs, int label, double[] gradient);

  /** Returns L_ℓ, a Lipschitz constant of the gradient in the Euclidean norm. */
  double gradientLipschitz();

  /** Returns inf over q of ℓ(q, y), the same for each label. */
  double infimum();

  /**
   * Returns a bound on the rounding error of the loss that {@link #value} returns for finite
   * outputs of {@code classes} classes.
   */
  RoundingBound valueRounding(int classes);

  /** Returns a bound on the rounding error of the gradient that {@link #value} sets, likewise. */
  RoundingBound gradientRounding(int classes);
}
