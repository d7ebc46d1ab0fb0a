package io.fullrank.certificate.arithmetic;

/**
 * The integers modulo a prime p, 11 ≤ p &lt; 2^26, in exact f64 arithmetic (DGP08, §2 and §3:
 * delayed reduction).
 *
 * <p>A <i>residue</i> is an integer r with |r| &lt; p/2 + 4.1, and so |r| ≤ M = 2^21 + 4 for p &lt;
 * 2^22, and M = 2^25 + 4 for every p; it stands for its class modulo p. As |r| &lt; p, a residue is
 * divisible by p only if it is 0. A sum of at most {@link #maxProducts} products of two residues is
 * an integer of absolute value at most {@link #MAX_SUM}, and so is every partial sum, in whatever
 * order: f64 arithmetic, with or without fused multiply-add, is exact.
 *
 * <p><b>Halves.</b> A residue r is h·2^13 + l with h = rint(r·2^-13) and so |l| ≤ 2^12 and |h| ≤
 * 2^12 + 1. With a residue s' of 2^13·s, r·s ≡ l·s + h·s' modulo p, a sum of two products that are
 * at most (2^12 + 1)·M together below 2^38.01, of which 2^14 can be summed up. So products of
 * matrices modulo p ≥ 2^22 are two products of matrices, exact like those modulo smaller primes.
 *
 * <p><b>Reduction.</b> For an integer |x| ≤ {@link #MAX_SUM} let q = rint(fl(x·fl(1/p))). Two
 * roundings make |fl(x·fl(1/p)) − x/p| ≤ |x/p|·(2u + u²) &lt; |x/p|·2^-51.99, so |x − qp| &lt; p/2
 * + |x|·2^-51.99 &lt; p/2 + 4.1, which is an integer, hence a residue. |qp| ≤ |x| + M &lt; 2^53 and
 * the difference are computed without rounding. If |x| ≤ 2^44, |x − qp| &lt; p/2 + 1/2: the residue
 * is the one between −p/2 and p/2.
 */
public final class PrimeField {

  /** Integers up to this absolute value are exact and can be reduced. */
  public static final double MAX_SUM = 0x1p53 - 0x1p26;

  /**
   * Products of residues that a sum in a matrix may have, modulo p &lt; 2^22 as they are (2047·M²
   * &lt; 2^53 − 2^42 + 2^36 &lt; MAX_SUM), modulo larger p by their halves.
   */
  public static final int MAX_PRODUCTS = 2047;

  /** 7·M² &lt; 2^53 − 2^50 + 2^31 &lt; MAX_SUM for every p. */
  private static final int MAX_WIDE_PRODUCTS = 7;

  private static final double HALF = 0x1p13;

  private static final int KEYS = 1 << 12;
  private static final int KEY_SHIFT = 52;
  private static final long FRACTION = (1L << KEY_SHIFT) - 1;

  /** The bits of 2^52, whose last place is 1. */
  private static final long TWO_TO_52 = 0x4330000000000000L;

  private static final int EXPONENT_BITS = 11;
  private static final int MAX_BIASED_EXPONENT = (1 << EXPONENT_BITS) - 1;
  private static final int LEAST_EXPONENT = -1074;

  private final int modulus;
  private final double p;
  private final double inverseOfP;

  /**
   * ± the weight of the last bit of an f64, indexed by its upper 12 bits, sign and biased exponent.
   */
  private final double[] weights = new double[KEYS];

  /** The value of the leading 1 that is not stored, indexed by the same bits. */
  private final double[] hiddenOnes = new double[KEYS];

  /**
   * The field of p elements.
   *
   * @param modulus a prime from 11 to 2^26
   */
  public PrimeField(int modulus) {
    if (modulus < 11 || modulus >= RandomPrimes.WIDE_TO) {
      throw new IllegalArgumentException("p must lie between 11 and 2^26, not " + modulus);
    }
    this.modulus = modulus;
    this.p = modulus;
    this.inverseOfP = 1 / p;
    double weight = power(0.5 * (p + 1), -LEAST_EXPONENT);
    double leadingOne = reduce(0x1p52);
    for (int exponent = 0; exponent < MAX_BIASED_EXPONENT; exponent++) {
      // Biased exponents 0 and 1 share a weight; at 0, for subnormals, the leading 1 is missing.
      double hidden = exponent == 0 ? 0 : reduce(leadingOne * weight);
      int negative = exponent | (1 << EXPONENT_BITS);
      weights[exponent] = weight;
      weights[negative] = -weight;
      hiddenOnes[exponent] = hidden;
      hiddenOnes[negative] = -hidden;
      weight = exponent == 0 ? weight : reduce(2 * weight);
    }
  }

