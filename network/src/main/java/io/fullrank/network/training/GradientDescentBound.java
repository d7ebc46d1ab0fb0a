package io.fullrank.network.training;

import static io.fullrank.certificate.Upward.UNIT_ROUNDOFF;
import static io.fullrank.certificate.Upward.add;
import static io.fullrank.certificate.Upward.divide;
import static io.fullrank.certificate.Upward.gamma;
import static io.fullrank.certificate.Upward.multiply;
import static io.fullrank.certificate.Upward.squareRoot;

import io.fullrank.certificate.FeatureMatrix;
import io.fullrank.network.model.RoundingBound;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * An upper bound on the loss that floating-point gradient descent with step 1/s on an {@link
 * OutputProblem} has after k iterations from V_τ, proven before the first of them.
 *
 * <p><b>Exact arithmetic</b> (theory §3): L(V_k) ≤ L(V̄) + s‖V_τ − V̄‖_F²/(2k) for every V̄. The
 * best comparison point minimises the right-hand side: it is the proximal point of V_τ. A few √k
 * iterations of Nesterov's accelerated gradient method come close to it. V̄ is the matrix of floats
 * that they end with: how well they did decides how good the bound is, not whether it holds. L(V̄)
 * is bounded from the computed outputs, and the distance from the entries.
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
 *   <li>update V − fl(fl(1/s)/n)·G̃, three roundings of the second term and one of the difference:
 *       ‖e_t‖_F ≤ (g + γ₅(‖Φ‖₂‖R_t‖_F + g))/n + suM.
 * </ul>
 *
 * The right-hand side is an increasing function f(δ) through M and L_max. Any δ with f(δ) ≤ δ is
 * valid, by induction over t.
 *
 * <p>Everything that counts is evaluated with upward rounding.
 */
final class GradientDescentBound {

  private static final int ATTEMPTS = 20;

  /** Nesterov's method gains a factor e every √(k + 1) iterations. */
  private static final int ACCURACY = 4;

  private final OutputProblem problem;
  private final double smoothness;
  private final double sigmaMax;
  private final long iterations;
  private final double[] start;
  private final double startNorm;
  private final double startLoss;
  private final double startLossUpperBound;
  private final double half;

  /**
   * The comparison points that were best for the loss after k iterations and for halving the loss.
   */
  private double[] forLoss;

  private double[] forHalving;

  /**
   * Looks for comparison points; this takes about 4√k times as long as an iteration.
   *
   * @param start V_τ, c × K (copied)
   * @param sigmaMax an upper bound on ‖Φ‖₂
   * @param iterations k, at least 1
   */
  GradientDescentBound(
      OutputProblem problem, FeatureMatrix start, double sigmaMax, long iterations) {
    this.problem = problem;
    this.smoothness = problem.smoothness(sigmaMax);
    this.sigmaMax = sigmaMax;
    this.iterations = iterations;
    this.start = problem.toArray(start);
    this.startNorm = OutputProblem.frobeniusNorm(start);
    this.startLoss = problem.evaluate(start).loss();
    double startError = problem.outputError(startNorm);
    this.startLossUpperBound = problem.lossUpperBound(startLoss, startError);
    this.half = problem.lossLowerBound(startLoss, startError) / 2;
    this.forLoss = this.start;
    this.forHalving = this.start;
    search();
  }

  /**
   * Nesterov's method with constant momentum (<i>Introductory Lectures on Convex Optimization</i>,
   * 2004, scheme 2.2.11) from V_τ towards the minimiser of L(V̄) + s‖V̄ − V_τ‖_F²/(2k), which is
   * s(1 + 1/k)-smooth and s/k-strongly convex. Keeps the best points on the way.
   */
  private void search() {
    double root = Math.sqrt(iterations + 1.0);
    double momentum = (root - 1) / (root + 1);
    double pull = smoothness / iterations;
    double rate = 1 / (smoothness + pull);
    double[] point = start.clone();
    double[] previous = start.clone();
    double[] gradient = new double[point.length];
    double leastLoss = Double.POSITIVE_INFINITY;
    double leastIterations = Double.POSITIVE_INFINITY;
    for (long i = 0; i < ACCURACY * root; i++) {
      double loss = problem.gradient(point, gradient);
      double squaredDistance = 0;
      for (int j = 0; j < point.length; j++) {
        squaredDistance += (point[j] - start[j]) * (point[j] - start[j]);
      }
      if (loss + pull / 2 * squaredDistance < leastLoss) {
        leastLoss = loss + pull / 2 * squaredDistance;
        forLoss = point.clone();
      }
      if (iterationsToHalve(loss, squaredDistance) < leastIterations) {
        leastIterations = iterationsToHalve(loss, squaredDistance);
        forHalving = point.clone();
      }
      for (int j = 0; j < point.length; j++) {
        double next = point[j] - rate * (gradient[j] + pull * (point[j] - start[j]));
        point[j] = next + momentum * (next - previous[j]);
        previous[j] = next;
      }
    }
  }

