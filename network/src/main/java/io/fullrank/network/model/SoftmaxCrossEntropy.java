package io.fullrank.network.model;

/**
 * ℓ(q, y) = ln Σ_k e^{q_k} − q_y. The largest output is subtracted before the exponential, so that
 * nothing overflows. Its Hessian diag(p) − ppᵀ has norm at most 1/2 (theory §1). The infimum 0 is
 * not attained.
 */
record SoftmaxCrossEntropy() implements LossFunction {

  @Override
  public double value(double[] outputs, int label, double[] gradient) {
    double largest = Double.NEGATIVE_INFINITY;
    for (double output : outputs) {
      largest = Math.max(largest, output);
    }
    double own = outputs[label] - largest;
    double sum = 0;
    for (int k = 0; k < outputs.length; k++) {
      gradient[k] = StrictMath.exp(outputs[k] - largest);
      sum += gradient[k];
    }
    for (int k = 0; k < outputs.length; k++) {
      gradient[k] /= sum;
    }
    gradient[label] -= 1;
    return StrictMath.log(sum) - own;
  }

  @Override
  public double gradientLipschitz() {
    return 0.5;
  }

  @Override
  public double infimum() {
    return 0;
  }
}
