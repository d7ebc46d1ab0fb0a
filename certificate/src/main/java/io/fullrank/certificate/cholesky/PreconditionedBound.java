package io.fullrank.certificate.cholesky;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.backend.GramMatrix;
import io.fullrank.certificate.examination.Examination;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import java.util.Arrays;
import java.util.Optional;

/**
 * A lower bound on the smallest singular value of an ill-conditioned matrix, from the Gram matrix
 * of its rows after these have been made almost orthonormal.
 *
 * <p>Rounding hides eigenvalues of MMᵀ that are below about u·tr(MMᵀ). With an approximation X of
 * the inverse of its Cholesky factor, XM has almost orthonormal rows, and nothing is hidden. The
 * idea of preconditioning by an approximate inverse is that of Rump (<i>Inversion of extremely
 * ill-conditioned matrices in floating-point</i>, JJIAM 26, 2009).
 *
 * <p><b>Theorem.</b> Let X be any n × n matrix, and let B differ from XM by at most β ≤ 1/4 in
 * Frobenius norm. If λ_min(BBᵀ − s·XXᵀ) &gt; β/(1−β), then σ_min(M)² ≥ (1−β)s.
 *
 * <p><i>Proof.</i> For a unit vector y let a = ‖yᵀB‖. Then ‖yᵀXM‖² ≥ (1−β)a² − β: where a ≥ β, as
 * ‖yᵀXM‖² ≥ (a−β)² ≥ (1−β)a² − (1/β−1)β²; and otherwise since the right-hand side is negative. With
 * the assumption, ‖yᵀXM‖² &gt; (1−β)s‖yᵀX‖². So yᵀX is never 0, X is nonsingular, every vector is a
 * multiple of some yᵀX, and ‖zᵀM‖² ≥ (1−β)s‖z‖² for all z. ∎
 *
 * <p><b>Rounding.</b> M = SΨ of {@link VerifiedCholesky}, C = fl(BBᵀ − s·XXᵀ) from {@link
 * GramMatrix#precondition}, u, γ_k and η as there. B is a conventional product, so β =
 * γ_n‖X‖_F‖M‖_F + U. Each entry of C passes through at most n+c+2 roundings, so C is wrong by at
 * most γ_{n+c+2}(‖B‖_F² + s‖X‖_F²) + U, and ‖B‖_F² + s‖X‖_F² = tr(BBᵀ − s·XXᵀ) + 2s‖X‖_F² is at
 * most (tr(C) + 2s‖X‖_F²)/(1−γ_{n+c+2}) + U. If floating-point Cholesky of C − tI runs to
 * completion, λ_min(C) ≥ t − u·max c_ii − γ_{n+4}/(1−γ_{n+4})·tr(C) − U, as there. U =
 * 64n(n+c)(1+max c_ii)(1+s)(1+‖X‖_F)²η covers underflow in M, B, C and the factorisation.
 *
 * <p><b>The choice of s.</b> It is a part of the estimate of λ_min. The estimate may be too large:
 * a factorisation of C that breaks down shows it. Then s is at least halved, and a new estimate
 * from another start vector halves it further if need be, until there is a proof.
 *
 * @param lambda a lower bound on λ_min(MMᵀ), usually more than half of it
 * @param estimate the estimate of λ_min(MMᵀ) that led to it
 */
record PreconditionedBound(double lambda, double estimate) {

  /** The part of the estimate of λ_min that is to be proven. */
  private static final double PART = 0.6;

  /**
   * What one s leads to.
   *
   * @param possible whether a smaller s could lead to more; otherwise errors are too large for any
   *     s, or the backend cannot do it
   * @param lambda what is proven, 0 if nothing is
   */
  private record Trial(boolean possible, double lambda) {}

