package io.fullrank.network.guarantee;

import static io.fullrank.certificate.arithmetic.Upward.add;
import static io.fullrank.certificate.arithmetic.Upward.divide;
import static io.fullrank.certificate.arithmetic.Upward.gamma;
import static io.fullrank.certificate.arithmetic.Upward.multiply;
import static io.fullrank.certificate.arithmetic.Upward.squareRoot;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.loss.RoundingBound;

/**
 * What rounding can do to the computations of an {@link OutputProblem}, bounded from above with
 * upward rounding.
 *
 * @param rows n
 * @param columns c
 * @param classes K
 * @param frobeniusNorm an upper bound on ‖Φ‖_F
 */
record OutputRounding(
    int rows, long columns, int classes, double frobeniusNorm, LossFunction loss) {

  /**
   * What underflow can add to a product's norm, per 1 + ‖Φ‖_F: 2⁻¹⁰²¹ for each of fewer than 2¹²⁰
   * operations and entries flushed to zero.
   */
  private static final double UNDERFLOW = 0x1p-900;

  /**
   * An upper bound on the rounding error ‖fl(ΦV) − ΦV‖_F ≤ γ_c‖Φ‖_F‖V‖_F (Higham, <i>Accuracy and
   * Stability</i>, §3.5), whatever the order of summation.
   *
   * @param norm an upper bound on ‖V‖_F
   */
  double outputError(double norm) {
    double relative = gamma(columns);
    return add(
        multiply(relative, multiply(frobeniusNorm, norm)), multiply(UNDERFLOW, 1 + frobeniusNorm));
  }

  /**
   * An upper bound on the rounding error ‖fl(ΦᵀX) − ΦᵀX‖_F.
   *
   * @param norm an upper bound on ‖X‖_F
   */
  double transposedProductError(double norm) {
    return add(
        multiply(gamma(rows), multiply(frobeniusNorm, norm)),
        multiply(UNDERFLOW, 1 + frobeniusNorm));
  }

  /**
   * An upper bound on ‖R‖_F, the norm of the rows' loss gradients, where the mean loss is at most
   * {@code meanLoss}: ‖∇ℓ‖² ≤ 2L_ℓℓ for every nonnegative loss with L_ℓ-Lipschitz gradient.
   */
  double residualNorm(double meanLoss) {
    return squareRoot(multiply(multiply(2 * loss.gradientLipschitz(), rows), meanLoss));
  }

  /**
   * An upper bound on ‖e‖_F, where {@link OutputProblem#descend} does V⁺ = V − (∇L(V) + e)/s. With
   * u = 2⁻⁵³ and any order of summation,
   *
   * <ul>
   *   <li>outputs: ‖fl(ΦV) − ΦV‖_F ≤ γ_c‖Φ‖_F‖V‖_F =: z;
   *   <li>residuals: off by ρ = L_ℓz + √n·a + r(‖R‖_F + L_ℓz), a and r from {@link
   *       LossFunction#gradientRounding};
   *   <li>gradient sum G = ΦᵀR: off by g = ‖Φ‖₂ρ + γ_n‖Φ‖_F(‖R‖_F + ρ);
   *   <li>update V − fl(fl(1/s)/n)·G̃, three roundings of the second term, which that of the
   *       difference makes four, and one of V: ‖e‖_F ≤ (g + γ₅(‖Φ‖₂‖R‖_F + g))/n + su‖V‖_F.
   * </ul>
   *
   * <p>Underflow, to zero included: that of the two products is in {@link #outputError} and {@link
   * #transposedProductError}, that of the residuals in the loss's absolute bound or, where that is
   * 0, impossible, since a difference of doubles does not underflow. In the update, fl(fl(1/s)/n)
   * is normal, since features are float32 numbers and s is far below 2¹⁰⁰⁰; its product with an
   * entry of G̃ loses at most 2⁻¹⁰²² in each of the cK entries, and s times that in e. The
   * difference from V loses nothing.
   *
   * @param smoothness s
   * @param sigmaMax an upper bound on ‖Φ‖₂
   * @param norm an upper bound on ‖V‖_F
   * @param residuals an upper bound on ‖R‖_F
   */
  double stepError(double smoothness, double sigmaMax, double norm, double residuals) {
    double lipschitz = loss.gradientLipschitz();
    RoundingBound rounding = loss.gradientRounding(classes);
    double fromOutputs = multiply(lipschitz, outputError(norm));
    double residualError =
        add(
            add(fromOutputs, multiply(squareRoot(rows), rounding.absolute())),
            multiply(rounding.relative(), add(residuals, fromOutputs)));
    double gradientError =
        add(
            multiply(sigmaMax, residualError),
            transposedProductError(add(residuals, residualError)));
    double gradient = add(multiply(sigmaMax, residuals), gradientError);
    return add(
        divide(add(gradientError, multiply(gamma(5), gradient)), rows),
        multiply(
            smoothness,
            add(
                multiply(Upward.UNIT_ROUNDOFF, norm),
                multiply((double) columns * classes, Double.MIN_NORMAL))));
  }

  /**
   * An upper bound on the exact mean loss, from the computed mean loss of computed outputs.
   *
   * <p>The computed mean of n losses is within γ_n of the mean of the computed losses, and {@link
   * LossFunction#valueRounding} bounds the error of each. For a nonnegative loss with L_ℓ-Lipschitz
   * gradient, ‖∇ℓ‖² ≤ 2L_ℓℓ, hence ℓ(q + d) ≤ ℓ(q) + ‖∇ℓ(q)‖‖d‖ + L_ℓ‖d‖²/2 ≤ (√ℓ(q) +
   * √(L_ℓ/2)‖d‖)², and for the means √L(Z + E) ≤ √L(Z) + √(L_ℓ/(2n))‖E‖_F.
   *
   * @param computed the computed mean loss
   * @param outputError an upper bound on the error of the outputs in the Frobenius norm
   */
  double lossUpperBound(double computed, double outputError) {
    RoundingBound rounding = loss.valueRounding(classes);
    double mean = multiply(computed, add(1, 2 * gamma(rows)));
    double atComputedOutputs =
        multiply(add(mean, rounding.absolute()), add(1, 2 * rounding.relative()));
    double root = add(squareRoot(atComputedOutputs), outputInfluence(outputError));
    return multiply(root, root);
  }

  /**
   * An upper bound on the exact mean loss of fl32(V), where V is rounded to float32, from one on
   * that of V. Unless an entry leaves the range of float32, after which no finite weights could be
   * published, rounding to nearest moves it by at most 2⁻²⁴ of its size or, where it becomes
   * subnormal, by at most 2⁻¹⁵⁰; the outputs move by at most ‖Φ‖₂ times as much in the Frobenius
   * norm, and the loss as in {@link #lossUpperBound}.
   *
   * @param lossOfV an upper bound on the exact mean loss of V
   * @param sigmaMax an upper bound on ‖Φ‖₂
   * @param norm an upper bound on ‖V‖_F
   */
  double publishedLossUpperBound(double lossOfV, double sigmaMax, double norm) {
    double moved =
        add(multiply(0x1p-24, norm), multiply(0x1p-150, squareRoot((double) columns * classes)));
    double root = add(squareRoot(lossOfV), outputInfluence(multiply(sigmaMax, moved)));
    return multiply(root, root);
  }

  /** The lower bound that belongs to {@link #lossUpperBound}. */
  double lossLowerBound(double computed, double outputError) {
    RoundingBound rounding = loss.valueRounding(classes);
    double mean = computed * (1 - 4 * gamma(rows));
    double atComputedOutputs = (mean - 2 * rounding.absolute()) * (1 - 4 * rounding.relative());
    double root =
        Math.nextDown(Math.sqrt(Math.max(0, atComputedOutputs))) - outputInfluence(outputError);
    return root <= 0 ? 0 : Math.nextDown(Math.nextDown(root) * Math.nextDown(root));
  }

  private double outputInfluence(double outputError) {
    return multiply(squareRoot(divide(loss.gradientLipschitz() / 2, rows)), outputError);
  }
}
