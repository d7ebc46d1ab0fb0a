package io.fullrank.network.enclosure;

import java.util.stream.IntStream;

/**
 * Enclosures of elementary functions. In double-double they are series whose remainders are
 * bounded: about 100 bits are right, and the radius says so. In float64 they are Java's own, with
 * the errors that its specification allows ({@link StrictMath#exp} and {@link StrictMath#log1p}: 1
 * ulp). Where an argument is known too badly for a series, all values that the function can have
 * are enclosed.
 */
public final class ElementaryFunctions {

  /** e⁻⁸⁰ &lt; 2⁻¹¹⁵. */
  private static final double FAR = -80;

  private static final int HALVINGS = 4;
  private static final int EXPONENTIAL_DEGREE = 16;

  /** Of 1/(2k+1), as many as the longest series needs. */
  private static final Enclosure[] ODD_RECIPROCALS =
      IntStream.range(0, 1024)
          .mapToObj(k -> Enclosure.ONE.dividedBy(Enclosure.of(2.0 * k + 1)))
          .toArray(Enclosure[]::new);

  /** 1/k!. */
  private static final Enclosure[] TAYLOR = new Enclosure[EXPONENTIAL_DEGREE + 1];

  static {
    TAYLOR[0] = Enclosure.ONE;
    for (int k = 1; k < TAYLOR.length; k++) {
      TAYLOR[k] = TAYLOR[k - 1].dividedBy(Enclosure.of(k));
    }
  }

  private static final Enclosure LN_2 = log1pInDoubleDouble(Enclosure.ONE);

  /** 1/√(2π); π by Machin's formula 16 arctan(1/5) − 4 arctan(1/239). */
  private static final Enclosure DENSITY_AT_ZERO =
      Enclosure.ONE.dividedBy(
          arctanOfReciprocal(5)
              .times(16)
              .minus(arctanOfReciprocal(239).times(4))
              .times(2)
              .squareRoot());

  private ElementaryFunctions() {}

  /**
   * Returns e^y for y ≤ 0.
   *
   * <p>In float64, e^y = e^h·e^d for the high part h of the centre, and |e^d − 1| ≤ 2|d| for |d| ≤
   * 1.
   *
   * <p>In double-double, with y = k ln 2 + 16z, |z| ≤ 2⁻⁵, the Taylor polynomial of degree 16 at z
   * is off by at most 2|z|¹⁷/17! &lt; 2⁻¹³¹, and e^y = 2^k·(e^z)¹⁶.
   *
   * @param y whose enclosed numbers that count are not positive
   */
  public static Enclosure exp(Enclosure y, Precision precision) {
    if (y.upper() < FAR) {
      return new Enclosure(0, 0, 0x1p-115);
    }
    return precision == Precision.DOUBLE ? expInDouble(y) : expInDoubleDouble(y);
  }

  private static Enclosure expInDouble(Enclosure y) {
    double off = y.distanceFromHigh();
    double value = StrictMath.exp(y.high());
    double error = 2 * Math.ulp(value);
    return off <= 1
        ? new Enclosure(value, 0, 0).widened(2 * (value + error), off).widened(error)
        : new Enclosure(0.5, 0, 0.5);
  }

  private static Enclosure expInDoubleDouble(Enclosure y) {
    double power = Math.rint(y.high() * (1 / 0.6931471805599453));
    Enclosure z = y.minus(LN_2.times(power)).times(1.0 / (1 << HALVINGS));
    if (!(z.magnitude() <= 0x1p-5)) {
      return new Enclosure(0.5, 0, 0.5);
    }
    Enclosure sum = TAYLOR[EXPONENTIAL_DEGREE];
    for (int k = EXPONENTIAL_DEGREE - 1; k >= 0; k--) {
      sum = sum.times(z).plus(TAYLOR[k]);
    }
    sum = sum.widened(0x1p-131);
    for (int i = 0; i < HALVINGS; i++) {
      sum = sum.times(sum);
    }
    return sum.times(Math.scalb(1.0, (int) power));
  }

