package io.fullrank.certificate.backend;

import io.fullrank.certificate.matrix.MatrixBlock;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificationCancelledException;

/** The Gram matrix G ≈ ΨΨᵀ (n × n) of rows that are not formed, computed from what they follow. */
public interface GramSource {

  /** Returns the order n. */
  int order();

  /**
   * Returns a k such that |g_ij − ψ_iᵀψ_j| ≤ γ_k‖ψ_i‖‖ψ_j‖ plus underflow, if the backend
   * multiplies conventionally.
   */
  long roundings();

  /** Returns the number of f64 that it takes besides G, those that it holds already included. */
  double entries();

  /**
   * Computes G.
   *
   * @param gram (modified) n × n, zeros at first; the upper triangle receives that of G, the rest
   *     anything
   * @param products multiplies
   * @param cancellation is asked between blocks of work
   * @throws CertificationCancelledException if cancelled
   */
  void compute(MatrixBlock gram, DenseLinearAlgebra products, Cancellation cancellation);

  /**
   * Computes Ψ(Ψᵀx) without a backend, to compare a computed G with it; every term passes through
   * at most 2(n + k) + 32 roundings.
   *
   * @param x (input) n numbers
   */
  Product multiply(double[] x);

  /**
   * What a computed G is compared with.
   *
   * @param product Ψ(Ψᵀx), n numbers
   * @param rowNorms ‖ψ_i‖ for each row, approximately
   */
  record Product(double[] product, double[] rowNorms) {}
}
