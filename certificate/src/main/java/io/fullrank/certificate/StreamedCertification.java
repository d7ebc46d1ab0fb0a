package io.fullrank.certificate;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.examination.RowStructure;
import io.fullrank.certificate.examination.Stopwatch;
import io.fullrank.certificate.matrix.NativeBytes;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.modular.SmallPrimeRank;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.Finding;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.certificate.result.Progress;

/**
 * Certifies matrices that do not fit into memory: their rows are read one after the other, twice in
 * all, and only residues are held, three in four bytes. n rows take about 4/3·n² bytes, and 5 KB
 * for each column. It certifies, and it refutes by structure; it gives no bounds.
 */
public final class StreamedCertification {

  private final DenseLinearAlgebra algebra;
  private final SmallPrimeRank method;

  /**
   * Computes the rank modulo small primes.
   *
   * @param algebra does the heavy work
   */
  public StreamedCertification(DenseLinearAlgebra algebra) {
    this.algebra = algebra;
    this.method = new SmallPrimeRank();
  }

  /**
   * Returns whether a matrix is too large for {@link RankCertification} on this machine, which
   * holds it in f64 and, unless its shape alone refutes it, may hold its Gram matrix as well.
   */
  public boolean isNeededFor(Rows matrix) {
    long n = matrix.rows();
    long c = matrix.columns();
    double gram = c < n ? 0 : algebra.gramBytes(n, c);
    return !NativeBytes.fit((double) n * c * Double.BYTES + gram);
  }

  /**
   * Judges one matrix of floating-point numbers, which are taken as exact.
   *
   * @param matrix (input) Φ, n × c; the same numbers have to be read each time
   * @param progress is told how far each stage has come
   * @param cancellation is asked between blocks of work
   * @return what is proven
   * @throws IllegalArgumentException if there are more than 2^31 − 1 rows or columns
   * @throws NonFiniteEntryException if an entry is NaN or infinite
   * @throws InsufficientMemoryException if the residues do not fit; thrown before they are read
   * @throws CertificationCancelledException if cancelled
   */
  public Certificate certify(Rows matrix, Progress progress, Cancellation cancellation) {
    if (matrix.columns() >= matrix.rows()) {
      SmallPrimeRank.requireMemoryFor(matrix, algebra.threads());
    }
    Stopwatch time = new Stopwatch();
    RowStructure structure = RowStructure.of(matrix, algebra.threads(), progress, cancellation);
    time.stage("structure");
    Finding finding =
        structure
            .refutation()
            .orElseGet(() -> method.find(matrix, algebra, progress, cancellation));
    time.stage("small-primes");
    return RankCertification.certificate(finding, matrix, algebra.name(), time);
  }
}