  /**
   * Returns ln(1 + t) for 0 ≤ t ≤ 1.
   *
   * <p>In float64, at the high part of the centre, with a slope of at most 1.
   *
   * <p>In double-double, it is 2 artanh(w) = 2w Σ qᵏ/(2k+1) for w = t/(2 + t) ≤ 1/3, q = w². With q
   * &lt; 2^e, e ≤ −3, the terms from the N-th on are less than 2^{eN+1} together; N is such that
   * this is below 2⁻¹¹⁰.
   *
   * @param t whose enclosed numbers that count are from 0 to 1
   */
  public static Enclosure log1p(Enclosure t, Precision precision) {
    return precision == Precision.DOUBLE && t.high() >= 0
        ? log1pInDouble(t)
        : log1pInDoubleDouble(t);
  }

  private static Enclosure log1pInDouble(Enclosure t) {
    double value = StrictMath.log1p(t.high());
    return new Enclosure(value, 0, 2 * Math.ulp(value)).widened(t.distanceFromHigh());
  }

  private static Enclosure log1pInDoubleDouble(Enclosure t) {
    Enclosure w = t.dividedBy(t.plus(2));
    Enclosure q = w.times(w);
    double most = q.magnitude();
    if (!(most < 0x1p-3)) {
      return new Enclosure(0.5, 0, 0.5);
    }
    int exponent = Math.max(-111, Math.getExponent(most) + 1);
    int terms = 111 / -exponent + 1;
    Enclosure sum = ODD_RECIPROCALS[terms - 1];
    for (int k = terms - 2; k >= 0; k--) {
      sum = sum.times(q).plus(ODD_RECIPROCALS[k]);
    }
    return sum.widened(0x1p-110).times(w).times(2);
  }

  /**
   * Returns the standard normal distribution function P(z), always in double-double.
   *
   * <p>For a = |z|, P(a) = ½ + p(a) Σ a^{2k+1}/(2k+1)!! with the density p (integrating by parts),
   * and P(−a) = 1 − P(a), which is below e^{−a²/2}/2 &lt; 2⁻¹¹⁵ for a ≥ 12.6. The terms end where
   * each following one is at most half the one before, and the first that is left out is below
   * 2⁻¹¹² times the sum: then p times all that are left out is below 2⁻¹¹², since p times the sum
   * is at most ½.
   *
   * @param z one number, with radius 0
   */
  public static Enclosure normalDistribution(Enclosure z) {
    boolean negative = z.high() < 0;
    Enclosure a = negative ? z.negated() : z;
    if (a.lower() > 12.6) {
      return new Enclosure(negative ? 0 : 1, 0, 0x1p-115);
    }
    if (!(a.upper() < 14)) {
      return new Enclosure(0.5, 0, 0.5);
    }
    Enclosure square = a.times(a);
    Enclosure term = a;
    Enclosure sum = a;
    for (int k = 1; k < ODD_RECIPROCALS.length; k++) {
      term = term.times(square).times(ODD_RECIPROCALS[k]);
      boolean halving = square.magnitude() <= k;
      if (halving && term.magnitude() <= 0x1p-112 * sum.lower()) {
        break;
      }
      sum = sum.plus(term);
    }
    Enclosure half =
        expInDoubleDouble(square.times(-0.5)).times(DENSITY_AT_ZERO).times(sum).widened(0x1p-111);
    return Enclosure.of(0.5).plus(negative ? half.negated() : half);
  }

  /** A double that e^x is not above, for x ≤ 0: Java specifies StrictMath.exp to within 1 ulp. */
  public static double expUpper(double x) {
    return Math.nextUp(Math.nextUp(StrictMath.exp(x)));
  }

  /** arctan(1/n) = Σ (−1)ᵏ n^{−2k−1}/(2k+1): the first term left out bounds the remainder. */
  private static Enclosure arctanOfReciprocal(int n) {
    Enclosure reciprocal = Enclosure.ONE.dividedBy(Enclosure.of(n));
    Enclosure square = reciprocal.times(reciprocal);
    Enclosure power = reciprocal;
    Enclosure sum = Enclosure.of(0);
    int k = 0;
    for (; power.magnitude() > 0x1p-115; k++) {
      Enclosure term = power.times(ODD_RECIPROCALS[k]);
      sum = k % 2 == 0 ? sum.plus(term) : sum.minus(term);
      power = power.times(square);
    }
    return sum.widened(0x1p-115);
  }
}
