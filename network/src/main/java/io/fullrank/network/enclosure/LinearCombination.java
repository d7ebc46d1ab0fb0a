package io.fullrank.network.enclosure;

import java.util.Arrays;

/**
 * Encloses Σ wₖxₖ with exact weights w for all samples at a time, in plain loops that become vector
 * instructions. No library is trusted.
 *
 * <p>Let x̂ = h + l be the centre of x and r its radius, and A = Σ|wₖhₖ|. Besides the centre of the
 * sum, Σ|wₖ|ρₖ is added up, where ρₖ is rₖ and a multiple of |hₖ| that stands for the rounding of
 * the centre. A computed sum of nonnegative terms with at most four roundings for each and K
 * additions is at least (1 − (K + 4)u) times the exact one; the factor 1 + 4(K + 6)u makes up for
 * that, its own rounding included, as K ≤ 2²⁰.
 */
public abstract class LinearCombination {

  private static final int MOST_TERMS = 1 << 20;

  final double[] high;
  final double[] low;
  final double[] error;
  final double roundoff;
  private final double inflation;

  private LinearCombination(int terms, int samples, double roundoff) {
    if (terms > MOST_TERMS) {
      throw new IllegalArgumentException(
          "sums of more than %d terms are not enclosed, got %d".formatted(MOST_TERMS, terms));
    }
    this.high = new double[samples];
    this.low = new double[samples];
    this.error = new double[samples];
    this.roundoff = roundoff;
    this.inflation = 1 + (terms + 6) * 0x1p-51;
  }

  /** Begins anew, with 0. */
  public final void clear() {
    Arrays.fill(high, 0);
    Arrays.fill(low, 0);
    Arrays.fill(error, 0);
  }

  /**
   * Adds w times a number of all samples.
   *
   * @param w finite
   */
  public abstract void add(float w, Enclosures x, int number);

  /** Returns the sum of one sample. */
  final Enclosure get(int sample) {
    return Enclosure.ofSum(
        high[sample], low[sample], error[sample] * inflation + Enclosure.UNDERFLOW);
  }

  /**
   * In float64: |fl(Σwₖhₖ) − Σwₖhₖ| ≤ γ_K·A for sums in this order (Higham, <i>Accuracy and
   * Stability of Numerical Algorithms</i>, §3.1), where a product and its addition are one
   * operation with one rounding. The centres' low parts count as errors. ρₖ = rₖ + |lₖ| + γ_K|hₖ|.
   */
  static final class InDouble extends LinearCombination {

    /** Sums of at most {@code terms} terms. */
    InDouble(int terms, int samples) {
      // 2Ku is above γ_K.
      super(terms, samples, terms * 0x1p-52);
    }

    @Override
    public void add(float weight, Enclosures x, int number) {
      double[] h = x.high[number];
      addCentres(weight, h, high);
      addErrors(Math.abs((double) weight), h, x.low[number], x.radius[number], error);
    }

    private static void addCentres(double w, double[] h, double[] sums) {
      for (int i = 0; i < sums.length; i++) {
        sums[i] = Math.fma(w, h[i], sums[i]);
      }
    }

    private void addErrors(double magnitude, double[] h, double[] l, double[] r, double[] errors) {
      double relative = roundoff;
      for (int i = 0; i < errors.length; i++) {
        errors[i] += magnitude * (r[i] + Math.abs(l[i]) + relative * Math.abs(h[i]));
      }
    }
  }

  /**
   * In double-double: with p = fl(wh), wh = p + e exactly (fused multiply-add), and s + p = s' + t
   * exactly (TwoSum), the high parts of all sums and Σ(tₖ + eₖ + wₖlₖ) make up Σwₖx̂ₖ exactly. The
   * latter sum is computed with an error of at most γ_{K+2} Σ(|tₖ| + |eₖ| + |wₖlₖ|), where |eₖ| ≤
   * u|wₖhₖ|, |wₖlₖ| ≤ u|wₖhₖ|, and |tₖ| ≤ u|s'ₖ| ≤ u(1 + γ_K)A. In all that is below (K + 3)²u²·A
   * for K ≤ 2²⁰ (the sum of Ogita, Rump, Oishi, <i>Accurate Sum and Dot Product</i>, SIAM J. Sci.
   * Comput. 26(6), 2005, algorithm 5.3, with its correction kept). ρₖ = rₖ + (K + 3)²u²|hₖ|.
   */
  static final class InDoubleDouble extends LinearCombination {

    /** Sums of at most {@code terms} terms. */
    InDoubleDouble(int terms, int samples) {
      super(terms, samples, (terms + 3.0) * (terms + 3.0) * Enclosure.SQUARED_ROUNDOFF);
    }

    @Override
    public void add(float weight, Enclosures x, int number) {
      double[] h = x.high[number];
      addCentres(weight, h, x.low[number], high, low);
      addErrors(Math.abs((double) weight), h, x.radius[number], error);
    }

    private static void addCentres(
        double w, double[] h, double[] l, double[] sums, double[] rests) {
      for (int i = 0; i < sums.length; i++) {
        double product = w * h[i];
        double rest = Math.fma(w, l[i], Math.fma(w, h[i], -product));
        double before = sums[i];
        double sum = before + product;
        double ofProduct = sum - before;
        double lost = (before - (sum - ofProduct)) + (product - ofProduct);
        sums[i] = sum;
        rests[i] += lost + rest;
      }
    }

    private void addErrors(double magnitude, double[] h, double[] r, double[] errors) {
      double relative = roundoff;
      for (int i = 0; i < errors.length; i++) {
        errors[i] += magnitude * (r[i] + relative * Math.abs(h[i]));
      }
    }
  }
}
