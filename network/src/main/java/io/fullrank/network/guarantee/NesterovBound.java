package io.fullrank.network.guarantee;

import static io.fullrank.certificate.arithmetic.Upward.UNIT_ROUNDOFF;
import static io.fullrank.certificate.arithmetic.Upward.add;
import static io.fullrank.certificate.arithmetic.Upward.divide;
import static io.fullrank.certificate.arithmetic.Upward.gamma;
import static io.fullrank.certificate.arithmetic.Upward.multiply;
import static io.fullrank.certificate.arithmetic.Upward.squareRoot;

import io.fullrank.certificate.matrix.Matrix;
import java.util.Optional;

/**
 * An upper bound on the loss that {@code NesterovDescent} on an {@link OutputProblem} has after k
 * iterations from V_τ, in floating point, rounded to float32 at the end, proven before the first of
 * them.
 *
 * <p><b>Exact arithmetic</b> (theory §3; Beck, Teboulle 2009, theorem 4.4): L(V_k) ≤ L(V̄) + 2s‖V_τ
 * − V̄‖_F²/(k + 1)² for every V̄.
 *
 * <p><b>Iterates with errors.</b> Let a_0 = 1 and a_{t+1} = (1 + √(1 + 4a_t²))/2, exactly; then
 * a_{t+1}² − a_{t+1} = a_t², (t + 2)/2 ≤ a_t ≤ t + 1, and Σ_{i≤t} a_i = a_t². Write what the
 * program does as
 *
 * <p>V_{t+1} = Y_t − (∇L(Y_t) + e_t)/s, Y_{t+1} = V_{t+1} + (a_t − 1)/a_{t+1}·(V_{t+1} − V_t) +
 * d_{t+1}
 *
 * <p>with Y_0 = V_0 = V_τ, ‖e_t‖_F ≤ δ and a_t‖d_t‖_F ≤ ω. Define Z_t = a_tY_t − (a_t − 1)V_t and
 * Z'_t = Z_t − a_td_t (Z'_0 = Z_0 = V_τ), with distances r_t and r'_t from V̄, and D_t = L(V_t) −
 * L(V̄). Then Z'_{t+1} = Z_t + a_t(V_{t+1} − Y_t), and both Y_t and V_{t+1} are means of V_t and
 * Z_t or Z'_{t+1} with the weights 1 − 1/a_t and 1/a_t. Smoothness and convexity at Y_t, used for
 * the point U = (1 − 1/a_t)V_t + V̄/a_t, whose distance from V_{t+1} is r'_{t+1}/a_t, give
 *
 * <p>a_t²D_{t+1} ≤ (a_t² − a_t)D_t + (s/2)(r_t² − r'_{t+1}²) + a_tδr'_{t+1},
 *
 * <p>where a_t² − a_t is a_{t−1}², and 0 for t = 0: so the sum over t telescopes whatever the signs
 * of the D_t, and no minimiser is needed. With r_t ≤ r'_t + ω,
 *
 * <p>(*) a_t²D_{t+1} + (s/2)r'_{t+1}² ≤ (s/2)R² + δΣ_{i≤t} a_ir'_{i+1} + sΣ_{1≤i≤t} (ωr'_i + ω²/2),
 * R = ‖V_τ − V̄‖_F.
 *
 * <p><b>Where the iterates stay.</b> D ≥ −L(V̄), for losses are not negative. Let B = b + √c₀ with
 * b = 2δk²/s + 2kω and c₀ = R² + 2k²L(V̄)/s + kω²; then B² ≥ bB + c₀, and by induction over t (*)
 * gives r'_t ≤ B for all t ≤ k. Hence V_t is within B of V̄, Y_t within B + ω.
 *
 * <p><b>The bound.</b> (*) for t = k − 1, over a_{k−1}² ≥ (k + 1)²/4:
 *
 * <p>L(V_k) ≤ L(V̄) + 2sR²/(k + 1)² + δB + 4sω(B + ω)/(k + 1).
 *
 * <p><b>δ</b> is {@link OutputRounding#stepError} for a norm of at most ‖V̄‖_F + B + ω and
 * residuals of at most √(2L_ℓnL(Y_t)), where √L(Y_t) ≤ √L(V̄) + √(s/2)(B + ω), see {@link
 * OutputRounding#lossUpperBound}.
 *
 * <p><b>ω.</b> The computed a_t is off by at most γ_{3t}a_t: a step rounds 4a² and 1 + 4a², which
 * the root halves, the root and the sum after it (the division by 2 is exact), three roundings in
 * effect; and if a_t is off by a factor within 1 ± θ, so are √(1 + 4a_t²) and a_{t+1}. For t = 0
 * a_t − 1 is exactly 0. For t = 1 it is 0.38a_t and is computed without rounding (a_1 &lt; 2,
 * Sterbenz), so it is off by γ_3a_1 ≤ 2.62γ_3(a_1 − 1) ≤ γ_8(a_1 − 1), as xγ_k ≤ γ_{xk} for x ≥ 1.
 * For t ≥ 2 it is at least 0.54a_t and off by 1.86γ_{3t} and one rounding, less than γ_{6t+1} ≤
 * γ_{8t}. The computed momentum, of at most 1, is the quotient of this by a_{t+1}, whose error is
 * within γ_{3t+3}, rounded once: off by a factor within 1 + γ_{8t+2(3t+3)+1} ≤ 1 + γ_{14t+8}
 * (Higham, lemma 3.3). A difference and a product more, with ‖V_{t+1} − V_t‖_F ≤ 2B, are within
 * γ_{16(k+1)}, as t &lt; k, and the last sum is rounded once: ‖d_{t+1}‖_F ≤ u(‖V̄‖_F + B) +
 * 2Bγ_{16(k+1)}, and what underflows is below 2⁻¹⁰²². ω is k times that, since a_t ≤ t + 1 ≤ k for
 * the extrapolations before V_k.
 *
 * <p>δ and ω depend on B, which increases with them: what is looked for is a pair that the
 * right-hand sides map to no larger one. It is valid by induction over t.
 */
