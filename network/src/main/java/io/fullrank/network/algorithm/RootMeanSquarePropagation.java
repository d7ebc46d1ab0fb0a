package io.fullrank.network.algorithm;

import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Range;
import io.fullrank.proto.v1.AlgorithmSpec;
import java.util.List;

/**
 * RMSProp (Tieleman, Hinton, <i>Neural Networks for Machine Learning</i>, lecture 6.5, 2012), as
 * PyTorch's {@code torch.optim.RMSprop} defines it: d = g + λw, s ← αs + (1 − α)d², v ← μv + d/(√s
 * + ε), w ← w − ηv, starting from s = v = 0.
 *
 * @param alpha α
 * @param epsilon ε
 * @param momentum μ
 */
record RootMeanSquarePropagation(double alpha, double epsilon, double momentum)
    implements UpdateRule {

  static final Algorithm RMSPROP =
      Algorithm.of(
          "rmsprop",
          AlgorithmSpec.RMSPROP_FIELD_NUMBER,
          "steps divided by the root of the mean of squared gradients",
          List.of(
              Algorithm.BATCH_SIZE,
              Algorithm.learningRate(1e-3),
              Parameter.number(
                      "alpha", Range.FRACTION, "decay rate of the mean of squared gradients")
                  .byDefault(0.99),
              Algorithm.EPSILON,
              Algorithm.momentum(0),
              Algorithm.weightDecay(0)),
          values ->
              new RootMeanSquarePropagation(
                  values.number("alpha"), values.number("epsilon"), values.number("momentum")));

  @Override
  public List<String> remembered() {
    return List.of("mean-square", "velocity");
  }

  @Override
  public void update(
      long step, double rate, float decay, float[] w, float[] g, float[][] memory, int length) {
    float[] meanSquare = memory[0];
    float[] velocity = memory[1];
    float eta = (float) rate;
    float old = (float) alpha;
    float fresh = (float) (1 - alpha);
    float small = (float) epsilon;
    float mu = (float) momentum;
    for (int i = 0; i < length; i++) {
      float d = g[i] + decay * w[i];
      float s = old * meanSquare[i] + fresh * d * d;
      float v = mu * velocity[i] + d / ((float) Math.sqrt(s) + small);
      meanSquare[i] = s;
      velocity[i] = v;
      w[i] -= eta * v;
    }
  }
}
