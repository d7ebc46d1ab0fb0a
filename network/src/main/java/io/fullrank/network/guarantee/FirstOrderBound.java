package io.fullrank.network.guarantee;

import static io.fullrank.certificate.arithmetic.Upward.add;
import static io.fullrank.certificate.arithmetic.Upward.divide;
import static io.fullrank.certificate.arithmetic.Upward.multiply;

import io.fullrank.certificate.matrix.Matrix;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * An upper bound on the loss that a floating-point first-order method with step 1/s on an {@link
 * OutputProblem} has after k iterations from V_τ, its result rounded to float32 as it is published,
 * proven before the first iteration.
 *
 * <p><b>Exact arithmetic</b> (theory §3): L(V_k) ≤ L(V̄) + s‖V_τ − V̄‖_F²/(2m) for every V̄, with
 * an m that grows with k as the method has it. The best comparison point minimises the right-hand
 * side: it is the proximal point of V_τ. A few √m iterations of Nesterov's accelerated gradient
 * method come close to it. V̄ is the matrix of floats that they end with: how well they did decides
 * how good the bound is, not whether it holds. L(V̄) is bounded from the computed outputs, and the
 * distance from the entries.
 *
 * <p><b>Rounding</b> of the iterations is for the methods to add; that of V_k to float32 is in
 * {@link OutputRounding#publishedLossUpperBound}.
 *
 * <p>Everything that counts is evaluated with upward rounding.
 */
public abstract class FirstOrderBound {

  /** How often something is doubled, or raised a little, before it is given up. */
  static final int ATTEMPTS = 20;

  /** The search gains a factor e every √(m + 1) iterations. */
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
   * Looks for comparison points; this takes about 4√m times as long as an iteration.
   *
   * @param start V_τ, c × K (copied)
   * @param sigmaMax an upper bound on ‖Φ‖₂
   * @param iterations k, at least 1
   * @param divisor m(k), see {@link #divisor}
   */
  FirstOrderBound(
      OutputProblem problem, Matrix start, double sigmaMax, long iterations, double divisor) {
    this.problem = problem;
    this.smoothness = problem.smoothness(sigmaMax);
    this.sigmaMax = sigmaMax;
    this.iterations = iterations;
    this.start = problem.toArray(start);
    this.startNorm = OutputProblem.frobeniusNorm(start);
    this.startLoss = problem.evaluate(start).loss();
    double startError = problem.rounding().outputError(startNorm);
    this.startLossUpperBound = problem.rounding().lossUpperBound(startLoss, startError);
    this.half = problem.rounding().lossLowerBound(startLoss, startError) / 2;
    this.forLoss = this.start;
    this.forHalving = this.start;
    search(divisor);
  }

  /**
   * m(k), rounded downwards: in exact arithmetic, L(V_k) ≤ L(V̄) + s‖V_τ − V̄‖_F²/(2m) for every
   * V̄.
   */
  abstract double divisor(long count);

  /** The inverse of {@link #divisor}, to the nearest. */
  abstract double iterationsFor(double divisor);

  /**
   * What rounding can do in {@code count} iterations; empty if no bound is found.
   *
   * @param point V̄
   */
  abstract Optional<RoundedIterates> roundedIterates(long count, Comparison point);

  /**
   * Upper bounds on what rounding can do.
   *
   * @param lossAllowance at least what it adds to the bound on L(V_k) in exact arithmetic
   * @param norm at least ‖V_k‖_F
   */
  record RoundedIterates(double lossAllowance, double norm) {}

  /**
   * A comparison point V̄ with upper bounds.
   *
   * @param loss at least L(V̄)
   * @param norm at least ‖V̄‖_F
   * @param distance at least ‖V_τ − V̄‖_F
   */
  record Comparison(double loss, double norm, double distance) {}

  OutputProblem problem() {
    return problem;
  }

  /** s. */
  double smoothness() {
    return smoothness;
  }

  /** An upper bound on ‖Φ‖₂. */
  double sigmaMax() {
    return sigmaMax;
  }

  /** An upper bound on ‖V_τ‖_F. */
  double startNorm() {
    return startNorm;
  }

  /** An upper bound on L(V_τ). */
  double startLossUpperBound() {
    return startLossUpperBound;
  }

  /**
   * Nesterov's method with constant momentum (<i>Introductory Lectures on Convex Optimization</i>,
   * 2004, scheme 2.2.11) from V_τ towards the minimiser of L(V̄) + s‖V̄ − V_τ‖_F²/(2m), which is
   * s(1 + 1/m)-smooth and s/m-strongly convex. Keeps the best points on the way.
   */
  private void search(double divisor) {
    double root = Math.sqrt(divisor + 1.0);
    double momentum = (root - 1) / (root + 1);
    double pull = smoothness / divisor;
    double rate = 1 / (smoothness + pull);
    double[] point = start.clone();
    double[] previous = start.clone();
    double[] gradient = new double[point.length];
    double leastLoss = Double.POSITIVE_INFINITY;
    double leastDivisor = Double.POSITIVE_INFINITY;
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
      if (divisorToHalve(loss, squaredDistance) < leastDivisor) {
        leastDivisor = divisorToHalve(loss, squaredDistance);
        forHalving = point.clone();
      }
      for (int j = 0; j < point.length; j++) {
        double next = point[j] - rate * (gradient[j] + pull * (point[j] - start[j]));
        point[j] = next + momentum * (next - previous[j]);
        previous[j] = next;
      }
    }
  }

  /** The m for which L(V̄) + s‖V̄ − V_τ‖_F²/(2m) is half the loss of V_τ, to the nearest. */
  private double divisorToHalve(double loss, double squaredDistance) {
    return loss < half
        ? smoothness * squaredDistance / (2 * (half - loss))
        : Double.POSITIVE_INFINITY;
  }

  /** The loss of V_τ as computed. */
  public double startLoss() {
    return startLoss;
  }

  /**
   * The bound on the loss of fl32(V_k), V_k rounded to float32; empty if rounding leaves nothing to
   * prove.
   */
  public OptionalDouble loss() {
    return lossAfter(iterations, comparison(forLoss));
  }

  /** A number of iterations that halves the loss of V_τ; empty if no comparison point shows one. */
  public OptionalLong iterationsToHalve() {
    Comparison point = comparison(forHalving);
    double estimate =
        Math.ceil(iterationsFor(divisorToHalve(point.loss(), point.distance() * point.distance())));
    for (int attempt = 0; attempt < ATTEMPTS && estimate < 1L << 50; attempt++) {
      long candidate = Math.max(1, (long) estimate);
      if (lossAfter(candidate, point).orElse(Double.POSITIVE_INFINITY) <= half) {
        return OptionalLong.of(candidate);
      }
      // The estimate knows nothing of the iterations' rounding errors, which mostly cost one more.
      estimate = Math.ceil(candidate * 1.01) + 1;
    }
    return OptionalLong.empty();
  }

  private OptionalDouble lossAfter(long count, Comparison point) {
    Optional<RoundedIterates> rounded = roundedIterates(count, point);
    if (rounded.isEmpty()) {
      return OptionalDouble.empty();
    }
    double distanceTerm =
        divide(
            multiply(smoothness, multiply(point.distance(), point.distance())), 2 * divisor(count));
    double loss = add(add(point.loss(), distanceTerm), rounded.get().lossAllowance());
    double bound = problem.rounding().publishedLossUpperBound(loss, sigmaMax, rounded.get().norm());
    return Double.isFinite(bound) ? OptionalDouble.of(bound) : OptionalDouble.empty();
  }

  private Comparison comparison(double[] point) {
    try (Matrix matrix = problem.toMatrix(point)) {
      return new Comparison(
          problem.lossUpperBound(matrix), OutputProblem.frobeniusNorm(matrix), distance(point));
    }
  }

  /** An upper bound on R = ‖V̄ − V_τ‖_F. */
  private double distance(double[] point) {
    double[] difference = new double[point.length];
    for (int j = 0; j < point.length; j++) {
      // Away from zero, so that the rounded difference is no smaller than the exact one.
      difference[j] = Math.nextUp(Math.abs(point[j] - start[j]));
    }
    try (Matrix matrix = problem.toMatrix(difference)) {
      return OutputProblem.frobeniusNorm(matrix);
    }
  }
}
