package io.fullrank.network.training;

import java.util.Map;

/**
 * SGD with momentum and weight decay, as PyTorch's {@code torch.optim.SGD} defines it: d = g + λw,
 * v ← μv + d, w ← w − ηv, starting from v = 0; with Nesterov's momentum (Sutskever et al., ICML
 * 2013, as PyTorch writes it) w ← w − η(d + μv).
 */
final class StochasticGradientDescent implements UpdateRule {

  private final float momentum;
  private final boolean nesterov;
  private final float[] velocity;

  /**
   * Starts from rest.
   *
   * @param momentum μ
   * @param weights how many weights there are
   */
  StochasticGradientDescent(double momentum, boolean nesterov, int weights) {
    this.momentum = (float) momentum;
    this.nesterov = nesterov;
    this.velocity = new float[weights];
  }

  @Override
  public void update(
      long step, double rate, float decay, float[] w, float[] g, int offset, int length) {
    float eta = (float) rate;
    // d and v each have a weight of their own in the step.
    float fromGradient = nesterov ? 1 : 0;
    float fromVelocity = nesterov ? momentum : 1;
    for (int i = 0; i < length; i++) {
      float d = g[i] + decay * w[i];
      float v = momentum * velocity[offset + i] + d;
      velocity[offset + i] = v;
      w[i] -= eta * (fromGradient * d + fromVelocity * v);
    }
  }

  @Override
  public Map<String, float[]> memory() {
    return Map.of("velocity", velocity);
  }
}
