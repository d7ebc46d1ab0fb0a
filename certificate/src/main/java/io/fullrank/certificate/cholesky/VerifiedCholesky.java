package io.fullrank.certificate.cholesky;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.backend.GramMatrix;
import io.fullrank.certificate.examination.Examination;
import io.fullrank.certificate.examination.ProofMethod;
import io.fullrank.certificate.examination.Stopwatch;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificateMethod;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.Finding;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.Outcome;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Proves full row rank by a floating-point Cholesky factorisation that runs to completion (R06),
 * and bounds the singular values.
 *
 * <p><b>Scaling.</b> Rows are scaled by powers of two, which does not change the rank and, except
 * for underflow, rounds nothing. Ψ = diag(2^-e_i)·Φ has rows with largest entry in [1/2, 1); G =
 * fl(ΨΨᵀ); H = SGS with S = diag(2^t_i), t ≤ 0. First S undoes the differences between rows, so
 * that H is ΦΦᵀ up to a common factor; where that fails, S gives all rows about the same norm,
 * which helps when they differ by many decades. For a unit vector x, ‖xᵀΦ‖ = ‖(D^{-1}x)ᵀDΦ‖ ≥
 * σ_min(DΦ)·min_i 2^(e_i−t_i), where D = diag(2^(t_i−e_i)).
 *
 * <p><b>Error bound.</b> u = 2^-53, γ_k = ku/(1−ku), η = 2^-1022. Every entry of G is a sum of c
 * products in some order, so it passes through at most c roundings, and by Cauchy's inequality
 * |g_ij − ψ_iᵀψ_j| ≤ γ_c‖ψ_i‖‖ψ_j‖. (A Gram matrix that was computed otherwise has k roundings in
 * the place of c here, and in what follows but U.) Hence ‖H − SΨΨᵀS‖₂ ≤ γ_c·Σ s_i²‖ψ_i‖² ≤
 * γ_c/(1−γ_c)·tr(H). For A = fl(H − sI), only the diagonal is rounded: ‖A − (H − sI)‖₂ ≤ u·max
 * h_ii. If Cholesky of A runs to completion with factor L, then, as LLᵀ is positive semidefinite,
 * λ_min(A) ≥ −‖A − LLᵀ‖₂, for which the backend has a bound δ, see {@link GramMatrix#factorError}.
 *
 * <p>In a conventional factorisation each l_ij results from a_ij and j−1 products by at most j−1
 * additions, one rounding per product, and a root (which counts twice, as l_jj² enters), a
 * division, or a rounded reciprocal and a multiplication. Dividing by the factors (1+δ) on the way
 * of a_ij (Higham, §8.1 and §10.1) leaves |LLᵀ − A| ≤ γ_{n+1}|L||Lᵀ| for any order of the
 * additions, blocking and fused multiply-add included. The bound here is taken with γ_{n+4}, three
 * roundings to spare. Since ‖|L||Lᵀ|‖₂ ≤ ‖L‖_F² ≤ tr(A)/(1−γ_{n+4}) and tr(A) ≤ tr(H), δ =
 * γ_{n+4}/(1−γ_{n+4})·tr(H) then. Together
 *
 * <p>λ_min(SΨΨᵀS) ≥ s − ε, ε = u·max h_ii + δ + γ_c/(1−γ_c)·tr(H) + U.
 *
 * <p>U covers underflow, to zero included. Entries of Ψ are at most 1, so the c products and sums
 * of an entry of G, the rounding of Ψ and that of H cost at most 12cη per entry, thus 12ncη in
 * norm, or 18cη and 18ncη for one that was computed otherwise; an entry of the factorisation costs
 * at most 8(n+1)(1+max l_ij)η with max l_ij ≤ 1 + max h_ii, thus 32n²(1+max h_ii)η in norm. U =
 * 64n(n+c)(1+max h_ii)η exceeds their sum.
 *
 * <p>The δ of a conventional factorisation serves to choose s; ε is computed with the bound δ of
 * the backend, and what is proven rests on the last inequality alone. ε is computed with every
 * operation rounded upwards, and s − ε downwards.
 *
 * <p><b>Largest singular value.</b> λ_max(H) ≤ ρ(|H|) ≤ max_i (|H|v)_i/v_i for every positive v
 * (Collatz and Wielandt); v comes from power iteration, and for nonnegative features, where |H| =
 * H, the bound is nearly attained.
 *
 * <p><b>Tightness.</b> Where λ_min(H) is above about 1.4·ε, that is σ_min²/σ_max² above about 1.4(n
 * + c + 5)u·‖Φ‖_F²/‖Φ‖₂², two factorisations bound σ_min within a factor 2. If the estimate of
 * σ_min proves too large, because the second one breaks down, there are more, with smaller and
 * larger shifts, until the bound is within this factor of an estimate. Where σ_min is below, {@link
 * PreconditionedBound} does, if the backend supports it, for about three times the work. It fails
 * only where G itself no longer shows σ_min, at about σ_min ≤ 10^-7·σ_max.
 */
public final class VerifiedCholesky implements ProofMethod {

  static final int SPARE_ROUNDINGS = 3;

  /** The first shift over ε: just enough that completion proves something. */
  private static final double FIRST_SHIFT = 1.125;

  /** The next shift, as a part of the way from a shift that is proven to the estimate. */
  private static final double REFINEMENT = 0.9;

  /** A bound on σ_min that is below its estimate by more than this factor is worth more work. */
  private static final double MAX_GAP = 1.8;

  /** Digits of figures that are rounded to fewer where they are shown. */
  private static final MathContext SHOWN = new MathContext(17);

  private static final int MAX_POWER_STEPS = 40;
  private static final double POWER_TOLERANCE = 1.002;

  /** Tries to prove that Φ has full row rank; never refutes it. */
  @Override
  public Finding find(Examination examination) {
    int[] rowExponents = examination.structure().rowExponents();
    try (GramMatrix gram =
        examination
            .algebra()
            .gram(examination.matrix(), rowExponents, examination.cancellation())) {
      examination.time().stage("gram");
      long columns = examination.matrix().columns();
      return new Run(
              gram,
              rowExponents,
              columns,
              columns,
              examination.structure().rankLowerBound(),
              examination.time(),
              examination.cancellation(),
              (scaling, least) -> PreconditionedBound.of(examination, gram, scaling, least))
          .find();
    }
  }

  /**
   * Tries to prove that Φ has full row rank, by a Gram matrix that was computed in another way than
   * as a product of Ψ; never refutes it.
   *
   * @param gram G, with |g_ij − ψ_iᵀψ_j| ≤ γ_k‖ψ_i‖‖ψ_j‖ + 16cη, where Ψ's entries are at most 1
   * @param rowExponents (input) e
   * @param columns c
   * @param roundings k
   * @param time is told when a stage ends
   * @param cancellation is asked between blocks of work
   * @return what is proven
   * @throws CertificationCancelledException if cancelled
   */
  public Finding find(
      GramMatrix gram,
      int[] rowExponents,
      long columns,
      long roundings,
      Stopwatch time,
      Cancellation cancellation) {
    return new Run(
            gram,
            rowExponents,
            columns,
            roundings,
            1,
            time,
            cancellation,
            (scaling, least) -> Optional.empty())
        .find();
  }

  /** Looks for a {@link PreconditionedBound}. */
  private interface Preconditioner {
    Optional<PreconditionedBound> bound(Scaling common, double least);
  }

  /** The outcome of the factorisations in one scaling. */
  private record Attempt(
      boolean completed,
      OptionalDouble sigmaMinLowerBound,
      OptionalDouble sigmaMinEstimate,
      String reason) {

    /** Whether the bound may be far from σ_min. */
    boolean isWeak() {
      return sigmaMinEstimate.isEmpty()
          || sigmaMinEstimate.getAsDouble() > MAX_GAP * sigmaMinLowerBound.orElse(0);
    }
  }

  /** The way from one Gram matrix to a finding. */
  private static final class Run {
    private final GramMatrix gram;
    private final int[] rowExponents;
    private final long columns;
    private final long roundings;
    private final long rankLowerBound;
    private final Stopwatch time;
    private final Cancellation cancellation;
    private final Preconditioner preconditioner;

    Run(
        GramMatrix gram,
        int[] rowExponents,
        long columns,
        long roundings,
        long rankLowerBound,
        Stopwatch time,
        Cancellation cancellation,
        Preconditioner preconditioner) {
      this.gram = gram;
      this.rowExponents = rowExponents;
      this.columns = columns;
      this.roundings = roundings;
      this.rankLowerBound = rankLowerBound;
      this.time = time;
      this.cancellation = cancellation;
      this.preconditioner = preconditioner;
    }

    Finding find() {
      double[] diagonal = gram.diagonal();
      Scaling common = Scaling.common(rowExponents, diagonal, columns, roundings);
      Scaling equilibrated = Scaling.equilibrated(rowExponents, diagonal, columns, roundings);
      OptionalDouble sigmaMax = finite(sigmaMaxUpperBound(common));
      endStage("sigma-max");

      Attempt attempt = attempt(common);
      if (!attempt.completed && !Arrays.equals(common.exponents, equilibrated.exponents)) {
        Attempt second = attempt(equilibrated);
        attempt = second.completed ? second : attempt;
      }
      if (attempt.isWeak()) {
        attempt = precondition(attempt, common);
      }
      return new Finding(
          attempt.completed ? Outcome.CERTIFIED : Outcome.UNDETERMINED,
          CertificateMethod.CHOLESKY,
          attempt.sigmaMinLowerBound,
          attempt.sigmaMinEstimate,
          sigmaMax,
          attempt.completed ? gram.order() : rankLowerBound,
          OptionalDouble.empty(),
          Optional.empty(),
          attempt.reason);
    }

    private Attempt attempt(Scaling scaling) {
      double shift = Math.nextUp(FIRST_SHIFT * scaling.error(scaling.conventional));
      int breakdown = factorise(scaling, shift);
      if (breakdown != 0) {
        return undetermined(brokenDown(scaling, breakdown, shift));
      }
      double error = error(scaling);
      double bound = Math.nextDown(shift - error);
      // λ_min(H) is below the estimate, and about below a shift with which Cholesky breaks down.
      double upper = shift + room(0);
      double next = shift + REFINEMENT * (upper - shift);
      double shrinking = 2;
      int start = 0;
      // A new factorisation has to be worth it: at least twice the bound on λ_min.
      while (next - error >= 2 * bound && upper > MAX_GAP * MAX_GAP * bound) {
        if (factorise(scaling, next) == 0) {
          double refinedError = error(scaling);
          double refined = Math.nextDown(next - refinedError);
          if (!(refined > bound)) {
            break;
          }
          shift = next;
          error = refinedError;
          bound = refined;
          if (upper > MAX_GAP * MAX_GAP * bound) {
            upper = Math.min(upper, shift + room(++start));
          }
          next = shift + REFINEMENT * (upper - shift);
        } else {
          upper = Math.min(upper, next);
          // By larger and larger steps, but by no more than halves on a logarithmic scale.
          next = Math.max(Math.sqrt(shift) * Math.sqrt(upper), upper / shrinking);
          shrinking *= shrinking;
        }
      }
      double estimate = Math.scalb(Math.sqrt(upper), scaling.minBack);
      if (!(bound > 0)) {
        return undetermined(
            "Cholesky of the Gram matrix ran to completion, but with rounding errors that may exceed"
                + " its shift; the exact rank modulo primes would settle it");
      }
      double sigma = scaleDown(Math.nextDown(Math.sqrt(bound)), scaling.minBack);
      int scale = scaling.uniform ? 2 * scaling.minBack : 0;
      String reason =
          String.format(
              Locale.ROOT,
              "Cholesky of the Gram matrix%s, less a shift of %.3g, ran to completion; rounding errors explain at"
                  + " most %.3g of the shift%s",
              scaling.uniform ? "" : " of the rows scaled to similar norms",
              scaled(shift, scale),
              scaled(error, scale),
              sigma > 0
                  ? ""
                  : "; the bound on the smallest singular value that follows underflows: it is below"
                      + " every positive float64");
      return new Attempt(
          true,
          sigma > 0 ? OptionalDouble.of(sigma) : OptionalDouble.empty(),
          // Only with all rows scaled alike are the singular values scaled alike.
          scaling.uniform && estimate < Double.POSITIVE_INFINITY
              ? OptionalDouble.of(estimate)
              : OptionalDouble.empty(),
          reason);
    }

    /** Returns an estimate of the smallest eigenvalue of the matrix that was factorised last. */
    private double room(int start) {
      double room = SmallestEigenvalueEstimate.of(gram, start, cancellation);
      endStage("estimate");
      return room;
    }

    /** Tries {@link PreconditionedBound}, and returns the better of both. */
    private Attempt precondition(Attempt attempt, Scaling common) {
      double known = Math.scalb(attempt.sigmaMinLowerBound.orElse(0), -common.minBack);
      // G shows no eigenvalue that is below its rounding errors, of about this size.
      double hidden = Upward.UNIT_ROUNDOFF * Upward.sum(common.diagonal) / gram.order();
      Optional<PreconditionedBound> found;
      try {
        found = preconditioner.bound(common, Math.max(hidden, known * known));
      } catch (InsufficientMemoryException tooLarge) {
        // What is proven so far remains true.
        return attempt;
      }
      if (found.isEmpty()) {
        return attempt;
      }
      double sigma = scaleDown(Math.nextDown(Math.sqrt(found.get().lambda())), common.minBack);
      if (!(sigma > attempt.sigmaMinLowerBound.orElse(0))) {
        return attempt;
      }
      return new Attempt(
          true,
          OptionalDouble.of(sigma),
          finite(Math.scalb(Math.sqrt(found.get().estimate()), common.minBack)),
          "multiplied by the approximate inverse of a Cholesky factor, the rows are orthonormal but"
              + " for errors that the factorisation of their Gram matrix allows for");
    }

    private double error(Scaling scaling) {
      double error = scaling.error(gram.factorError(scaling.conventional, cancellation));
      endStage("cholesky");
      return error;
    }

    private int factorise(Scaling scaling, double shift) {
      for (int i = 0; i < scaling.diagonal.length; i++) {
        if (scaling.diagonal[i] <= shift) {
          return i + 1;
        }
      }
      int breakdown = gram.factorise(scaling.exponents, shift, cancellation);
      endStage("cholesky");
      return breakdown;
    }

    /** Returns an upper bound on ‖Φ‖₂, infinite if it exceeds every double. */
    private double sigmaMaxUpperBound(Scaling common) {
      // ‖SΨ‖₂² ≤ ‖SΨ‖_F² ≤ tr(H) + the error of the Gram matrix.
      double lambda = Upward.add(largestEigenvalueUpperBound(common), common.gramError);
      double sigma = Upward.squareRoot(Math.min(common.squaredNorm(), lambda));
      return Math.nextUp(Math.scalb(sigma, common.minBack));
    }

    private double largestEigenvalueUpperBound(Scaling scaling) {
      int n = gram.order();
      double[] scale = new double[n];
      double[] v = new double[n];
      for (int i = 0; i < n; i++) {
        scale[i] = Math.scalb(1.0, scaling.exponents[i]);
        v[i] = Math.max(scale[i], 0x1p-500);
      }
      double oneMinusGamma = Math.nextDown(1 - Upward.gamma(n));
      double underflow = 4.0 * n * Double.MIN_NORMAL;
      double best = Double.POSITIVE_INFINITY;
      for (int step = 0; step < MAX_POWER_STEPS; step++) {
        cancellation.check();
        double[] scaled = new double[n];
        for (int i = 0; i < n; i++) {
          // |G| is nonnegative, so a factor that is too large is on the safe side.
          scaled[i] = Math.max(scale[i] * v[i], Double.MIN_NORMAL);
        }
        double[] w = gram.multiplyAbsolute(scaled);
        double upper = 0;
        double lower = Double.POSITIVE_INFINITY;
        double largest = 0;
        for (int i = 0; i < n; i++) {
          double product = Upward.add(Upward.divide(w[i], oneMinusGamma), underflow);
          w[i] = Math.max(Upward.multiply(product, scale[i]), Double.MIN_NORMAL);
          double ratio = Upward.divide(w[i], v[i]);
          upper = Math.max(upper, ratio);
          lower = Math.min(lower, ratio);
          largest = Math.max(largest, w[i]);
        }
        best = Math.min(best, upper);
        if (upper <= POWER_TOLERANCE * lower) {
          break;
        }
        for (int i = 0; i < n; i++) {
          v[i] = Math.max(w[i] / largest, 0x1p-500);
        }
      }
      return best;
    }

    private void endStage(String name) {
      time.stage(name);
    }
  }

  private static Attempt undetermined(String reason) {
    return new Attempt(false, OptionalDouble.empty(), OptionalDouble.empty(), reason);
  }

  private static String brokenDown(Scaling scaling, int breakdown, double shift) {
    return String.format(
        Locale.ROOT,
        "Cholesky of the Gram matrix broke down at row %d: the smallest singular value is 0 or below about"
            + " %.1g, where rounding errors in f64 hide it; the exact rank modulo primes would settle it",
        breakdown - 1,
        scaled(Math.sqrt(shift), scaling.minBack));
  }

  /** Returns x·2^e, which may be no double, to be shown. */
  private static BigDecimal scaled(double x, int exponent) {
    BigDecimal power = BigDecimal.valueOf(2).pow(Math.abs(exponent));
    return exponent < 0
        ? new BigDecimal(x).divide(power, SHOWN)
        : new BigDecimal(x).multiply(power);
  }

  /**
   * Multiplies by a power of two, rounding downwards. {@link Math#scalb} rounds once, to nearest. A
   * result above 2^-1022 has all bits of the value, so it is exact. One up to 2^-1022 may have been
   * rounded up (2^-1022 itself from a value just below it), by at most half the spacing 2^-1074 of
   * the doubles there: the double below is no larger than the exact product. What overflows is at
   * least the largest double.
   */
  static double scaleDown(double value, int exponent) {
    double scaled = Math.scalb(value, exponent);
    if (scaled <= Double.MIN_NORMAL) {
      return Math.max(0, Math.nextDown(scaled));
    }
    return Math.min(scaled, Double.MAX_VALUE);
  }

  private static OptionalDouble finite(double bound) {
    return Double.isFinite(bound) ? OptionalDouble.of(bound) : OptionalDouble.empty();
  }
}
