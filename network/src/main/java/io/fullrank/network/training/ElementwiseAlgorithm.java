package io.fullrank.network.training;

import io.fullrank.network.model.ParameterLayout;
import io.fullrank.network.model.Parameters;
import java.util.Map;

/** A base algorithm that treats each weight by itself, by one rule for all. */
final class ElementwiseAlgorithm implements BaseAlgorithm {

  /**
   * Weights and gradient go through arrays of this length, which fit in a core's first cache: the
   * compiler vectorises loops over arrays, but not over buffers.
   */
  private static final int BLOCK = 2048;

  private final UpdateRule rule;
  private final LearningRate learningRate;
  private final int hiddenLength;
  private final int length;
  private final float[] w = new float[BLOCK];
  private final float[] g = new float[BLOCK];
  private float decay;
  private int first;

  /**
   * Creates the algorithm.
   *
   * @param decay λ, the weight decay
   * @param layout layout of the parameters it will update
   */
  ElementwiseAlgorithm(
      UpdateRule rule, LearningRate learningRate, double decay, ParameterLayout layout) {
    this.rule = rule;
    this.learningRate = learningRate;
    this.decay = (float) decay;
    this.hiddenLength = layout.hiddenLength();
    this.length = layout.length();
  }

  @Override
  public double learningRate(long step) {
    return learningRate.at(step);
  }

  @Override
  public void update(long step, Parameters weights, Parameters gradient) {
    double rate = learningRate.at(step);
    for (int offset = first; offset < length; offset += BLOCK) {
      int count = Math.min(BLOCK, length - offset);
      weights.values().get(offset, w, 0, count);
      gradient.values().get(offset, g, 0, count);
      rule.update(step, rate, decay, w, g, offset, count);
      weights.values().put(offset, w, 0, count);
    }
  }

  @Override
  public void freezeHiddenLayers() {
    first = hiddenLength;
    decay = 0;
  }

  @Override
  public Map<String, float[]> memory() {
    return rule.memory();
  }

  @Override
  public void restore(Map<String, float[]> remembered) {
    Map<String, float[]> memory = rule.memory();
    if (!remembered.keySet().equals(memory.keySet())) {
      throw new IllegalArgumentException(
          "the algorithm remembers %s, not %s".formatted(memory.keySet(), remembered.keySet()));
    }
    memory.forEach(
        (name, values) -> {
          int given = remembered.get(name).length;
          if (given != values.length) {
            throw new IllegalArgumentException(
                "'%s' has %d numbers, the network %d parameters"
                    .formatted(name, given, values.length));
          }
        });
    memory.forEach(
        (name, values) -> System.arraycopy(remembered.get(name), 0, values, 0, values.length));
  }
}
