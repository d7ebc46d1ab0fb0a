package io.fullrank.network.algorithm;

import java.util.List;

/**
 * SGD with momentum and weight decay, as PyTorch's {@code torch.optim.SGD} defines it: d = g + λw,
 * v ← μv + d, w ← w − ηv, starting from v = 0; with Nesterov's momentum (Sutskever et al., ICML
 * 2013, as PyTorch writes it) w ← w − η(d + μv).
 *
 * @param momentum μ
 * @param nesterov whether momentum looks ahead
 */
record StochasticGradientDescent(double momentum, boolean nesterov) implements UpdateRule {

  @Override
  public List<String> remembered() {
    return List.of("velocity");
  }

  @Override
  public void update(
      long step, double rate, float decay, float[] w, float[] g, float[][] memory, int length) {
    float[] velocity = memory[0];
    float eta = (float) rate;
    float mu = (float) momentum;
    // d and v each have a weight of their own in the step.
    float fromGradient = nesterov ? 1 : 0;
    float fromVelocity = nesterov ? mu : 1;
    for (int i = 0; i < length; i++) {
      float d = g[i] + decay * w[i];
      float v = mu * velocity[i] + d;
      velocity[i] = v;
      w[i] -= eta * (fromGradient * d + fromVelocity * v);
    }
  }
}