public final class NesterovBound extends FirstOrderBound {

  /**
   * Looks for comparison points; this takes about 2k times as long as an iteration.
   *
   * @param start V_τ, c × K (copied)
   * @param sigmaMax an upper bound on ‖Φ‖₂
   * @param iterations k, at least 1
   */
  public NesterovBound(OutputProblem problem, Matrix start, double sigmaMax, long iterations) {
    super(problem, start, sigmaMax, iterations, quarterSquare(iterations));
  }

  @Override
  double divisor(long count) {
    return quarterSquare(count);
  }

  /** (k + 1)²/4, rounded downwards. */
  private static double quarterSquare(long count) {
    return Math.nextDown((count + 1.0) * (count + 1.0)) / 4;
  }

  @Override
  double iterationsFor(double divisor) {
    return 2 * Math.sqrt(divisor) - 1;
  }

  @Override
  Optional<RoundedIterates> roundedIterates(long count, Comparison point) {
    return errors(count, point)
        .map(
            errors -> {
              double lookingAhead =
                  divide(
                      multiply(
                          multiply(4 * smoothness(), errors.extrapolation()),
                          add(errors.radius(), errors.extrapolation())),
                      count + 1.0);
              return new RoundedIterates(
                  add(multiply(errors.step(), errors.radius()), lookingAhead),
                  add(point.norm(), errors.radius()));
            });
  }

  /**
   * Bounds on the errors of all iterations.
   *
   * @param radius B
   * @param step δ
   * @param extrapolation ω
   */
  record Errors(double radius, double step, double extrapolation) {}

  /** Bounds for {@code count} iterations, less than 2⁴⁰; empty if none are found. */
  Optional<Errors> errors(long count, Comparison point) {
    if (count >= 1L << 40) {
      return Optional.empty();
    }
    double delta = 0;
    double omega = 0;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      double radius = radius(count, point, delta, omega);
      double nextOmega = extrapolationError(count, point, radius);
      double nextDelta = stepError(point, add(radius, omega));
      if (nextDelta <= delta && nextOmega <= omega) {
        return Optional.of(new Errors(radius, delta, omega));
      }
      delta = 2 * nextDelta;
      omega = 2 * nextOmega;
    }
    return Optional.empty();
  }

  /** B. */
  private double radius(double count, Comparison point, double delta, double omega) {
    double square = multiply(count, count);
    double b = add(divide(multiply(2 * delta, square), smoothness()), multiply(2 * omega, count));
    double c =
        add(
            add(
                multiply(point.distance(), point.distance()),
                divide(multiply(2 * point.loss(), square), smoothness())),
            multiply(count, multiply(omega, omega)));
    return add(b, squareRoot(c));
  }

  private double extrapolationError(long count, Comparison point, double radius) {
    double sum = multiply(UNIT_ROUNDOFF, add(point.norm(), radius));
    double momentum = multiply(2 * radius, gamma(16 * (count + 1)));
    return multiply(count, add(add(sum, momentum), Double.MIN_NORMAL));
  }

  /**
   * δ.
   *
   * @param reach an upper bound on the distance of Y_t from V̄
   */
  private double stepError(Comparison point, double reach) {
    double root = add(squareRoot(point.loss()), multiply(squareRoot(smoothness() / 2), reach));
    return problem()
        .rounding()
        .stepError(
            smoothness(),
            sigmaMax(),
            add(point.norm(), reach),
            problem().rounding().residualNorm(multiply(root, root)));
  }
}
