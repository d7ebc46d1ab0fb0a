package io.fullrank.network.training;

import java.util.Map;

/**
 * What a first-order algorithm does with each weight by itself, in float32, and what it remembers
 * of it.
 */
interface UpdateRule {

  /**
   * Updates some of the weights.
   *
   * @param step the update's number t, counted from 0
   * @param rate η, the learning rate
   * @param decay λ, the weight decay
   * @param w (modified) weights in the first {@code length} places
   * @param g (input) their gradient
   * @param offset number of the first of them among all weights
   */
  void update(long step, double rate, float decay, float[] w, float[] g, int offset, int length);

  /** What is remembered, by name: arrays of one number per weight, not copies. */
  Map<String, float[]> memory();
}