  /** Returns p. */
  public int modulus() {
    return modulus;
  }

  /** Returns whether p is above 2^22, so that matrices are multiplied by the halves of residues. */
  public boolean isWide() {
    return modulus >= RandomPrimes.TO;
  }

  /** Returns how many products of two residues may be summed up before the sum is reduced. */
  public int maxProducts() {
    return isWide() ? MAX_WIDE_PRODUCTS : MAX_PRODUCTS;
  }

  /**
   * Cuts residues into halves.
   *
   * @param residues (modified) r, replaced by l
   * @param upper (output) h
   */
  public static void split(double[] residues, double[] upper, int length) {
    for (int j = 0; j < length; j++) {
      upper[j] = Math.rint(residues[j] / HALF);
      residues[j] -= HALF * upper[j];
    }
  }

  /** Replaces residues s by those of 2^13·s. */
  public void shift(double[] residues, int length) {
    scale(residues, length, HALF);
  }

  /**
   * Returns the residue of an integer.
   *
   * @param x at most {@link #MAX_SUM} in absolute value
   */
  public double reduce(double x) {
    return x - Math.rint(x * inverseOfP) * p;
  }

  /** Reduces the first {@code length} of some integers, as {@link #reduce(double)}. */
  public void reduce(double[] values, int length) {
    for (int j = 0; j < length; j++) {
      double x = values[j];
      values[j] = x - Math.rint(x * inverseOfP) * p;
    }
  }

  /**
   * Reduces integers, multiplies them by a residue, and reduces again.
   *
   * @param values (modified) at most {@link #MAX_SUM} in absolute value
   */
  public void scale(double[] values, int length, double factor) {
    for (int j = 0; j < length; j++) {
      double x = values[j];
      x = (x - Math.rint(x * inverseOfP) * p) * factor;
      values[j] = x - Math.rint(x * inverseOfP) * p;
    }
  }

  /**
   * Maps finite f64 numbers to residues. Every such number is ±(h + f)·2^k, where f is an integer
   * from 0 to 2^52 − 1, h is 2^52, or 0 for subnormals and zeros, and k ≥ −1074; as 2 has an
   * inverse modulo p, x ↦ ±(h + f)·2^k mod p is a homomorphism of rings from Z[1/2] to GF(p).
   *
   * @param values (modified) finite numbers, replaced by residues
   */
  public void map(double[] values, int length) {
    for (int j = 0; j < length; j++) {
      long bits = Double.doubleToRawLongBits(values[j]);
      int key = (int) (bits >>> KEY_SHIFT);
      double fraction = Double.longBitsToDouble((bits & FRACTION) | TWO_TO_52) - 0x1p52;
      double x = fraction - Math.rint(fraction * inverseOfP) * p;
      x = x * weights[key] + hiddenOnes[key];
      values[j] = x - Math.rint(x * inverseOfP) * p;
    }
  }

  /** Replaces y by y − a·x, which adds one product to every sum in y. */
  public static void subtractMultiple(double[] y, double a, double[] x, int length) {
    for (int j = 0; j < length; j++) {
      y[j] -= a * x[j];
    }
  }

  /**
   * Returns the inverse of a residue, by Fermat: a^(p−2).
   *
   * @param a not 0
   */
  public double invert(double a) {
    if (a == 0) {
      throw new ArithmeticException("0 has no inverse modulo " + modulus);
    }
    return power(a, modulus - 2);
  }

  private double power(double base, int exponent) {
    double result = 1;
    for (int bit = Integer.highestOneBit(exponent); bit > 0; bit >>= 1) {
      result = reduce(result * result);
      if ((exponent & bit) != 0) {
        result = reduce(result * base);
      }
    }
    return result;
  }
}
