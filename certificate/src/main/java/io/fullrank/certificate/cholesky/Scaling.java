package io.fullrank.certificate.cholesky;

import io.fullrank.certificate.arithmetic.Upward;
import java.util.Arrays;

/** One scaling of {@link VerifiedCholesky}: S, the diagonal of H, and the error bound. */
final class Scaling {
  final int[] exponents;
  final double[] diagonal;
  final double gramError;

  /** The bound δ for a conventional factorisation. */
  final double conventional;

  private final double maxDiagonal;

  /** Undoes the scaling: σ_min(Φ) ≥ 2^minBack·σ_min(SΨ). */
  final int minBack;

  /** Whether SΨ is 2^-minBack·Φ. */
  final boolean uniform;

  private Scaling(
      int[] exponents, int[] rowExponents, double[] gramDiagonal, long columns, long roundings) {
    int n = exponents.length;
    this.exponents = exponents;
    this.diagonal = new double[n];
    int leastBack = Integer.MAX_VALUE;
    int mostBack = Integer.MIN_VALUE;
    double max = 0;
    for (int i = 0; i < n; i++) {
      double scale = Math.scalb(1.0, exponents[i]);
      diagonal[i] = gramDiagonal[i] * scale * scale;
      max = Math.max(max, diagonal[i]);
      leastBack = Math.min(leastBack, rowExponents[i] - exponents[i]);
      mostBack = Math.max(mostBack, rowExponents[i] - exponents[i]);
    }
    this.minBack = leastBack;
    this.uniform = leastBack == mostBack;
    double trace = Upward.sum(diagonal);
    double underflow =
        Upward.multiply(
            Upward.multiply(Upward.multiply(64.0 * n, Upward.add(n, columns)), Upward.add(1, max)),
            Double.MIN_NORMAL);
    this.gramError =
        Upward.add(Upward.multiply(Upward.gammaOverOneMinusGamma(roundings), trace), underflow);
    this.conventional =
        Upward.multiply(
            Upward.gammaOverOneMinusGamma(n + 1L + VerifiedCholesky.SPARE_ROUNDINGS), trace);
    this.maxDiagonal = max;
  }

  /** Returns ε, given δ. */
  double error(double factorError) {
    return Upward.add(
        gramError, Upward.add(factorError, Upward.multiply(Upward.UNIT_ROUNDOFF, maxDiagonal)));
  }

  /** Returns at least ‖SΨ‖_F². */
  double squaredNorm() {
    return Upward.add(Upward.sum(diagonal), gramError);
  }

  /** Returns the scaling with H = ΦΦᵀ up to a common power of two. */
  static Scaling common(int[] rowExponents, double[] gramDiagonal, long columns, long roundings) {
    int largest = Arrays.stream(rowExponents).max().getAsInt();
    int[] exponents = Arrays.stream(rowExponents).map(e -> e - largest).toArray();
    return new Scaling(exponents, rowExponents, gramDiagonal, columns, roundings);
  }

  /** Returns the scaling with a diagonal of H between 1/4 and 4. */
  static Scaling equilibrated(
      int[] rowExponents, double[] gramDiagonal, long columns, long roundings) {
    int[] exponents =
        Arrays.stream(gramDiagonal).mapToInt(g -> -Math.max(0, Math.getExponent(g) / 2)).toArray();
    return new Scaling(exponents, rowExponents, gramDiagonal, columns, roundings);
  }
}
