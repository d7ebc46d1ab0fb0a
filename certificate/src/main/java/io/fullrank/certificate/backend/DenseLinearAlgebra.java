package io.fullrank.certificate.backend;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.MatrixBlock;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.InsufficientMemoryException;
import java.util.function.Consumer;

/**
 * What the certificates need of a linear algebra library. All matrices are f64.
 *
 * <p>Implementations use at most a fixed number of threads, run one operation at a time, and
 * compute products conventionally: every entry of a product is a sum of the products of the
 * factors' entries, added in any order, with or without fused multiply-add, in IEEE 754 binary64
 * rounding to nearest (no algorithm of Strassen's kind, no lower precision). Subnormal numbers may
 * be flushed to zero. The certificates' rounding error bounds rest on this.
 */
public interface DenseLinearAlgebra {

  /** Returns the name of the backend, as verdicts show it. */
  String name();

  /**
   * Returns the largest number of threads it uses; methods of proof use as many for their own work.
   */
  int threads();

  /**
   * Returns the bytes of the host's memory that forming a Gram matrix takes besides the matrix.
   *
   * @param rows n
   * @param columns c
   */
  double gramBytes(long rows, long columns);

  /**
   * Computes the Gram matrix ΨΨᵀ of Ψ = diag(2^-e_i)·Φ, a Φ whose rows are scaled by powers of two.
   *
   * @param matrix (input) Φ, n × c
   * @param rowExponents (input) e, one exponent per row, such that Ψ's entries and their products
   *     do not overflow
   * @param cancellation is asked between blocks of work
   * @return the Gram matrix, to be closed by the caller
   * @throws InsufficientMemoryException if the Gram matrix and what it takes to compute it do not
   *     fit; thrown before any work is done
   * @throws CertificationCancelledException if cancelled
   */
  GramMatrix gram(Matrix matrix, int[] rowExponents, Cancellation cancellation);

  /**
   * Computes a Gram matrix of rows that are not given.
   *
   * @param source computes the Gram matrix, with products of this backend
   * @param cancellation is asked between blocks of work
   * @return the Gram matrix, to be closed by the caller
   * @throws InsufficientMemoryException if the Gram matrix and what it takes to compute it do not
   *     fit; thrown before any work is done
   * @throws CertificationCancelledException if cancelled
   */
  GramMatrix gram(GramSource source, Cancellation cancellation);

  /**
   * Computes the product A·B.
   *
   * @param a (input) p × q
   * @param b (input) q × r
   * @return a new matrix, p × r
   * @throws IllegalArgumentException if the shapes do not fit together
   */
  Matrix multiply(Matrix a, Matrix b);

  /**
   * Computes the product Aᵀ·B.
   *
   * @param a (input) q × p
   * @param b (input) q × r
   * @return a new matrix, p × r
   * @throws IllegalArgumentException if the shapes do not fit together
   */
  Matrix multiplyTransposed(Matrix a, Matrix b);

  /**
   * Computes C − A·B in place. It is exact where all entries are integers and |c_ij| + Σ
   * |a_ik|·|b_kj| never exceeds 2^53, because then no sum is rounded.
   *
   * @param c (modified) p × r, shares no entry with A or B
   * @param a (input) p × q
   * @param b (input) q × r
   * @throws IllegalArgumentException if the shapes do not fit together
   */
  void subtractProduct(MatrixBlock c, MatrixBlock a, MatrixBlock b);

  /**
   * Does work that multiplies small integers in f32, on up to {@link #threads} threads at the same
   * time.
   *
   * @param work is given the products, which may be used until it returns
   * @throws InexactBackendException if products of known results are wrong
   */
  void withSmallProducts(Consumer<SmallProducts> work);

  /**
   * Allocates a matrix of residues for eliminating rows of a matrix modulo a prime.
   *
   * @param matrix (input) the matrix that the residues will be made of; only its size matters here
   * @param rows the number of rows
   * @param columns the number of columns
   * @param panelRows the largest number of rows that {@link ResidueMatrix#multiplyPanel} is called
   *     for
   * @param modulus a prime between 2^21 and 2^22, or between 2^25 and 2^26
   * @return the matrix with undefined entries, to be closed by the caller
   * @throws InsufficientMemoryException if it does not fit; thrown before any work is done
   */
  default ResidueMatrix residues(Matrix matrix, int rows, int columns, int panelRows, int modulus) {
    return new HostResidues(this, matrix, rows, columns, panelRows, modulus);
  }
}