  /** The k for which L(V̄) + s‖V̄ − V_τ‖_F²/(2k) is half the loss of V_τ, to the nearest. */
  private double iterationsToHalve(double loss, double squaredDistance) {
    return loss < half
        ? smoothness * squaredDistance / (2 * (half - loss))
        : Double.POSITIVE_INFINITY;
  }

  /** The loss of V_τ as computed. */
  double startLoss() {
    return startLoss;
  }

  /** The bound on the loss after k iterations; empty if rounding leaves nothing to prove. */
  OptionalDouble loss() {
    return lossAfter(iterations, forLoss);
  }

  /** So many iterations suffice to halve the loss of V_τ; empty if none of the points shows any. */
  OptionalLong iterationsToHalve() {
    double distance = distance(forHalving);
    double estimate = Math.ceil(iterationsToHalve(lossUpperBound(forHalving), distance * distance));
    for (int attempt = 0; attempt < ATTEMPTS && estimate < 1L << 50; attempt++) {
      long candidate = Math.max(1, (long) estimate);
      if (lossAfter(candidate, forHalving).orElse(Double.POSITIVE_INFINITY) <= half) {
        return OptionalLong.of(candidate);
      }
      // The estimate knows nothing of the iterations' rounding errors, which mostly cost one more.
      estimate = Math.ceil(candidate * 1.01) + 1;
    }
    return OptionalLong.empty();
  }

  private OptionalDouble lossAfter(long count, double[] point) {
    OptionalDouble stepError = stepError(count);
    if (stepError.isEmpty()) {
      return OptionalDouble.empty();
    }
    double delta = stepError.getAsDouble();
    double distance = distance(point);
    double distanceTerm = divide(multiply(smoothness, multiply(distance, distance)), 2.0 * count);
    double drift =
        divide(
            multiply(add(multiply(5, (double) count), 3), multiply(delta, delta)), 4 * smoothness);
    double bound =
        add(add(lossUpperBound(point), distanceTerm), add(multiply(delta, distance), drift));
    return Double.isFinite(bound) ? OptionalDouble.of(bound) : OptionalDouble.empty();
  }

  private double lossUpperBound(double[] point) {
    try (FeatureMatrix matrix = problem.toMatrix(point)) {
      return problem.lossUpperBound(matrix);
    }
  }

  /** An upper bound on R = ‖V̄ − V_τ‖_F. */
  private double distance(double[] point) {
    double[] difference = new double[point.length];
    for (int j = 0; j < point.length; j++) {
      // Away from zero, so that the rounded difference is no smaller than the exact one.
      difference[j] = Math.nextUp(Math.abs(point[j] - start[j]));
    }
    try (FeatureMatrix matrix = problem.toMatrix(difference)) {
      return OutputProblem.frobeniusNorm(matrix);
    }
  }

  /** δ for so many iterations; empty if f(δ) ≤ δ is not found. */
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
    double lipschitz = problem.loss().gradientLipschitz();
    double rows = problem.rows();
    RoundingBound rounding = problem.loss().gradientRounding(problem.classes());
    double travelled =
        add(
            squareRoot(divide(multiply(2.0 * count, startLossUpperBound), smoothness)),
            divide(multiply(2.0 * count, delta), smoothness));
    double norm = add(startNorm, travelled);
    double loss =
        add(
            startLossUpperBound,
            divide(multiply((double) count, multiply(delta, delta)), 2 * smoothness));
    double residuals = squareRoot(multiply(multiply(2 * lipschitz, rows), loss));
    double fromOutputs = multiply(lipschitz, problem.outputError(norm));
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
}
