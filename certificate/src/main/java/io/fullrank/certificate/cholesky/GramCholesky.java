package io.fullrank.certificate.cholesky;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.GramMatrix;
import io.fullrank.certificate.examination.ProofMethod;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.InsufficientMemoryException;
import java.util.Optional;

/**
 * The floating-point Cholesky factorisation of ΦΦᵀ, for solving systems with it.
 *
 * <p>It is an approximation and proves nothing; for proofs there are {@link ProofMethod}s. Nothing
 * is ever added to the diagonal.
 */
public final class GramCholesky implements AutoCloseable {

  private final GramMatrix gram;

  private GramCholesky(GramMatrix gram) {
    this.gram = gram;
  }

  /**
   * Factorises ΦΦᵀ.
   *
   * @param matrix (input) Φ, n × c
   * @param algebra the backend
   * @return the factorisation, to be closed by the caller; empty if it breaks down, which is to be
   *     expected when Φ's condition number exceeds about 10^8
   * @throws InsufficientMemoryException if an n × n matrix does not fit
   */
  public static Optional<GramCholesky> factorise(Matrix matrix, DenseLinearAlgebra algebra) {
    int[] unscaled = new int[Math.toIntExact(matrix.rows())];
    GramMatrix gram = algebra.gram(matrix, unscaled, Cancellation.NEVER);
    boolean completed = false;
    try {
      completed = gram.factorise(unscaled, 0, Cancellation.NEVER) == 0;
    } finally {
      if (!completed) {
        gram.close();
      }
    }
    return completed ? Optional.of(new GramCholesky(gram)) : Optional.empty();
  }

  /**
   * Returns an approximation X̂ of (ΦΦᵀ)^{-1}Y.
   *
   * @param y (input) n × k
   * @return a new matrix, n × k
   * @throws IllegalArgumentException if Y does not have n rows
   */
  public Matrix solve(Matrix y) {
    if (y.rows() != gram.order()) {
      throw new IllegalArgumentException(
          "a Gram matrix of order " + gram.order() + " cannot be solved for " + y);
    }
    Matrix x = Matrix.allocate(y.rows(), y.columns());
    double[] row = new double[Math.toIntExact(y.columns())];
    for (long i = 0; i < y.rows(); i++) {
      y.getRow(i, 0, row, 0, row.length);
      x.setRow(i, 0, row, 0, row.length);
    }
    gram.solve(x);
    return x;
  }

  @Override
  public void close() {
    gram.close();
  }
}
