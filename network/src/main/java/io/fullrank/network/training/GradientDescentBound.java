package io.fullrank.network.training;

import static io.fullrank.certificate.Upward.UNIT_ROUNDOFF;
import static io.fullrank.certificate.Upward.add;
import static io.fullrank.certificate.Upward.divide;
import static io.fullrank.certificate.Upward.gamma;
import static io.fullrank.certificate.Upward.multiply;
import static io.fullrank.certificate.Upward.squareRoot;

import io.fullrank.certificate.DenseLinearAlgebra;
import io.fullrank.certificate.FeatureMatrix;
import io.fullrank.certificate.GramCholesky;
import io.fullrank.network.model.RoundingBound;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.function.DoubleUnaryOperator;

/**
 * An upper bound on the loss that floating-point gradient descent with step 1/s on an {@link
 * OutputProblem} has after k iterations from V_τ, proven before the first of them.
 *
 * <p><b>Exact arithmetic</b> (theory §3, KS21): L(V_k) ≤ L(V̄) + s‖V_τ − V̄‖_F²/(2k) for every V̄.
 * The points V̄_c = V_τ + cD, c ≥ 0, are tried, where D is the matrix of floats that comes out of
 * Φᵀ(ΦΦᵀ)⁻¹Y, so that ΦD ≈ Y, the outputs' {@link
 * io.fullrank.network.model.LossFunction#descentDirection}. V̄_c is exactly this sum: how well the
 * system was solved decides how good the bound is, not whether it holds. ‖D‖_F is bounded from its
 * entries and L(V̄_c) from the computed outputs fl(ΦV_τ) + c·fl(ΦD).
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
 * √(2L_ℓnL_max). In one step, with u = 2⁻⁵³ and any order of summation,
 *
 * <ul>
 *   <li>outputs: ‖fl(ΦV) − ΦV‖_F ≤ γ_c‖Φ‖_F·M =: z;
 *   <li>residuals: off by ρ = L_ℓz + √n·a + r(‖R_t‖_F + L_ℓz), a and r from {@link
 *       io.fullrank.network.model.LossFunction#gradientRounding};
 *   <li>gradient sum G = ΦᵀR_t: off by g = ‖Φ‖₂ρ + γ_n‖Φ‖_F(‖R_t‖_F + ρ);
 *   <li>update V − fl(fl(1/s)/n)·G̃, four roundings of the second term and one of the difference:
 *       ‖e_t‖_F ≤ (g + γ₅(‖Φ‖₂‖R_t‖_F + g))/n + suM.
 * </ul>
 *
 * The right-hand side is an increasing function f(δ) through M and L_max. Any δ with f(δ) ≤ δ is
 * valid, by induction over t.
 *
 * <p>Everything is evaluated with upward rounding. Holds native memory until closed.
 */
final class GradientDescentBound implements AutoCloseable {

  private static final int SEARCH_STEPS = 60;
  private static final int ATTEMPTS = 20;

  private final OutputProblem problem;
  private final double smoothness;
  private final double sigmaMax;
  private final FeatureMatrix startOutputs;
  private final FeatureMatrix directionOutputs;
  private final double startNorm;
  private final double directionNorm;
  private final double startLoss;
  private final double startLossUpperBound;
  private final double startLossLowerBound;

  /**
   * Prepares the bound: one Cholesky factorisation of ΦΦᵀ.
   *
   * @param start V_τ, c × K
   * @param smoothness s, at least L_ℓ‖Φ‖₂²/n; the program's step is fl(fl(1/s)/n)
   * @param sigmaMax an upper bound on ‖Φ‖₂
   */
  GradientDescentBound(
      OutputProblem problem,
      FeatureMatrix start,
      double smoothness,
      double sigmaMax,
      DenseLinearAlgebra algebra) {
    this.problem = problem;
    this.smoothness = smoothness;
    this.sigmaMax = sigmaMax;
    this.startOutputs = problem.outputs(start);
    try (FeatureMatrix direction = direction(problem, startOutputs, algebra)) {
      this.directionOutputs = problem.outputs(direction);
      this.directionNorm = OutputProblem.frobeniusNorm(direction);
    }
    this.startNorm = OutputProblem.frobeniusNorm(start);
    this.startLoss = problem.lossAlong(startOutputs, directionOutputs, 0);
    double startError = problem.outputError(startNorm, 0);
    this.startLossUpperBound = problem.lossUpperBound(startLoss, startError);
    this.startLossLowerBound = problem.lossLowerBound(startLoss, startError);
  }

  /** D ≈ Φᵀ(ΦΦᵀ)⁻¹Y; where the factorisation breaks down, D = ΦᵀY, a direction like any other. */
  private static FeatureMatrix direction(
      OutputProblem problem, FeatureMatrix startOutputs, DenseLinearAlgebra algebra) {
    try (FeatureMatrix y = problem.descentDirections(startOutputs)) {
      Optional<GramCholesky> factor = GramCholesky.factorise(problem.features(), algebra);
      if (factor.isEmpty()) {
        return problem.transposedProduct(y);
      }
      try (GramCholesky cholesky = factor.get();
          FeatureMatrix x = cholesky.solve(y)) {
        return problem.transposedProduct(x);
      }
    }
  }

  /** The loss of V_τ as computed. */
  double startLoss() {
    return startLoss;
  }

