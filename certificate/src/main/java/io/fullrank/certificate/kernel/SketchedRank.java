package io.fullrank.certificate.kernel;

import io.fullrank.certificate.arithmetic.SmallPrimeField;
import io.fullrank.certificate.matrix.NativeBytes;
import io.fullrank.certificate.modular.SmallPrimeRank;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.DrawnPrimes;
import io.fullrank.certificate.result.Finding;
import io.fullrank.certificate.result.Outcome;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import java.util.function.LongSupplier;

/**
 * The exact rank modulo a small prime of a random sketch J·S of a Jacobian, see {@link
 * JacobianSketch}. It takes about 4/3·(nK)² bytes and certifies, however ill-conditioned J is; it
 * gives no bounds.
 *
 * <p>Every finite f64 is m·2^k, so J modulo an odd prime p is defined, entry by entry the product
 * of its factors modulo p. If J·S modulo p has full row rank, so has J modulo p, for any S; then
 * some minor of J is not 0 modulo p, thus not 0, see {@link
 * io.fullrank.certificate.modular.ModularRank}. The randomness of S decides only whether a proof is
 * found.
 *
 * <p><b>It never refutes.</b> A sketch of lower rank would show, up to a small probability over S,
 * that J is of lower rank modulo p. But whether J itself is takes a bound on the number of primes
 * that can divide all its minors, and primes drawn from many more than that: there are too few
 * small ones.
 */
public final class SketchedRank implements JacobianProof {

  private static final List<Integer> PRIMES = List.of(251, 241, 239);

  /** Columns of the sketch besides one per row: a random square matrix may be singular modulo p. */
  private static final int SPARE = 64;

  private final LongSupplier seeds;

  /** Draws the sketch and the vectors of the check with seeds from the system's entropy. */
  public SketchedRank() {
    this(new SecureRandom()::nextLong);
  }

  /**
   * Draws the sketch and the vectors of the check with seeds of the caller's choice.
   *
   * @param seeds gives a seed for each Jacobian, which the certificate records
   */
  public SketchedRank(LongSupplier seeds) {
    this.seeds = seeds;
  }

  @Override
  public Finding find(JacobianExamination examination) {
    FactoredJacobian jacobian = examination.jacobian();
    int n = jacobian.rows();
    int columns = Math.addExact(n, SPARE);
    int threads = examination.algebra().threads();
    NativeBytes.requireMemoryFor(
        SmallPrimeRank.bytes(n, columns, threads)
            + JacobianSketch.bytes(jacobian, columns, threads),
        "the rank of a Jacobian of " + n + " rows modulo a small prime");
    long seed = seeds.getAsLong();
    SplittableRandom random = new SplittableRandom(seed);
    List<Integer> primes = new ArrayList<>();
    boolean certified = false;
    for (int i = 0; i < PRIMES.size() && !certified; i++) {
      primes.add(PRIMES.get(i));
      SmallPrimeField field = new SmallPrimeField(PRIMES.get(i));
      try (JacobianSketch sketch =
          new JacobianSketch(jacobian, columns, field, random.split(), examination.algebra())) {
        certified =
            SmallPrimeRank.isOfFullRank(
                sketch,
                field,
                examination.algebra(),
                random.split(),
                examination.progress(),
                examination.cancellation());
      }
    }
    examination.time().stage("small-primes");
    int last = primes.get(primes.size() - 1);
    return new Finding(
        certified ? Outcome.CERTIFIED : Outcome.UNDETERMINED,
        CertificateMethod.MODULAR,
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        certified ? n : 1,
        OptionalDouble.empty(),
        Optional.of(new DrawnPrimes(seed, primes)),
        certified
            ? String.format(
                Locale.ROOT, "a minor of order %d is not divisible by the prime %d", n, last)
            : "rounding errors in f64 hide its smallest singular value, if that is not 0, and random"
                + " combinations of its columns are linearly dependent modulo "
                + primes
                + ", which refutes nothing");
  }
}
