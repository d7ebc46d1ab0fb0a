package io.fullrank.network.algorithm;

import java.util.List;

/** What a first-order algorithm does with each weight by itself, in float32. */
public interface UpdateRule {

  /** Names of the numbers that are remembered of each weight, 0 before the first update. */
  List<String> remembered();

  /**
   * Updates some weights.
   *
   * @param step the update's number, counted from 0
   * @param rate η, the learning rate
   * @param decay λ, the weight decay
   * @param w (modified) the weights
   * @param g (input) their gradient
   * @param memory (modified) for each of the names, the number of each of the weights
   * @param length how many weights: the first in each array
   */
  void update(
      long step, double rate, float decay, float[] w, float[] g, float[][] memory, int length);
}
