package io.fullrank.certificate.modular;

import io.fullrank.certificate.arithmetic.PrimeField;
import io.fullrank.certificate.arithmetic.RandomPrimes;
import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.matrix.FeatureMatrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.DrawnPrimes;
import io.fullrank.certificate.result.Outcome;
import io.fullrank.certificate.structure.RankCertification;
import io.fullrank.certificate.structure.RowStructure;
import io.fullrank.certificate.structure.Stopwatch;
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
 * rows have a minor that is not 0 modulo p, that minor is not 0: the rank is n, exactly. One prime
 * is enough.
 *
 * <p>That the minor is not 0 modulo p rests on the backend's products of integers being exact, as
 * {@link DenseLinearAlgebra} demands, and besides on a check in Java that uses nothing of the
 * backend's: random systems with the matrix of the minor are solved, and the solutions verified in
 * exact arithmetic. Were the minor 0, the check would pass with probability below 2^-63, whatever
 * the backend computed.
 *
 * <p><b>Refuting.</b> If rows are dependent modulo p, they are dependent, or p is one of the few
 * primes that divide a certain minor of theirs, see {@link HadamardBound}. So a first prime is used
 * to find rows that are dependent modulo it, as few as it shows, and others, drawn independently
 * afterwards, to look at just these rows again. If of N primes at most d can divide the minor, k
 * further primes are wrong together with probability at most (d/N)^k, for any matrix and over the
 * draw of primes; k is chosen beforehand such that this is at most 10^-9. If that takes too many
 * primes, the outcome is undetermined.
 */
public final class ModularRank implements RankCertification {

  /** Primes drawn at most unless said otherwise. */
  public static final int DEFAULT_MAX_PRIMES = 24;

  /** Refutations are wrong with at most this probability. */
  public static final double MAX_FALSE_REFUTATION = 1e-9;

  private static final int ROWS_NAMED = 8;

  private final DenseLinearAlgebra algebra;
  private final int maxPrimes;
  private final LongSupplier seeds;

  /**
   * Draws at most {@link #DEFAULT_MAX_PRIMES} primes, with seeds from the system's entropy.
   *
   * @param algebra does the heavy work
   */
  public ModularRank(DenseLinearAlgebra algebra) {
    this(algebra, DEFAULT_MAX_PRIMES, new SecureRandom()::nextLong);
  }

  /**
   * Certifies with the given backend.
   *
   * @param algebra does the heavy work
   * @param maxPrimes how many primes to draw at most; 1 is enough to certify, refuting takes more
   * @param seeds gives a seed for each matrix, which the certificate records; probabilities hold if
   *     the seeds are chosen without regard to the matrix
   * @throws IllegalArgumentException if no prime may be drawn
   */
  public ModularRank(DenseLinearAlgebra algebra, int maxPrimes, LongSupplier seeds) {
    if (maxPrimes < 1) {
      throw new IllegalArgumentException("at least one prime is needed, not " + maxPrimes);
    }
    this.algebra = algebra;
    this.maxPrimes = maxPrimes;
    this.seeds = seeds;
  }

  @Override
  public Certificate certify(FeatureMatrix matrix, Cancellation cancellation) {
    Stopwatch time = new Stopwatch();
    RowStructure structure = RowStructure.of(matrix, algebra.threads(), cancellation);
    time.stage("structure");
    return structure
        .certificate(matrix, algebra.name(), time)
        .orElseGet(() -> certify(matrix, time, cancellation));
  }

  /** Certifies a matrix whose structure refutes nothing. */
  public Certificate certify(FeatureMatrix matrix, Stopwatch time, Cancellation cancellation) {
    return new Run(matrix, cancellation, seeds.getAsLong(), time).certify();
  }

  /** The way to one certificate. */
  private final class Run {
    private final FeatureMatrix matrix;
    private final Cancellation cancellation;
    private final long seed;
    private final Stopwatch time;
    private final RandomPrimes source;
    private final SplittableRandom checks;
    private final List<Integer> primes = new ArrayList<>();
    private int rankLowerBound;

