package io.fullrank.certificate.modular;

import io.fullrank.certificate.arithmetic.PrimeField;
import io.fullrank.certificate.arithmetic.RandomPrimes;
import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.examination.Examination;
import io.fullrank.certificate.examination.ProofMethod;
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
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The exact rank modulo random primes, however ill-conditioned the matrix is.
 *
 * <p><b>Certifying.</b> Every finite f64 number is m·2^k with integers m and k, and for an odd
 * prime p the map m·2^k ↦ m·2^k mod p is a homomorphism of rings from Z[1/2] to GF(p) (DGP08). If n
 * rows have a minor that is not 0 modulo p, that minor is not 0, and the rank is n, exactly. One
 * prime is enough.
 *
 * <p>That the minor is not 0 modulo p rests on the backend's products of integers being exact, as
 * {@link DenseLinearAlgebra} demands, and also on a check in Java that uses no product of the
 * backend: random systems with the matrix of the minor are solved, and the solutions verified in
 * exact arithmetic. Were the minor 0, the check would pass with probability below 2^-63, whatever
 * the backend computed.
 *
 * <p><b>Refuting.</b> If rows are dependent modulo p, they are dependent, or p is one of the few
 * primes that divide a certain minor of these rows, see {@link HadamardBound}. So a first prime is
 * used to find rows that are dependent modulo it, as few as it shows, and further primes, drawn
 * independently afterwards, to examine just these rows again. If at most d of N primes can divide
 * the minor, the probability over the draw that all k further primes do is at most (d/N)^k, for any
 * matrix; k is chosen beforehand such that this is at most 10^-9. If that takes too many primes,
 * the outcome is undetermined.
 */
public final class ModularRank implements ProofMethod {

  /** The largest number of primes drawn, unless another one is given. */
  public static final int DEFAULT_MAX_PRIMES = 24;

  /** Refutations are wrong with at most this probability. */
  public static final double MAX_FALSE_REFUTATION = 1e-9;

  private static final int ROWS_NAMED = 8;

  private final int maxPrimes;
  private final LongSupplier seeds;

  /** Draws at most {@link #DEFAULT_MAX_PRIMES} primes, with seeds from the system's entropy. */
  public ModularRank() {
    this(DEFAULT_MAX_PRIMES, new SecureRandom()::nextLong);
  }

  /**
   * Draws primes with seeds of the caller's choice.
   *
   * @param maxPrimes the largest number of primes to draw; 1 is enough to certify, refuting takes
   *     more
   * @param seeds gives a seed for each matrix, which the certificate records; the probabilities are
   *     true if the seeds do not depend on the matrix
   * @throws IllegalArgumentException if no prime may be drawn
   */
  public ModularRank(int maxPrimes, LongSupplier seeds) {
    if (maxPrimes < 1) {
      throw new IllegalArgumentException("at least one prime is needed, not " + maxPrimes);
    }
    this.maxPrimes = maxPrimes;
    this.seeds = seeds;
  }

  @Override
  public Finding find(Examination examination) {
    return new Run(examination, seeds.getAsLong()).find();
  }

  /** The way to one finding. */
  private final class Run {
    private final Examination examination;
    private final long seed;
    private final RandomPrimes source;
    private final SplittableRandom checks;
    private final List<Integer> primes = new ArrayList<>();
    private int rankLowerBound;

    Run(Examination examination, long seed) {
      this.examination = examination;
      this.seed = seed;
      this.source = new RandomPrimes(seed);
      this.checks = new SplittableRandom(seed).split();
    }

    Finding find() {
      int rows = Math.toIntExact(examination.matrix().rows());
      List<Integer> all = IntStream.range(0, rows).boxed().toList();
      // Each refutation that was tried before, and failed because its rows were independent, could
      // have gone wrong.
      double spent = 0;
      String missing = "";
      while (primes.size() < maxPrimes) {
        ModularElimination.Result eliminated = eliminate(all);
        rankLowerBound = Math.max(rankLowerBound, eliminated.rank());
        if (eliminated.rank() == all.size()) {
          return certified();
        }
        List<Integer> dependent = eliminated.relation();
        double perPrime = falseDependence(dependent);
        OptionalInt needed = primesNeeded(perPrime);
        missing = missing(dependent, needed);
        if (needed.isPresent() && needed.getAsInt() <= maxPrimes - primes.size()) {
          if (areDependent(dependent, needed.getAsInt())) {
            double probability = allWrong(perPrime, needed.getAsInt());
            double total = spent == 0 ? probability : Upward.add(probability, spent);
            return refuted(dependent, needed.getAsInt(), total);
          }
          spent = Upward.add(spent, MAX_FALSE_REFUTATION);
        } else if (primes.size() > 1) {
          break;
        }
      }
      return undetermined(missing);
    }

