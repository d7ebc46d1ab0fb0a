package io.fullrank.certificate.kernel;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.matrix.Rows;

/**
 * What a certified lower bound s on the smallest singular value of a Jacobian J (nK rows) says
 * about the gradient of the training loss L = (1/n)·Σ ℓ_i in the same parameters, (1/n)·Jᵀg with
 * g_i = ∂ℓ_i/∂f_i. All bounds are rounded to the side on which they stay true.
 *
 * @param sigmaMinLowerBound s, positive
 * @param examples n
 */
public record GradientBounds(double sigmaMinLowerBound, int examples) {

  /**
   * Checks the figures.
   *
   * @throws IllegalArgumentException if the bound is not positive and finite, or there is no
   *     example
   */
  public GradientBounds {
    if (!(sigmaMinLowerBound > 0 && Double.isFinite(sigmaMinLowerBound)) || examples < 1) {
      throw new IllegalArgumentException(
          "a bound of "
              + sigmaMinLowerBound
              + " for "
              + examples
              + " examples says nothing; both have to be positive");
    }
  }

  /**
   * Returns at most s²/n, a constant μ of Polyak and Łojasiewicz at these weights for squared loss:
   * with ℓ_i = ½‖f_i − y_i‖², ‖∇L‖² ≥ 2μL.
   */
  public double polyakLojasiewicz() {
    return down(down(sigmaMinLowerBound * sigmaMinLowerBound) / examples);
  }

  /**
   * Returns at most (s/n)·‖g‖, a lower bound on ‖∇L‖, as ‖Jᵀg‖ ≥ σ_min(J)·‖g‖.
   *
   * <p>u = 2^-53. The computed sum of the squares of c numbers is at most (1 + γ_{c+1}) times the
   * exact one and c·2^-1074 more, for squares that are rounded up to subnormal numbers.
   *
   * @param lossGradients (input) g, n × K, finite
   * @throws IllegalArgumentException if g does not have n rows, or is not finite
   */
  public double gradientNorm(Rows lossGradients) {
    if (lossGradients.rows() != examples) {
      throw new IllegalArgumentException(
          "gradients of the loss of "
              + lossGradients.rows()
              + " examples for a certificate of "
              + examples);
    }
    double[] row = new double[(int) lossGradients.columns()];
    double sum = 0;
    for (int i = 0; i < examples; i++) {
      lossGradients.getRow(i, 0, row, 0, row.length);
      for (double g : row) {
        if (!Double.isFinite(g)) {
          throw new IllegalArgumentException(
              "the gradient of the loss of example " + i + " is " + g + "; it has to be finite");
        }
        sum += g * g;
      }
    }
    long count = (long) examples * row.length;
    double exact = down(sum - Upward.multiply(count, Double.MIN_VALUE));
    double squares = down(exact / Upward.add(1, Upward.gamma(count + 1)));
    return gradientNorm(Math.min(down(Math.sqrt(squares)), Double.MAX_VALUE));
  }

  /**
   * Returns at most (s/n)·‖g‖, a lower bound on ‖∇L‖.
   *
   * @param lossGradientNorm a finite lower bound on ‖g‖, at least 0
   */
  public double gradientNorm(double lossGradientNorm) {
    return down(down(sigmaMinLowerBound * lossGradientNorm) / examples);
  }

  /**
   * Returns s: a Jacobian J' of the same shape with ‖J' − J‖_F below it has full row rank, too, by
   * Weyl's inequality.
   */
  public double radius() {
    return sigmaMinLowerBound;
  }

  /** Returns a number below one that was rounded to nearest, and not below 0. */
  private static double down(double rounded) {
    return Math.max(0, Math.nextDown(rounded));
  }
}
