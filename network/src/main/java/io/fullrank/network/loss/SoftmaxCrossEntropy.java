package io.fullrank.network.loss;

import static io.fullrank.certificate.arithmetic.Upward.UNIT_ROUNDOFF;

/**
 * ℓ(q, y) = ln Σ_k e^{q_k} − q_y. The largest output is subtracted before the exponential, so that
 * nothing overflows. Its Hessian diag(p) − ppᵀ has norm at most 1/2 (theory §1). The infimum 0 is
 * not attained.
 *
 * <p>Rounding, with u = 2⁻⁵³ and K classes (K ≤ 10⁵). Let δ_k = q_k − max q ≤ 0 and S = Σ e^{δ_k},
 * 1 ≤ S ≤ K. The computed d_k is within u|δ_k| of δ_k, and {@link StrictMath} is within 1 ulp, at
 * most 2u relatively. As |δ|e^{δ} ≤ 1/e, each computed exponential is within 2.5u of e^{δ_k}; their
 * computed sum is within 2.5uK + γ_{K−1}K ≤ 1.001u(K² + 1.6K) of S. So ln S is off by at most
 * 1.01u(K² + 1.6K) + 2u ln S, own by u|δ_y|, and since ln S ≤ ℓ and |δ_y| ≤ ℓ, the loss is off by
 * at most 2u(K + 1)² + 5uℓ. A quotient e^{δ_k}/S is off by at most 3.6u + 1.01u(K² +
 * 1.6K)e^{δ_k}/S, and subtracting 1 adds u; summed over k, at most 3u(K + 1)².
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

  @Override
  public RoundingBound valueRounding(int classes) {
    return new RoundingBound(
        2 * UNIT_ROUNDOFF * (classes + 1.0) * (classes + 1.0), 5 * UNIT_ROUNDOFF);
  }

  @Override
  public RoundingBound gradientRounding(int classes) {
    return new RoundingBound(3 * UNIT_ROUNDOFF * (classes + 1.0) * (classes + 1.0), 0);
  }
}
