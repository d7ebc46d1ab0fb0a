package io.fullrank.certificate.proof;

import io.fullrank.certificate.arithmetic.PrimeField;
import io.fullrank.certificate.arithmetic.RandomPrimes;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.examination.RowStructure;
import io.fullrank.certificate.file.InvalidMatrixFileException;
import io.fullrank.certificate.file.StoredRows;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.modular.ModularElimination;
import io.fullrank.certificate.modular.ModularFactors;
import io.fullrank.certificate.modular.SmallPrimeRank;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.Finding;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.certificate.result.Progress;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.security.SecureRandom;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * Makes proofs that a matrix has full row rank: factors of it modulo a prime. The rows are read
 * from their file, and only residues are held, three in four bytes; where primes of a byte leave
 * the question open, the matrix is loaded, and primes of 22 bits are tried.
 */
public final class RankProver {

  private static final int MOST_LARGE_PRIMES = 4;

  private final DenseLinearAlgebra algebra;

  /**
   * Makes proofs.
   *
   * @param algebra does the heavy work; a proof does not rest on it
   */
  public RankProver(DenseLinearAlgebra algebra) {
    this.algebra = algebra;
  }

  /**
   * Proves that a matrix in a file has full row rank.
   *
   * @param matrix (input) Φ, n × c
   * @param out receives the proof; nothing is written to it unless there is one
   * @param progress is told how far each stage has come
   * @param cancellation is asked between blocks of work
   * @throws NoProofException if none is found
   * @throws IOException if the proof cannot be written
   * @throws InvalidMatrixFileException if the file cannot be read
   * @throws NonFiniteEntryException if an entry is NaN or infinite
   * @throws InsufficientMemoryException if the residues do not fit
   * @throws CertificationCancelledException if cancelled
   */
  public void prove(
      StoredRows matrix, OutputStream out, Progress progress, Cancellation cancellation)
      throws IOException {
    if (matrix.rows() > ProofHeader.MAX_ROWS) {
      throw new NoProofException(
          Outcome.UNDETERMINED,
          "proofs are made for at most %d rows, not %d"
              .formatted(ProofHeader.MAX_ROWS, matrix.rows()));
    }
    MatrixIdentity identity = MatrixIdentity.of(matrix);
    try {
      matrix.read(
          rows ->
              prove(
                  rows, matrix, factors -> write(identity, factors, out), progress, cancellation));
    } catch (UncheckedIOException failed) {
      throw failed.getCause();
    }
  }

  private void prove(
      Rows rows,
      StoredRows stored,
      Consumer<ModularFactors> proven,
      Progress progress,
      Cancellation cancellation) {
    RowStructure.of(rows, algebra.threads(), progress, cancellation)
        .refutation()
        .ifPresent(
            refuted -> {
              throw new NoProofException(Outcome.REFUTED, refuted.reason());
            });
    SmallPrimeRank.requireMemoryFor(rows, algebra.threads());
    Finding small = new SmallPrimeRank().find(rows, algebra, progress, cancellation, proven);
    if (small.outcome() == Outcome.CERTIFIED) {
      return;
    }
    if (rows instanceof Matrix loaded) {
      proveByLargePrimes(loaded, proven, cancellation);
    } else {
      try (Matrix loaded = stored.load()) {
        proveByLargePrimes(loaded, proven, cancellation);
      }
    }
  }

  private void proveByLargePrimes(
      Matrix matrix, Consumer<ModularFactors> proven, Cancellation cancellation) {
    SplittableRandom random = new SplittableRandom(new SecureRandom().nextLong());
    RandomPrimes primes = new RandomPrimes(random.nextLong());
    List<Integer> all = IntStream.range(0, Math.toIntExact(matrix.rows())).boxed().toList();
    for (int tried = 0; tried < MOST_LARGE_PRIMES; tried++) {
      PrimeField field = new PrimeField(primes.next());
      ModularElimination.Result result =
          ModularElimination.run(matrix, all, field, algebra, random, cancellation, proven);
      if (result.rank() == all.size()) {
        return;
      }
    }
    throw new NoProofException(
        Outcome.UNDETERMINED,
        "the rows are linearly dependent modulo all primes that were tried, two of 8 bits and %d of 22"
                .formatted(MOST_LARGE_PRIMES)
            + " bits; 'fullrank check' finds out whether they are dependent");
  }

  private static void write(MatrixIdentity matrix, ModularFactors factors, OutputStream out) {
    try {
      ProofWriter.write(matrix, factors, out);
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    }
  }
}