  /**
   * Computes the bound.
   *
   * @param examination has Φ
   * @param gram the Gram matrix of Φ's rows; its factor is lost
   * @param common the scaling with M = SΨ
   * @param least a bound has to be above this to be of use
   * @return empty if none is found
   */
  static Optional<PreconditionedBound> of(
      Examination examination, GramMatrix gram, Scaling common, double least) {
    Cancellation cancellation = examination.cancellation();
    double upper = Double.POSITIVE_INFINITY;
    for (int start = 0; ; start++) {
      // The inverse has taken the place of the factor of the last round.
      if (gram.factorise(common.exponents, 0, cancellation) != 0) {
        return Optional.empty();
      }
      examination.time().stage("cholesky");
      double estimate = Math.min(upper, SmallestEigenvalueEstimate.of(gram, start, cancellation));
      examination.time().stage("estimate");
      double s = PART * estimate;
      if (!(s > least && s > Double.MIN_NORMAL && s < Double.MAX_VALUE)) {
        return Optional.empty();
      }
      Trial trial = attempt(examination, gram, common, s);
      examination.time().stage("preconditioned");
      if (trial.lambda > 0) {
        return Optional.of(new PreconditionedBound(trial.lambda, estimate));
      }
      if (!trial.possible) {
        return Optional.empty();
      }
      upper = estimate / 2;
    }
  }

  private static Trial attempt(Examination examination, GramMatrix gram, Scaling common, double s) {
    Trial hopeless = new Trial(false, 0);
    Matrix matrix = examination.matrix();
    Cancellation cancellation = examination.cancellation();
    int[] exponents = examination.structure().rowExponents().clone();
    Arrays.setAll(exponents, i -> exponents[i] - common.exponents[i]);
    Optional<GramMatrix.Preconditioned> found =
        gram.precondition(matrix, exponents, s, cancellation);
    if (found.isEmpty()) {
      return hopeless;
    }
    try (GramMatrix difference = found.get().difference()) {
      int n = difference.order();
      double norm = found.get().inverseNorm();
      double[] diagonal = difference.diagonal();
      double trace = 0;
      double max = 0;
      for (double value : diagonal) {
        trace = Upward.add(trace, Math.max(value, 0));
        max = Math.max(max, value);
      }
      double onePlusNorm = Upward.add(1, norm);
      double underflow = Upward.multiply(64.0 * n, Upward.add(n, matrix.columns()));
      for (double factor :
          new double[] {
            Upward.add(1, max), Upward.add(1, s), onePlusNorm, onePlusNorm, Double.MIN_NORMAL
          }) {
        underflow = Upward.multiply(underflow, factor);
      }
      double beta =
          Upward.add(
              Upward.multiply(
                  Upward.gamma(n), Upward.multiply(norm, Upward.squareRoot(common.squaredNorm()))),
              underflow);
      if (!(beta <= 0.25)) {
        return hopeless;
      }
      double squares =
          Upward.add(trace, Upward.multiply(2, Upward.multiply(s, Upward.multiply(norm, norm))));
      double conventional =
          Upward.multiply(
              Upward.gammaOverOneMinusGamma(n + 1L + VerifiedCholesky.SPARE_ROUNDINGS), trace);
      double error =
          Upward.add(
              Upward.multiply(
                  Upward.gammaOverOneMinusGamma(n + matrix.columns() + 2),
                  Upward.add(squares, underflow)),
              Upward.add(
                  conventional,
                  Upward.add(
                      Upward.multiply(Upward.UNIT_ROUNDOFF, max), Upward.multiply(2, underflow))));
      double needed = Upward.add(error, Upward.divide(beta, Math.nextDown(1 - beta)));
      // With a good estimate λ_min(C) is about 1 − PART, otherwise smaller or negative.
      if (!(needed < 1 - PART)) {
        return hopeless;
      }
      if (difference.factorise(new int[n], Math.nextUp(needed), cancellation) != 0) {
        return new Trial(true, 0);
      }
      return difference.factorError(conventional, cancellation) <= conventional
          ? new Trial(true, Math.nextDown(Math.nextDown(1 - beta) * s))
          : hopeless;
    }
  }
}
