package io.fullrank.certificate.modular;

import io.fullrank.certificate.arithmetic.SmallPrimeField;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.examination.Examination;
import io.fullrank.certificate.examination.ProofMethod;
import io.fullrank.certificate.matrix.NativeBytes;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.DrawnPrimes;
import io.fullrank.certificate.result.Finding;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.certificate.result.Progress;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * The exact rank modulo primes of a byte: it certifies in about the same time and a sixth of the
 * memory that {@link ModularRank} takes, or leaves the question open. It never refutes.
 *
 * <p>A minor that is not 0 modulo an odd prime is not 0, see {@link ModularRank}, and every row
 * that is independent modulo p is independent. A matrix with s columns besides n of them that
 * "looks random" modulo p misses full rank there with probability about p^-(s+1). So the first
 * {@value #SPARE} columns after n do as well as all; where there are fewer than {@value #FEW}, or
 * there are more, which may help if many of the first columns are 0, a second prime is tried, with
 * up to twice as many columns as rows.
 */
public final class SmallPrimeRank implements ProofMethod {

  private static final int FIRST = 251;
  private static final int SECOND = 241;
  private static final int SPARE = 256;
  private static final int FEW = 4;

  private final LongSupplier seeds;

  /** Draws the vectors of the check with seeds from the system's entropy. */
  public SmallPrimeRank() {
    this(new SecureRandom()::nextLong);
  }

  /**
   * Draws the vectors of the check with seeds of the caller's choice.
   *
   * @param seeds gives a seed for each matrix, which the certificate records
   */
  public SmallPrimeRank(LongSupplier seeds) {
    this.seeds = seeds;
  }

  @Override
  public Finding find(Examination examination) {
    Finding finding =
        find(
            examination.matrix(),
            examination.algebra(),
            examination.progress(),
            examination.cancellation());
    examination.time().stage("small-primes");
    return finding;
  }

  /**
   * Checks that the machine has enough memory, before any work is done.
   *
   * @param threads the number of threads of the backend
   * @throws InsufficientMemoryException if it has not
   */
  public static void requireMemoryFor(Rows matrix, int threads) {
    NativeBytes.requireMemoryFor(
        SmallPrimeElimination.bytes(
            matrix.rows(), Math.min(matrix.columns(), matrix.rows() + SPARE), threads),
        "the rank of " + matrix.rows() + " rows modulo a small prime");
  }

  /**
   * Examines the rows of a matrix, which are read once for each prime.
   *
   * @param matrix (input) Φ, n × c, finite, c ≥ n
   * @param algebra does the heavy work
   * @param progress is told how much has been done
   * @param cancellation is asked between blocks of work
   * @throws InsufficientMemoryException if the residues do not fit
   * @throws InexactBackendException if the backend's products are not exact
   * @throws CertificationCancelledException if cancelled
   */
  public Finding find(
      Rows matrix, DenseLinearAlgebra algebra, Progress progress, Cancellation cancellation) {
    return find(matrix, algebra, progress, cancellation, factors -> {});
  }

  /**
   * Examines the rows of a matrix, and hands on the factors that prove a certificate.
   *
   * @param matrix (input) Φ, n × c, finite, c ≥ n
   * @param algebra does the heavy work
   * @param progress is told how much has been done
   * @param cancellation is asked between blocks of work
   * @param proven is given the factors if the rows are certified; they may be read until it returns
   * @throws InsufficientMemoryException if the residues do not fit
   * @throws InexactBackendException if the backend's products are not exact
   * @throws CertificationCancelledException if cancelled
   */
  public Finding find(
      Rows matrix,
      DenseLinearAlgebra algebra,
      Progress progress,
      Cancellation cancellation,
      Consumer<ModularFactors> proven) {
    long seed = seeds.getAsLong();
    SplittableRandom random = new SplittableRandom(seed);
    int n = Math.toIntExact(matrix.rows());
    long c = matrix.columns();
    List<Integer> primes = new ArrayList<>();
    primes.add(FIRST);
    int width = Math.toIntExact(Math.min(c, (long) n + SPARE));
    boolean certified =
        isOfFullRank(matrix, width, primes, algebra, random, progress, cancellation, proven);
    if (!certified && (c < n + FEW || c > width)) {
      primes.add(SECOND);
      width = Math.toIntExact(Math.min(c, 2L * n + SPARE));
      certified =
          isOfFullRank(matrix, width, primes, algebra, random, progress, cancellation, proven);
    }
    int last = primes.get(primes.size() - 1);
    return new Finding(
        certified ? Outcome.CERTIFIED : Outcome.UNDETERMINED,
        CertificateMethod.MODULAR,
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        certified ? n : 0,
        OptionalDouble.empty(),
        Optional.of(new DrawnPrimes(seed, primes)),
        certified
            ? String.format(
                Locale.ROOT,
                "a minor of order %d is not divisible by the prime %d, so it is not zero",
                n,
                last)
            : String.format(
                Locale.ROOT,
                "the rows are linearly dependent modulo %d in %d columns, which small primes leave"
                    + " open; the exact rank modulo larger primes would settle it",
                last,
                width));
  }

  private static boolean isOfFullRank(
      Rows matrix,
      int width,
      List<Integer> primes,
      DenseLinearAlgebra algebra,
      SplittableRandom random,
      Progress progress,
      Cancellation cancellation,
      Consumer<ModularFactors> proven) {
    SmallPrimeField field = new SmallPrimeField(primes.get(primes.size() - 1));
    return SmallPrimeElimination.isOfFullRank(
        new MatrixResidues(matrix, width, field, algebra.threads()),
        field,
        algebra,
        random,
        progress,
        cancellation,
        proven);
  }

  /**
   * Returns whether rows are independent modulo a small prime, which is verified.
   *
   * @param residues (input) n × c, c ≥ n
   * @param field the integers modulo that prime
   * @param algebra does the heavy work
   * @param random draws the vectors of the check
   * @param progress is told how much has been done
   * @param cancellation is asked between blocks of work
   * @throws InsufficientMemoryException if the residues do not fit
   * @throws InexactBackendException if the backend's products are not exact
   * @throws CertificationCancelledException if cancelled
   */
  public static boolean isOfFullRank(
      ResidueRows residues,
      SmallPrimeField field,
      DenseLinearAlgebra algebra,
      SplittableRandom random,
      Progress progress,
      Cancellation cancellation) {
    return SmallPrimeElimination.isOfFullRank(
        residues, field, algebra, random, progress, cancellation, factors -> {});
  }

  /**
   * Returns the number of bytes that {@link #isOfFullRank} takes.
   *
   * @param rows n
   * @param columns c
   * @param threads the number of threads of the backend
   */
  public static double bytes(long rows, long columns, int threads) {
    return SmallPrimeElimination.bytes(rows, columns, threads);
  }
}
