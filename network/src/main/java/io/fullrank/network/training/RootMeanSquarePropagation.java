package io.fullrank.network.training;

import java.util.Map;

/**
 * RMSProp (Tieleman, Hinton, <i>Neural Networks for Machine Learning</i>, lecture 6.5, 2012), as
 * PyTorch's {@code torch.optim.RMSprop} defines it: d = g + λw, s ← αs + (1 − α)d², v ← μv + d/(√s
 * + ε), w ← w − ηv, starting from s = v = 0.
 */
final class RootMeanSquarePropagation implements UpdateRule {

  private final double alpha;
  private final float epsilon;
  private final float momentum;
  private final float[] meanSquare;
  private final float[] velocity;

  /**
   * Starts from rest.
   *
   * @param momentum μ
   * @param weights how many weights there are
   */
  RootMeanSquarePropagation(double alpha, double epsilon, double momentum, int weights) {
    this.alpha = alpha;
    this.epsilon = (float) epsilon;
    this.momentum = (float) momentum;
    this.meanSquare = new float[weights];
    this.velocity = new float[weights];
  }

  @Override
  public void update(
      long step, double rate, float decay, float[] w, float[] g, int offset, int length) {
    float eta = (float) rate;
    float old = (float) alpha;
    float fresh = (float) (1 - alpha);
    for (int i = 0; i < length; i++) {
      float d = g[i] + decay * w[i];
      float s = old * meanSquare[offset + i] + fresh * d * d;
      float v = momentum * velocity[offset + i] + d / ((float) Math.sqrt(s) + epsilon);
      meanSquare[offset + i] = s;
      velocity[offset + i] = v;
      w[i] -= eta * v;
    }
  }

  @Override
  public Map<String, float[]> memory() {
    return Map.of("mean-square", meanSquare, "velocity", velocity);
  }
}
