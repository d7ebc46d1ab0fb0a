package io.fullrank.certificate.backend;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.InsufficientMemoryException;
import java.util.Optional;

/**
 * A computed Gram matrix G ≈ ΨΨᵀ (n × n, symmetric) and room for one Cholesky factorisation of a
 * scaled and shifted copy of it, in the memory of one n × n matrix. Not thread-safe.
 */
public interface GramMatrix extends AutoCloseable {

  /** Returns the order n. */
  int order();

  /**
   * Returns a copy of the diagonal of G.
   *
   * <p>Every entry of G satisfies |g_ij − ψ_iᵀψ_j| ≤ γ_c |ψ_i|ᵀ|ψ_j| plus underflow, see {@link
   * DenseLinearAlgebra}.
   */
  double[] diagonal();

  /**
   * Computes |G|x, the product with the matrix of absolute values, for a nonnegative x.
   *
   * @param x (input) n nonnegative numbers
   * @return n numbers, each within a relative error γ_n of the exact one, plus underflow
   */
  double[] multiplyAbsolute(double[] x);

  /**
   * Attempts the Cholesky factorisation A = LLᵀ, where A is SGS − shift·I with S = diag(2^t_i),
   * rounded entry by entry. Replaces the factor of an earlier attempt; G itself is kept.
   *
   * <p>{@link #factorError} bounds how far LLᵀ is from A.
   *
   * @param scaleExponents (input) t, n exponents, none positive
   * @param shift at least 0
   * @param cancellation is asked between blocks of work
   * @return 0 if it ran to completion and every diagonal entry of L is positive and finite;
   *     otherwise the order, between 1 and n, of the first leading minor for which it did not
   * @throws CertificationCancelledException if cancelled; there is no factor then
   */
  int factorise(int[] scaleExponents, double shift, Cancellation cancellation);

  /**
   * Returns an upper bound on ‖A − LLᵀ‖₂ for the factor of the last {@link #factorise}.
   *
   * <p>A <i>conventional</i> factorisation computes every l_ij from a_ij and the products
   * l_ik·l_jk, k &lt; j, conventionally and in any order; the division by l_jj may be a
   * multiplication by its rounded reciprocal. Such a backend returns {@code conventional}; any
   * other one bounds the error of the factor that it has computed.
   *
   * @param conventional a bound that is true if the factorisation is conventional
   * @param cancellation is asked between blocks of work
   * @return a bound that is true; NaN or infinite where none can be given
   * @throws IllegalStateException if there is no factor
   * @throws CertificationCancelledException if cancelled
   */
  double factorError(double conventional, Cancellation cancellation);

  /**
   * Solves A·X = B approximately with the factor of the last {@link #factorise}.
   *
   * @param rightHandSides (modified) B, n × k, replaced by X
   * @throws IllegalStateException if there is no factor
   * @throws IllegalArgumentException if B does not have n rows
   */
  void solve(Matrix rightHandSides);

  /**
   * Computes C = BBᵀ − s·XXᵀ, where X approximates L^{-1} for the factor L of the last {@link
   * #factorise}, and B = XM with M = diag(2^-e_i)·Φ. The only promise about X is that it is the
   * same matrix in both places. The products are computed conventionally, in any order, and every
   * entry of C passes through at most n + c + 2 roundings. The factor is lost; G is kept.
   *
   * @param matrix (input) Φ, n × c
   * @param rowExponents (input) e, such that M's entries and their products do not overflow
   * @param s positive
   * @param cancellation is asked between blocks of work
   * @return empty if this backend cannot do this
   * @throws IllegalStateException if there is no factor
   * @throws InsufficientMemoryException if the result does not fit
   * @throws CertificationCancelledException if cancelled
   */
  default Optional<Preconditioned> precondition(
      Matrix matrix, int[] rowExponents, double s, Cancellation cancellation) {
    return Optional.empty();
  }

  /**
   * A preconditioned matrix.
   *
   * @param difference C, to be closed by the caller
   * @param inverseNorm an upper bound on ‖X‖_F
   */
  record Preconditioned(GramMatrix difference, double inverseNorm) {}

  /**
   * Computes all eigenvalues of G and overwrites G: only {@link #order} and {@link #close} may be
   * called afterwards. They are approximate, with absolute errors of about n·u·‖G‖₂.
   *
   * @return n eigenvalues, ascending
   * @throws IllegalStateException if they do not converge
   */
  double[] eigenvalues();

  /** Frees the memory. */
  @Override
  void close();
}