  /**
   * The bound on the loss after so many iterations.
   *
   * @param iterations k, at least 1
   * @return empty if rounding leaves nothing to prove
   */
  OptionalDouble lossAfter(long iterations) {
    return lossAfter(iterations, smallest(c -> lossAt(c) + distanceTerm(iterations, c)));
  }

  /**
   * So many iterations suffice to halve the loss of V_τ.
   *
   * @return empty if that cannot be shown
   */
  OptionalLong iterationsToHalve() {
    double target = startLossLowerBound / 2;
    DoubleUnaryOperator iterations =
        c -> {
          double gain = target - lossAt(c);
          return gain > 0 ? distanceTerm(1, c) / gain : Double.POSITIVE_INFINITY;
        };
    double c = smallest(iterations);
    double estimate = Math.ceil(iterations.applyAsDouble(c));
    for (int attempt = 0; attempt < ATTEMPTS && estimate < 1L << 50; attempt++) {
      long candidate = Math.max(1, (long) estimate);
      if (lossAfter(candidate, c).orElse(Double.POSITIVE_INFINITY) <= target) {
        return OptionalLong.of(candidate);
      }
      // The estimate knows nothing of rounding errors, which mostly cost an iteration or two.
      estimate = Math.ceil(candidate * 1.01) + 1;
    }
    return OptionalLong.empty();
  }

  private double lossAt(double c) {
    return problem.lossAlong(startOutputs, directionOutputs, c);
  }

  /** s‖V_τ − V̄_c‖_F²/(2k), to the nearest. */
  private double distanceTerm(long iterations, double c) {
    double distance = c * directionNorm;
    return smoothness * distance * distance / (2.0 * iterations);
  }

  /**
   * Where a function that falls and then rises is smallest on c ≥ 0, approximately: any c gives a
   * valid bound.
   */
  private static double smallest(DoubleUnaryOperator f) {
    double end = 0x1p-20;
    while (end < 0x1p40 && f.applyAsDouble(2 * end) <= f.applyAsDouble(end)) {
      end *= 2;
    }
    double low = 0;
    double high = 2 * end;
    double golden = (Math.sqrt(5) - 1) / 2;
    for (int i = 0; i < SEARCH_STEPS; i++) {
      double left = high - golden * (high - low);
      double right = low + golden * (high - low);
      if (f.applyAsDouble(left) >= f.applyAsDouble(right)) {
        low = left;
      } else {
        high = right;
      }
    }
    return high;
  }

  private OptionalDouble lossAfter(long iterations, double c) {
    OptionalDouble stepError = stepError(iterations);
    if (stepError.isEmpty()) {
      return OptionalDouble.empty();
    }
    double delta = stepError.getAsDouble();
    double distance = multiply(c, directionNorm);
    // Scaling and adding the outputs rounds twice more, by at most 3u(|fl(ΦV_τ)| + c|fl(ΦD)|).
    double outputError = problem.outputError(add(startNorm, distance), 4);
    double loss = problem.lossUpperBound(lossAt(c), outputError);
    double distanceTerm =
        divide(multiply(smoothness, multiply(distance, distance)), 2.0 * iterations);
    double drift =
        divide(multiply(add(multiply(5, iterations), 3), multiply(delta, delta)), 4 * smoothness);
    double bound = add(add(loss, distanceTerm), add(multiply(delta, distance), drift));
    return Double.isFinite(bound) ? OptionalDouble.of(bound) : OptionalDouble.empty();
  }

  /** δ for so many iterations; empty if f(δ) ≤ δ is not found. */
  OptionalDouble stepError(long iterations) {
    double delta = 2 * stepError(iterations, 0);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      double next = stepError(iterations, delta);
      if (next <= delta) {
        return OptionalDouble.of(delta);
      }
      delta = 2 * next;
    }
    return OptionalDouble.empty();
  }

  /** f(δ). */
  private double stepError(long iterations, double delta) {
    double lipschitz = problem.loss().gradientLipschitz();
    double rows = problem.rows();
    RoundingBound rounding = problem.loss().gradientRounding(problem.classes());
    double travelled =
        add(
            squareRoot(divide(multiply(2.0 * iterations, startLossUpperBound), smoothness)),
            divide(multiply(2.0 * iterations, delta), smoothness));
    double norm = add(startNorm, travelled);
    double loss =
        add(
            startLossUpperBound,
            divide(multiply(iterations, multiply(delta, delta)), 2 * smoothness));
    double residuals = squareRoot(multiply(2 * lipschitz * rows, loss));
    double fromOutputs = multiply(lipschitz, problem.outputError(norm, 0));
    double residualError =
        add(
            add(fromOutputs, multiply(squareRoot(rows), rounding.absolute())),
            multiply(rounding.relative(), add(residuals, fromOutputs)));
    double gradientError =
        add(
            multiply(sigmaMax, residualError),
            problem.transposedProductError(add(residuals, residualError)));
    double gradient = add(multiply(sigmaMax, residuals), gradientError);
    return add(
        divide(add(gradientError, multiply(gamma(5), gradient)), rows),
        multiply(smoothness, multiply(UNIT_ROUNDOFF, norm)));
  }

  @Override
  public void close() {
    startOutputs.close();
    directionOutputs.close();
  }
}
