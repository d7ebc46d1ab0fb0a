package io.fullrank.network.enclosure;

import java.util.function.BiFunction;

/**
 * How exactly sums of products and elementary functions are computed; all else is in double-double.
 */
public enum Precision {
  /** Relative errors of about 10⁻¹⁶, several times faster. */
  DOUBLE("float64", LinearCombination.InDouble::new),
  /** Relative errors of about 10⁻³⁰. */
  DOUBLE_DOUBLE("double-double", LinearCombination.InDoubleDouble::new);

  private final String words;
  private final BiFunction<Integer, Integer, LinearCombination> combination;

  Precision(String words, BiFunction<Integer, Integer, LinearCombination> combination) {
    this.words = words;
    this.combination = combination;
  }

  /** Returns how people call it. */
  public String words() {
    return words;
  }

  /**
   * Returns memory for sums of products.
   *
   * @param terms most terms of a sum, at most 2²⁰
   */
  public LinearCombination combination(int terms, int samples) {
    return combination.apply(terms, samples);
  }
}