    Run(FeatureMatrix matrix, Cancellation cancellation, long seed, Stopwatch time) {
      this.matrix = matrix;
      this.cancellation = cancellation;
      this.seed = seed;
      this.time = time;
      this.source = new RandomPrimes(seed);
      this.checks = new SplittableRandom(seed).split();
    }

    Certificate certify() {
      List<Integer> all = IntStream.range(0, Math.toIntExact(matrix.rows())).boxed().toList();
      // A refutation that failed, because its rows turned out independent, might have gone wrong.
      double spent = 0;
      String missing = "";
      while (primes.size() < maxPrimes) {
        ModularElimination.Finding finding = eliminate(all);
        rankLowerBound = Math.max(rankLowerBound, finding.rank());
        if (finding.rank() == all.size()) {
          return certified();
        }
        List<Integer> rows = finding.relation();
        double perPrime = falseDependence(rows);
        OptionalInt needed = primesNeeded(perPrime);
        missing = missing(rows, needed);
        if (needed.isPresent() && needed.getAsInt() <= maxPrimes - primes.size()) {
          if (dependent(rows, needed.getAsInt())) {
            double probability = allWrong(perPrime, needed.getAsInt());
            double total = spent == 0 ? probability : Upward.add(probability, spent);
            return refuted(rows, needed.getAsInt(), total);
          }
          spent = Upward.add(spent, MAX_FALSE_REFUTATION);
        } else if (primes.size() > 1) {
          break;
        }
      }
      return undetermined(missing);
    }

    private ModularElimination.Finding eliminate(List<Integer> rows) {
      PrimeField field = new PrimeField(source.next());
      primes.add(field.modulus());
      ModularElimination.Finding finding =
          ModularElimination.run(matrix, rows, field, algebra, checks, cancellation);
      time.stage("modular");
      return finding;
    }

    /** Returns whether rows are dependent modulo each of so many new primes. */
    private boolean dependent(List<Integer> rows, int count) {
      for (int i = 0; i < count; i++) {
        if (eliminate(rows).rank() == rows.size()) {
          return false;
        }
      }
      return true;
    }

    /** Returns a bound on the probability that a random prime makes independent rows dependent. */
    private double falseDependence(List<Integer> rows) {
      long bad = HadamardBound.primesDividingTheMinor(matrix, rows);
      return bad == 0 ? 0 : Math.min(1, Upward.divide((double) bad, RandomPrimes.count()));
    }

    private Certificate certified() {
      return certificate(
          Outcome.CERTIFIED,
          OptionalDouble.empty(),
          String.format(
              Locale.ROOT,
              "a minor of order %d is not divisible by the prime %d, so it is not zero",
              matrix.rows(),
              primes.get(primes.size() - 1)));
    }

    private Certificate refuted(List<Integer> rows, int count, double probability) {
      String reason =
          count == 0
              ? named(rows) + " are linearly dependent"
              : named(rows) + " are linearly dependent modulo " + plural(count + 1, "random prime");
      return certificate(Outcome.REFUTED, OptionalDouble.of(probability), reason);
    }

    private Certificate undetermined(String reason) {
      return certificate(Outcome.UNDETERMINED, OptionalDouble.empty(), reason);
    }

    private Certificate certificate(Outcome outcome, OptionalDouble probability, String reason) {
      return new Certificate(
          outcome,
          CertificateMethod.MODULAR,
          matrix.rows(),
          matrix.columns(),
          OptionalDouble.empty(),
          OptionalDouble.empty(),
          OptionalDouble.empty(),
          rankLowerBound,
          probability,
          Optional.of(new DrawnPrimes(seed, primes)),
          reason,
          algebra.name(),
          time.stages(),
          time.elapsed());
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

  /** Returns how many primes make a refutation safe enough; none if no number does. */
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

  /** Returns a bound on the probability that so many primes are wrong together. */
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
