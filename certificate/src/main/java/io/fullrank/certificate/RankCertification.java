package io.fullrank.certificate;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.cholesky.VerifiedCholesky;
import io.fullrank.certificate.examination.Examination;
import io.fullrank.certificate.examination.ProofMethod;
import io.fullrank.certificate.examination.RowStructure;
import io.fullrank.certificate.examination.Stopwatch;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.modular.ModularRank;
import io.fullrank.certificate.modular.SmallPrimeRank;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.Finding;
import io.fullrank.certificate.result.IdenticalRows;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.certificate.result.Progress;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;

/**
 * Finds out, with proof, whether a matrix has full row rank: looks at its structure, and where that
 * leaves the question open, tries one method of proof after the other.
 */
public final class RankCertification {

  private final DenseLinearAlgebra algebra;
  private final List<ProofMethod> methods;

  /**
   * Tries verified Cholesky, and computes the exact rank modulo primes, small ones first, where
   * that leaves the question open.
   *
   * @param algebra does the heavy work
   */
  public RankCertification(DenseLinearAlgebra algebra) {
    this(algebra, new VerifiedCholesky(), new SmallPrimeRank(), new ModularRank());
  }

  /**
   * Tries the given methods in turn, until one settles the question.
   *
   * @param algebra does the heavy work
   * @param methods at least one
   * @throws IllegalArgumentException if there is no method
   */
  public RankCertification(DenseLinearAlgebra algebra, ProofMethod... methods) {
    if (methods.length == 0) {
      throw new IllegalArgumentException("at least one method of proof is needed");
    }
    this.algebra = algebra;
    this.methods = List.of(methods);
  }

  /**
   * Judges one matrix of floating-point numbers, which are taken as exact.
   *
   * @param matrix (input) Φ, n × c
   * @return what is proven
   * @throws IllegalArgumentException if there are more than 2^31 − 1 rows or columns
   * @throws NonFiniteEntryException if an entry is NaN or infinite
   * @throws InsufficientMemoryException if the computation does not fit
   */
  public Certificate certify(Matrix matrix) {
    return certify(matrix, Cancellation.NEVER);
  }

  /**
   * Judges one matrix as {@link #certify(Matrix)} does, unless it is cancelled meanwhile.
   *
   * @param matrix (input) Φ, n × c
   * @param cancellation is asked between blocks of work
   * @return what is proven
   * @throws IllegalArgumentException if there are more than 2^31 − 1 rows or columns
   * @throws NonFiniteEntryException if an entry is NaN or infinite
   * @throws InsufficientMemoryException if the computation does not fit
   * @throws CertificationCancelledException if cancelled
   */
  public Certificate certify(Matrix matrix, Cancellation cancellation) {
    return certify(matrix, Progress.NONE, cancellation);
  }

  /**
   * Judges one matrix as {@link #certify(Matrix, Cancellation)} does, and says how far it has come.
   *
   * @param matrix (input) Φ, n × c
   * @param progress is told how far long stages have come
   * @param cancellation is asked between blocks of work
   * @return what is proven
   * @throws IllegalArgumentException if there are more than 2^31 − 1 rows or columns
   * @throws NonFiniteEntryException if an entry is NaN or infinite
   * @throws InsufficientMemoryException if the computation does not fit
   * @throws CertificationCancelledException if cancelled
   */
  public Certificate certify(Matrix matrix, Progress progress, Cancellation cancellation) {
    Examination examination = Examination.begin(matrix, algebra, progress, cancellation);
    Finding finding = examination.structure().refutation().orElseGet(() -> find(examination));
    return certificate(finding, matrix, algebra.name(), examination.time());
  }

  /**
   * Returns two identical rows of a matrix, if there are any: those that its refutation names.
   *
   * @param matrix (input) Φ, n × c
   */
  public static Optional<IdenticalRows> identicalRows(Rows matrix) {
    return RowStructure.identicalRows(matrix);
  }

  private Finding find(Examination examination) {
    Iterator<ProofMethod> untried = methods.iterator();
    Finding finding = untried.next().find(examination);
    while (finding.outcome() == Outcome.UNDETERMINED && untried.hasNext()) {
      finding = untried.next().find(examination).after(finding);
    }
    return finding;
  }

  /**
   * Makes a certificate of a matrix.
   *
   * @param backend what computed the finding
   * @param time has measured all stages
   */
  static Certificate certificate(Finding finding, Rows matrix, String backend, Stopwatch time) {
    return finding.certificate(
        matrix.rows(), matrix.columns(), backend, time.stages(), time.elapsed());
  }
}
