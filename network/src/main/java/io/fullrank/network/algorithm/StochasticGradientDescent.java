package io.fullrank.network.algorithm;

import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Problem;
import io.fullrank.network.description.Values;
import io.fullrank.proto.v1.AlgorithmSpec;
import java.util.List;
import java.util.Optional;

/**
 * SGD with momentum and weight decay, as PyTorch's {@code torch.optim.SGD} defines it: d = g + λw,
 * v ← μv + d, w ← w − ηv, starting from v = 0; with Nesterov's momentum (Sutskever et al., ICML
 * 2013, as PyTorch writes it) w ← w − η(d + μv).
 *
 * @param momentum μ
 * @param nesterov whether momentum looks ahead
 */
record StochasticGradientDescent(double momentum, boolean nesterov) implements UpdateRule {

  static final Algorithm SGD =
      Algorithm.of(
              "sgd",
              AlgorithmSpec.SGD_FIELD_NUMBER,
              "stochastic gradient descent, with or without momentum",
              List.of(
                  Algorithm.BATCH_SIZE,
                  Algorithm.learningRate(0.05),
                  Algorithm.momentum(0.9),
                  Parameter.flag("nesterov", "whether momentum looks ahead, as Nesterov's does"),
                  Algorithm.weightDecay(1e-5)),
              values ->
                  new StochasticGradientDescent(values.number("momentum"), values.flag("nesterov")))
          .withCheck(StochasticGradientDescent::nothingToLookAlong);

  static final Algorithm GRADIENT_DESCENT =
      Algorithm.of(
          "gradient-descent",
          AlgorithmSpec.GRADIENT_DESCENT_FIELD_NUMBER,
          "gradient descent: one step per epoch, over all rows at once",
          List.of(Algorithm.learningRate(0.05), Algorithm.weightDecay(0)),
          values -> new StochasticGradientDescent(0, false));

  private static Optional<Problem> nothingToLookAlong(Values values) {
    return values.flag("nesterov") && values.number("momentum") == 0
        ? Optional.of(
            new Problem(
                "nesterov",
                "looks ahead along the momentum, which is 0; set momentum above 0, or nesterov to false"))
        : Optional.empty();
  }

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
