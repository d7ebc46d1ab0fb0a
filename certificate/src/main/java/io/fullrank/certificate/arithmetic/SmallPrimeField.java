package io.fullrank.certificate.arithmetic;

/**
 * The integers modulo a prime p, 127 &lt; p ≤ 251, in exact f32 arithmetic (DGP08, §2 and §3, with
 * f32 in place of f64).
 *
 * <p>A <i>residue</i> is an integer r with |r| ≤ M = 127; it stands for its class modulo p. As M
 * &lt; p, a residue is divisible by p only if it is 0. A sum of one residue and of at most {@link
 * #MAX_PRODUCTS} products of two residues is an integer of absolute value at most {@link #MAX_SUM}
 * = 1040·127² + 127 &lt; 2^24, and so is every partial sum, in whatever order: f32 arithmetic, with
 * or without fused multiply-add, is exact.
 *
 * <p><b>Reduction.</b> For an integer |x| ≤ MAX_SUM let q = rint(fl(x·fl(1/p))). Two roundings make
 * |fl(x·fl(1/p)) − x/p| ≤ |x/p|·(2^-23 + 2^-48) &lt; 2.0/p, so |x − qp| &lt; p/2 + 2.0, which is an
 * integer and thus at most (p − 1)/2 + 2 ≤ 127, hence a residue. |qp| ≤ |x| + M &lt; 2^24 and the
 * difference are computed without rounding. The quotient is rounded by adding and subtracting
 * 1.5·2^23, as |x/p| &lt; 2^22.
 */
public final class SmallPrimeField {

  /** Products of residues that may be summed up, together with one residue. */
  public static final int MAX_PRODUCTS = 1040;

  /** The largest absolute value of a residue. */
  public static final int MAX_RESIDUE = 127;

  /** Integers up to this absolute value are exact and can be reduced. */
  public static final int MAX_SUM = MAX_PRODUCTS * MAX_RESIDUE * MAX_RESIDUE + MAX_RESIDUE;

  private static final float ROUNDING = 0x1.8p23f;

  private static final int KEY_SHIFT = 52;
  private static final long FRACTION = (1L << KEY_SHIFT) - 1;
  private static final int EXPONENT_BITS = 11;
  private static final int MAX_BIASED_EXPONENT = (1 << EXPONENT_BITS) - 1;
  private static final int LEAST_EXPONENT = -1074;

  private final PrimeField wide;
  private final int modulus;
  private final float p;
  private final float inverseOfP;

  /** The least integer that is not below 2^64/p. */
  private final long reciprocal;

  /**
   * ± the weight of the last bit of an f64, indexed by its upper 12 bits, sign and biased exponent.
   */
  private final int[] weights = new int[2 << EXPONENT_BITS];

  /** The value of the leading 1 that is not stored, indexed by the same bits. */
  private final int[] hiddenOnes = new int[2 << EXPONENT_BITS];

  /**
   * The field of p elements.
   *
   * @param modulus a prime above 127 and at most 251
   */
  public SmallPrimeField(int modulus) {
    if (modulus <= MAX_RESIDUE || modulus > 2 * MAX_RESIDUE - 3) {
      throw new IllegalArgumentException("p must lie between 128 and 251, not " + modulus);
    }
    this.wide = new PrimeField(modulus);
    this.modulus = modulus;
    this.p = modulus;
    this.inverseOfP = 1 / p;
    this.reciprocal = Long.divideUnsigned(-1, modulus) + 1;
    int weight = 1;
    for (int k = 0; k < -LEAST_EXPONENT; k++) {
      weight = (weight % 2 == 0 ? weight : weight + modulus) / 2;
    }
    int leadingOne = (int) ((FRACTION + 1) % modulus);
    for (int exponent = 0; exponent < MAX_BIASED_EXPONENT; exponent++) {
      // Biased exponents 0 and 1 share a weight; at 0, for subnormals, the leading 1 is missing.
      int hidden = exponent == 0 ? 0 : leadingOne * weight % modulus;
      int negative = exponent | (1 << EXPONENT_BITS);
      weights[exponent] = weight;
      weights[negative] = -weight;
      hiddenOnes[exponent] = hidden;
      hiddenOnes[negative] = -hidden;
      weight = exponent == 0 ? weight : 2 * weight % modulus;
    }
  }

  /** Returns p. */
  public int modulus() {
    return modulus;
  }

  /** Returns the same field in f64 arithmetic, whose residues of small integers are these. */
  public PrimeField wide() {
    return wide;
  }

  /** Replaces the first {@code length} of some integers, at most MAX_SUM, by their residues. */
  public void reduce(float[] values, int length) {
    for (int j = 0; j < length; j++) {
      float x = values[j];
      values[j] = x - ((x * inverseOfP + ROUNDING) - ROUNDING) * p;
    }
  }

  /**
   * Maps finite f64 numbers to residues, see {@link PrimeField#map}. The fraction f &lt; 2^52 is
   * reduced in integers: with the reciprocal c = (2^64 + e)/p, 0 &lt; e ≤ p, f·c/2^64 exceeds f/p
   * by at most f/2^64 &lt; 1/p, so its integer part is that of f/p.
   *
   * @param values (input) the numbers
   * @param into (output) their residues
   */
  public void map(double[] values, float[] into, int length) {
    for (int j = 0; j < length; j++) {
      long bits = Double.doubleToRawLongBits(values[j]);
      int key = (int) (bits >>> KEY_SHIFT);
      long fraction = bits & FRACTION;
      int rest = (int) (fraction - Math.multiplyHigh(fraction, reciprocal) * modulus);
      into[j] = rest * weights[key] + hiddenOnes[key];
    }
    reduce(into, length);
  }
}
