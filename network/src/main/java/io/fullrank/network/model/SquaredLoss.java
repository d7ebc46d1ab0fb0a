package io.fullrank.network.model;

/** ℓ(q, y) = ½‖q − e_y‖², with the one-hot vector e_y of the label. */
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
}
