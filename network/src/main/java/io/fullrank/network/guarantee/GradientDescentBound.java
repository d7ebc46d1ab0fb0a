package io.fullrank.network.guarantee;

import static io.fullrank.certificate.arithmetic.Upward.add;
import static io.fullrank.certificate.arithmetic.Upward.divide;
import static io.fullrank.certificate.arithmetic.Upward.multiply;
import static io.fullrank.certificate.arithmetic.Upward.squareRoot;

import io.fullrank.certificate.matrix.Matrix;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * An upper bound on the loss that floating-point gradient descent with step 1/s on an {@link
 * OutputProblem} has after k iterations from V_τ, rounded to float32 at the end, proven before the
 * first of them.
 *
 * <p><b>Exact arithmetic</b> (theory §3): L(V_k) ≤ L(V̄) + s‖V_τ − V̄‖_F²/(2k) for every V̄.
 *
 * <p><b>Rounding.</b> Write what the program does as V_{t+1} = V_t − (∇L(V_t) + e_t)/s and let
 * ‖e_t‖_F ≤ δ. With x_t = ‖V_{t+1} − V_t‖_F, smoothness and convexity give
 *
 * <ol>
 *   <li>L(V_{t+1}) ≤ L(V_t) − s·x_t²/2 + δx_t ≤ L(V_t) + δ²/(2s),
 *   <li>L(V_{t+1}) ≤ L(V̄) + (s/2)(r_t² − r_{t+1}²) + δr_{t+1} with r_t = ‖V_t − V̄‖_F.
 * </ol>
 *
 * If some L(V_t) ≤ L(V̄), t ≤ k, then (1) gives L(V_k) ≤ L(V̄) + kδ²/(2s). Otherwise (2) gives
 * r_{t+1}² ≤ r_t² + (2δ/s)r_{t+1}, hence r_t ≤ R + 2tδ/s with R = ‖V_τ − V̄‖_F; summing (2) over t
 * and using (1) from each V_{t+1} to V_k,
 *
 * <p>L(V_k) ≤ L(V̄) + sR²/(2k) + δR + (5k + 3)δ²/(4s), in both cases.
 *
 * <p><b>δ.</b> From (1), Σs·x_t²/2 ≤ L(V_τ) + δΣx_t and so ‖V_t − V_τ‖_F ≤ Σx_t ≤ √(2tL(V_τ)/s) +
 * 2tδ/s. Thus all iterates have norm at most M = ‖V_τ‖_F + √(2kL(V_τ)/s) + 2kδ/s and loss at most
 * L_max = L(V_τ) + kδ²/(2s), and their residuals R_t (the rows' loss gradients) ‖R_t‖_F ≤
 * √(2L_ℓnL_max). {@link OutputRounding#stepError} bounds ‖e_t‖_F by these: an increasing function
 * f(δ) through M and L_max. Any δ with f(δ) ≤ δ is valid, by induction over t.
 *
 * <p>Everything that counts is evaluated with upward rounding.
 */
public final class GradientDescentBound extends FirstOrderBound {

  /**
   * Looks for comparison points; this takes about 4√k times as long as an iteration.
   *
   * @param start V_τ, c × K (copied)
   * @param sigmaMax an upper bound on ‖Φ‖₂
   * @param iterations k, at least 1
   */
  public GradientDescentBound(
      OutputProblem problem, Matrix start, double sigmaMax, long iterations) {
    super(problem, start, sigmaMax, iterations, iterations);
  }

  @Override
  double divisor(long count) {
    return count;
  }

  @Override
  double iterationsFor(double divisor) {
    return divisor;
  }

  @Override
  Optional<RoundedIterates> roundedIterates(long count, Comparison point) {
    OptionalDouble stepError = stepError(count);
    if (stepError.isEmpty()) {
      return Optional.empty();
    }
    double delta = stepError.getAsDouble();
    double drift =
        divide(
            multiply(add(multiply(5, (double) count), 3), multiply(delta, delta)),
            4 * smoothness());
    return Optional.of(
        new RoundedIterates(add(multiply(delta, point.distance()), drift), norm(count, delta)));
  }

  /** δ for {@code count} iterations; empty if f(δ) ≤ δ is not found. */
  OptionalDouble stepError(long count) {
    double delta = 2 * stepError(count, 0);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      double next = stepError(count, delta);
      if (next <= delta) {
        return OptionalDouble.of(delta);
      }
      delta = 2 * next;
    }
    return OptionalDouble.empty();
  }

  /** f(δ). */
  private double stepError(long count, double delta) {
    double loss =
        add(
            startLossUpperBound(),
            divide(multiply((double) count, multiply(delta, delta)), 2 * smoothness()));
    double residuals = problem().rounding().residualNorm(loss);
    return problem().rounding().stepError(smoothness(), sigmaMax(), norm(count, delta), residuals);
  }

  /** M. */
  private double norm(long count, double delta) {
    double travelled =
        add(
            squareRoot(divide(multiply(2.0 * count, startLossUpperBound()), smoothness())),
            divide(multiply(2.0 * count, delta), smoothness()));
    return add(startNorm(), travelled);
  }
}
