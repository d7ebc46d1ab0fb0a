package io.fullrank.certificate.backend;

import io.fullrank.certificate.matrix.FloatBlock;

/**
 * Products of small integers in f32, each computed on the thread that asks for it. All blocks hold
 * integers; where |c_ij| + Σ |a_ik|·|b_kj| stays below 2^24, no sum is rounded and C is exact.
 */
public interface SmallProducts {

  /**
   * Replaces C by A·B.
   *
   * @param c (output) p × r, shares no entry with A or B
   * @param a (input) p × q
   * @param b (input) q × r
   */
  void multiply(FloatBlock c, FloatBlock a, FloatBlock b);

  /**
   * Replaces C by C − A·B.
   *
   * @param c (modified) p × r, shares no entry with A or B
   * @param a (input) p × q
   * @param b (input) q × r
   */
  void subtract(FloatBlock c, FloatBlock a, FloatBlock b);
}
