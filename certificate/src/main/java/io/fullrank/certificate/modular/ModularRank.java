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
 * <p><b>Refuting by proof.</b> A first prime finds rows that are dependent modulo it, as few as it
 * shows, and the coefficients of their relation modulo it. Where the relation that these come from
 * has short rational coefficients, they are found, see {@link RelationReconstruction}, and verified
 * in exact arithmetic, see {@link IntegerRelation}: a proof. Further primes, where they are needed,
 * show more of the coefficients.
 *
 * <p><b>Refuting with a stated probability.</b> If rows are dependent modulo p, they are dependent,
 * or p is one of the primes that divide a certain minor of these rows, see {@link HadamardBound}.
 * So further primes, drawn independently after the rows were found, examine just these rows again.
 * If at most d of N primes can divide the minor, the probability over the draw that all k further
 * primes do is at most (d/N)^k, for any matrix; k is chosen beforehand such that this is at most
 * 10^-9. There are 140,336 primes of 22 bits, of which a minor of 2,000 rows of softplus features
 * may be divisible by a tenth, and one of 20,000 rows by all. So primes of 26 bits, of which there
 * are 13 times as many and which cost twice as much each, are drawn where they are fewer by more
 * than that. If it takes too many primes all the same, the outcome is undetermined.
 *
 * <p>This probability is about the draw, for a matrix that was there before it. It says nothing of
 * how likely it is that a matrix which was refuted has full row rank after all.
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
        ModularElimination.Result eliminated = eliminate(all, source.next());
        rankLowerBound = Math.max(rankLowerBound, eliminated.rank());
        if (eliminated.rank() == all.size()) {
          return certified();
        }
        List<Integer> dependent = eliminated.relation();
        RelationReconstruction relation = new RelationReconstruction(dependent);
        Optional<Finding> proof = proof(relation, eliminated);
        if (proof.isPresent()) {
          return proof.get();
        }
        PrimeDraw draw =
            PrimeDraw.against(HadamardBound.bitsOfTheMinor(examination.matrix(), dependent));
        missing = missing(dependent, draw);
        if (draw.count() <= maxPrimes - primes.size()) {
          boolean independent = false;
          for (int i = 0; i < draw.count() && !independent; i++) {
            ModularElimination.Result again =
                eliminate(dependent, draw.wide() ? source.nextWide() : source.next());
            independent = again.rank() == dependent.size();
            proof = independent ? Optional.empty() : proof(relation, again);
            if (proof.isPresent()) {
              return proof.get();
            }
          }
          if (!independent) {
            double probability = draw.allWrong();
            double total = spent == 0 ? probability : Upward.add(probability, spent);
            return refuted(dependent, draw.count(), total);
          }
          spent = Upward.add(spent, MAX_FALSE_REFUTATION);
        } else if (primes.size() > 1) {
          break;
        }
      }
      return undetermined(missing);
    }

    private ModularElimination.Result eliminate(List<Integer> rows, int prime) {
      PrimeField field = new PrimeField(prime);
      primes.add(prime);
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

    /**
     * Returns the refutation by a relation that is verified, if what is known of its coefficients,
     * together with those modulo the last prime, is enough.
     *
     * @param relation (modified) takes up the coefficients
     */
    private Optional<Finding> proof(
        RelationReconstruction relation, ModularElimination.Result eliminated) {
      relation.add(eliminated, primes.get(primes.size() - 1));
      Optional<Finding> proof =
          relation
              .relation()
              .filter(
                  guess ->
                      guess.holds(
                          examination.matrix(),
                          examination.algebra().threads(),
                          examination.cancellation()))
              .map(proven -> finding(Outcome.REFUTED, OptionalDouble.of(0), inWords(proven)));
      examination.time().stage("relation");
      return proof;
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

  private String missing(List<Integer> rows, PrimeDraw draw) {
    String dependent = named(rows) + " are linearly dependent modulo a random prime";
    return draw.count() < PrimeDraw.NEVER
        ? dependent
            + "; to refute, "
            + plural(draw.count() + 1, "prime")
            + " are needed, but at most "
            + maxPrimes
            + " may be drawn"
        : dependent
            + ", but their entries span so many powers of two that most primes may be exceptions,"
            + " and they have no relation with short coefficients";
  }

  private static String inWords(IntegerRelation relation) {
    String factors =
        relation.rows().size() <= ROWS_NAMED
            ? relation.coefficients().stream()
                .map(String::valueOf)
                .collect(Collectors.joining(", "))
            : "integers of at most " + relation.largestCoefficient();
    return named(relation.rows())
        + " are linearly dependent: multiplied by "
        + factors
        + " they add up to zero, exactly";
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
