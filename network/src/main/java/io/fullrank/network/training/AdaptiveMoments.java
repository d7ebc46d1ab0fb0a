package io.fullrank.network.training;

import java.util.Map;

/**
 * Adam (Kingma, Ba, ICLR 2015, Algorithm 1), as PyTorch's {@code torch.optim.Adam} defines it: m ←
 * m + (1 − β₁)(g − m), v ← β₂v + (1 − β₂)g², and w ← w − η/(1 − β₁ᵗ)·m/(√v/√(1 − β₂ᵗ) + ε) in
 * update t = 1, 2, …, starting from m = v = 0. Weight decay is added to the gradient, g + λw; or,
 * decoupled from it (AdamW: Loshchilov, Hutter, ICLR 2019, Algorithm 2, as {@code
 * torch.optim.AdamW}), w ← (1 − ηλ)w comes first.
 */
final class AdaptiveMoments implements UpdateRule {

  private final double beta1;
  private final double beta2;
  private final float epsilon;
  private final boolean decoupled;
  private final float[] first;
  private final float[] second;

  /**
   * Starts from zero moments.
   *
   * @param decoupled whether weight decay is AdamW's
   * @param weights how many weights there are
   */
  AdaptiveMoments(double beta1, double beta2, double epsilon, boolean decoupled, int weights) {
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.epsilon = (float) epsilon;
    this.decoupled = decoupled;
    this.first = new float[weights];
    this.second = new float[weights];
  }

  @Override
  public void update(
      long step, double rate, float decay, float[] w, float[] g, int offset, int length) {
    float eta = (float) (rate / (1 - Math.pow(beta1, step + 1.0)));
    float correction = (float) Math.sqrt(1 - Math.pow(beta2, step + 1.0));
    float newFirst = (float) (1 - beta1);
    float oldSecond = (float) beta2;
    float newSecond = (float) (1 - beta2);
    float shrink = decoupled ? (float) (1 - rate * decay) : 1;
    float coupled = decoupled ? 0 : decay;
    for (int i = 0; i < length; i++) {
      float d = g[i] + coupled * w[i];
      float m = first[offset + i] + newFirst * (d - first[offset + i]);
      float v = oldSecond * second[offset + i] + newSecond * d * d;
      first[offset + i] = m;
      second[offset + i] = v;
      w[i] = shrink * w[i] - eta * (m / ((float) Math.sqrt(v) / correction + epsilon));
    }
  }

  @Override
  public Map<String, float[]> memory() {
    return Map.of("first-moment", first, "second-moment", second);
  }
}