    private ModularElimination.Result eliminate(List<Integer> rows) {
      PrimeField field = new PrimeField(source.next());
      primes.add(field.modulus());
      ModularElimination.Result result =
          ModularElimination.run(
              examination.matrix(),
              rows,
              field,
              examination.algebra(),
              checks,
              examination.cancellation());
      examination.time().stage("modular");
      return result;
    }

    /** Returns whether rows are dependent modulo each of {@code count} new primes. */
    private boolean areDependent(List<Integer> rows, int count) {
      for (int i = 0; i < count; i++) {
        if (eliminate(rows).rank() == rows.size()) {
          return false;
        }
      }
      return true;
    }

    /** Returns a bound on the probability that a random prime makes independent rows dependent. */
    private double falseDependence(List<Integer> rows) {
      long bad = HadamardBound.primesDividingTheMinor(examination.matrix(), rows);
      return bad == 0 ? 0 : Math.min(1, Upward.divide((double) bad, RandomPrimes.count()));
    }

    private Finding certified() {
      return finding(
          Outcome.CERTIFIED,
          OptionalDouble.empty(),
          String.format(
              Locale.ROOT,
              "a minor of order %d is not divisible by the prime %d, so it is not zero",
              examination.matrix().rows(),
              primes.get(primes.size() - 1)));
    }

    private Finding refuted(List<Integer> rows, int count, double probability) {
      String reason =
          count == 0
              ? named(rows) + " are linearly dependent"
              : named(rows) + " are linearly dependent modulo " + plural(count + 1, "random prime");
      return finding(Outcome.REFUTED, OptionalDouble.of(probability), reason);
    }

    private Finding undetermined(String reason) {
      return finding(Outcome.UNDETERMINED, OptionalDouble.empty(), reason);
    }

    private Finding finding(Outcome outcome, OptionalDouble probability, String reason) {
      return new Finding(
          outcome,
          CertificateMethod.MODULAR,
          OptionalDouble.empty(),
          OptionalDouble.empty(),
          OptionalDouble.empty(),
          rankLowerBound,
          probability,
          Optional.of(new DrawnPrimes(seed, primes)),
          reason);
    }
  }

  private String missing(List<Integer> rows, OptionalInt needed) {
    String dependent = named(rows) + " are linearly dependent modulo a random prime";
    return needed.isPresent()
        ? dependent
            + "; to refute, "
            + plural(needed.getAsInt() + 1, "prime")
            + " are needed, but at most "
            + maxPrimes
            + " may be drawn"
        : dependent
            + ", but their entries span so many powers of two that most primes may be exceptions; a"
            + " linear relation between them, verified exactly, would settle it";
  }

  /** Returns the number of primes that make a refutation safe enough; empty if no number does. */
  private static OptionalInt primesNeeded(double perPrime) {
    if (perPrime == 1) {
      return OptionalInt.empty();
    }
    if (perPrime == 0) {
      return OptionalInt.of(0);
    }
    int count = 1;
    for (double p = perPrime; p > MAX_FALSE_REFUTATION; p = Upward.multiply(p, perPrime)) {
      count++;
    }
    return OptionalInt.of(count);
  }

  /** Returns a bound on the probability that {@code count} primes are wrong together. */
  private static double allWrong(double perPrime, int count) {
    double probability = perPrime;
    for (int i = 1; i < count; i++) {
      probability = Upward.multiply(probability, perPrime);
    }
    return probability;
  }

  private static String named(List<Integer> rows) {
    String first =
        rows.stream().limit(ROWS_NAMED).map(String::valueOf).collect(Collectors.joining(", "));
    return rows.size() <= ROWS_NAMED ? "rows " + first : rows.size() + " rows (" + first + ", ...)";
  }

  private static String plural(int count, String noun) {
    return count + " " + noun + (count == 1 ? "" : "s");
  }
}
