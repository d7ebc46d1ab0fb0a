package io.fullrank.network.training;

import io.fullrank.network.algorithm.Algorithm;
import io.fullrank.network.algorithm.UpdateRule;
import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Range;
import java.util.List;

/**
 * w ← w − ηλ·sign(g + decay·w), optionally with every fourth step left out: an algorithm that is
 * one file, as a new one would be.
 *
 * @param scale λ
 * @param lazy whether every fourth step is left out
 */
record SignDescent(double scale, boolean lazy) implements UpdateRule {

  static final Algorithm ALGORITHM =
      Algorithm.named(
          "sign-descent",
          "descent by the signs of the gradient",
          List.of(
              Algorithm.BATCH_SIZE,
              Algorithm.learningRate(1e-3),
              Parameter.number("scale", Range.POSITIVE, "factor of the step").byDefault(1.0),
              Parameter.flag("lazy", "whether every fourth step is left out"),
              Algorithm.weightDecay(0)),
          values -> new SignDescent(values.number("scale"), values.flag("lazy")));

  @Override
  public List<String> remembered() {
    return List.of();
  }

  @Override
  public void update(
      long step, double rate, float decay, float[] w, float[] g, float[][] memory, int length) {
    if (lazy && step % 4 == 3) {
      return;
    }
    float eta = (float) (rate * scale);
    for (int i = 0; i < length; i++) {
      w[i] -= eta * Math.signum(g[i] + decay * w[i]);
    }
  }
}
