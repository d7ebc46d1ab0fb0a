package io.fullrank.network.algorithm;

import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Range;
import io.fullrank.network.description.Values;
import io.fullrank.proto.v1.AlgorithmSpec;
import java.util.List;

/**
 * Adam (Kingma, Ba, ICLR 2015, Algorithm 1), as PyTorch's {@code torch.optim.Adam} defines it: m ←
 * m + (1 − β₁)(g − m), v ← β₂v + (1 − β₂)g², and w ← w − η/(1 − β₁ᵗ)·m/(√v/√(1 − β₂ᵗ) + ε) in
 * update t = 1, 2, …, starting from m = v = 0. Weight decay is added to the gradient, g + λw; or,
 * decoupled from it (AdamW: Loshchilov, Hutter, ICLR 2019, Algorithm 2, as {@code
 * torch.optim.AdamW}), w ← (1 − ηλ)w comes first.
 *
 * @param beta1 β₁
 * @param beta2 β₂
 * @param epsilon ε
 * @param decoupled whether weight decay is AdamW's
 */
record AdaptiveMoments(double beta1, double beta2, double epsilon, boolean decoupled)
    implements UpdateRule {

  static final Algorithm ADAM =
      Algorithm.of(
          "adam",
          AlgorithmSpec.ADAM_FIELD_NUMBER,
          "means of gradients and of their squares; weight decay adds to the gradient",
          parameters(0),
          values -> rule(values, false));

  static final Algorithm ADAMW =
      Algorithm.of(
          "adamw",
          AlgorithmSpec.ADAM_W_FIELD_NUMBER,
          "as `adam`, but weight decay shrinks the weights, apart from the gradient",
          parameters(0.01),
          values -> rule(values, true));

  private static List<Parameter> parameters(double weightDecay) {
    return List.of(
        Algorithm.BATCH_SIZE,
        Algorithm.learningRate(1e-3),
        Parameter.number("beta1", Range.FRACTION, "decay rate of the mean of gradients")
            .byDefault(0.9),
        Parameter.number(
                "beta2", Range.FRACTION, "decay rate of the mean of the gradients' squares")
            .byDefault(0.999),
        Algorithm.EPSILON,
        Algorithm.weightDecay(weightDecay));
  }

  private static UpdateRule rule(Values values, boolean decoupled) {
    return new AdaptiveMoments(
        values.number("beta1"), values.number("beta2"), values.number("epsilon"), decoupled);
  }

  @Override
  public List<String> remembered() {
    return List.of("first-moment", "second-moment");
  }

  @Override
  public void update(
      long step, double rate, float decay, float[] w, float[] g, float[][] memory, int length) {
    float[] first = memory[0];
    float[] second = memory[1];
    float eta = (float) (rate / (1 - Math.pow(beta1, step + 1.0)));
    float correction = (float) Math.sqrt(1 - Math.pow(beta2, step + 1.0));
    float newFirst = (float) (1 - beta1);
    float oldSecond = (float) beta2;
    float newSecond = (float) (1 - beta2);
    float small = (float) epsilon;
    float shrink = decoupled ? (float) (1 - rate * decay) : 1;
    float coupled = decoupled ? 0 : decay;
    for (int i = 0; i < length; i++) {
      float d = g[i] + coupled * w[i];
      float m = first[i] + newFirst * (d - first[i]);
      float v = oldSecond * second[i] + newSecond * d * d;
      first[i] = m;
      second[i] = v;
      w[i] = shrink * w[i] - eta * (m / ((float) Math.sqrt(v) / correction + small));
    }
  }
}
