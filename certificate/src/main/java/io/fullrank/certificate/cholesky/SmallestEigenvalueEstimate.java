package io.fullrank.certificate.cholesky;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.backend.GramMatrix;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Estimates the smallest eigenvalue of a factorised positive definite matrix A by the Lanczos
 * process on A^{-1}, with full reorthogonalisation (Golub and Van Loan, <i>Matrix Computations</i>,
 * §10.1 and §10.3). But for rounding errors the estimate is never too small, as 1 over a Ritz value
 * of A^{-1}. It is far too large where the start vector is almost orthogonal to the eigenvectors
 * that matter: the process may then settle at a larger eigenvalue, and another start vector helps.
 * Nothing is proven with it.
 */
final class SmallestEigenvalueEstimate {

  private static final int MAX_STEPS = 24;

  /** The process stops after this many steps, one after the other, without progress. */
  private static final int STAGNANT_STEPS = 2;

  private static final double TOLERANCE = 0.01;
  private static final long SEED = 20210202;

  private SmallestEigenvalueEstimate() {}

  /**
   * Estimates from the factor that {@code gram} holds.
   *
   * @param start the number of the start vector; different numbers give independent ones
   * @param cancellation is asked in every step
   */
  static double of(GramMatrix gram, int start, Cancellation cancellation) {
    int n = gram.order();
    List<double[]> basis = new ArrayList<>();
    List<Double> alphas = new ArrayList<>();
    List<Double> betas = new ArrayList<>();
    double[] q = startVector(n, start);
    double largest = 0;
    int stagnant = 0;
    try (Matrix vector = Matrix.allocate(n, 1)) {
      for (int step = 1; step <= Math.min(n, MAX_STEPS); step++) {
        cancellation.check();
        basis.add(q);
        vector.data().put(q, 0, n);
        gram.solve(vector);
        double[] w = new double[n];
        vector.data().get(w, 0, n);
        alphas.add(dot(q, w));
        // Twice is enough (Golub and Van Loan, §5.2.8).
        for (int pass = 0; pass < 2; pass++) {
          for (double[] b : basis) {
            subtract(w, dot(b, w), b);
          }
        }
        double previous = largest;
        largest = largestEigenvalue(alphas, betas);
        double beta = Math.sqrt(dot(w, w));
        stagnant = largest - previous <= TOLERANCE * largest ? stagnant + 1 : 0;
        if (stagnant == STAGNANT_STEPS || !(beta > Upward.UNIT_ROUNDOFF * largest)) {
          break;
        }
        betas.add(beta);
        for (int i = 0; i < n; i++) {
          w[i] /= beta;
        }
        q = w;
      }
    }
    return 1 / largest;
  }

  /** Returns a start vector, a random unit vector of n components. */
  static double[] startVector(int n, int number) {
    SplittableRandom random = new SplittableRandom(SEED + number);
    double[] q = new double[n];
    for (int i = 0; i < n; i++) {
      q[i] = random.nextDouble(0.5, 1) * (random.nextBoolean() ? 1 : -1);
    }
    double norm = Math.sqrt(dot(q, q));
    for (int i = 0; i < n; i++) {
      q[i] /= norm;
    }
    return q;
  }

  /**
   * Returns the largest eigenvalue of a symmetric tridiagonal matrix, by bisection on Sturm counts.
   */
  private static double largestEigenvalue(List<Double> diagonal, List<Double> offDiagonal) {
    int k = diagonal.size();
    double low = diagonal.get(0);
    double high = low;
    for (int i = 0; i < k; i++) {
      double radius = (i > 0 ? offDiagonal.get(i - 1) : 0) + (i + 1 < k ? offDiagonal.get(i) : 0);
      low = Math.max(low, diagonal.get(i));
      high = Math.max(high, diagonal.get(i) + radius);
    }
    for (int halvings = 0; halvings < 60; halvings++) {
      double middle = low + (high - low) / 2;
      if (everyEigenvalueIsBelow(middle, diagonal, offDiagonal)) {
        high = middle;
      } else {
        low = middle;
      }
    }
    return high;
  }

  private static boolean everyEigenvalueIsBelow(
      double x, List<Double> diagonal, List<Double> offDiagonal) {
    double pivot = x - diagonal.get(0);
    for (int i = 1; i < diagonal.size() && pivot > 0; i++) {
      double beta = offDiagonal.get(i - 1);
      pivot = x - diagonal.get(i) - beta * beta / pivot;
    }
    return pivot > 0;
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  private static void subtract(double[] w, double factor, double[] b) {
    for (int i = 0; i < w.length; i++) {
      w[i] -= factor * b[i];
    }
  }
}
