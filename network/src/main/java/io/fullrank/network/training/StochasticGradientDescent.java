package io.fullrank.network.training;

import io.fullrank.network.model.ParameterLayout;
import io.fullrank.network.model.Parameters;
import java.nio.FloatBuffer;

/**
 * Mini-batch SGD with heavy-ball momentum and weight decay, as PyTorch's {@code torch.optim.SGD}
 * defines it: v ← μv + g + λw, w ← w − ηv, starting from v = 0. In float32.
 */
final class StochasticGradientDescent implements BaseAlgorithm {

  private final LearningRate learningRate;
  private final float momentum;
  private final FloatBuffer velocity;
  private final Parameters velocityMemory;
  private float weightDecay;
  private int first;

  StochasticGradientDescent(
      io.fullrank.proto.v1.StochasticGradientDescent spec,
      ParameterLayout layout,
      long stepsPerEpoch,
      long totalSteps) {
    this.learningRate =
        LearningRate.of(spec.getLearningRate(), spec.getSchedule(), stepsPerEpoch, totalSteps);
    this.momentum = (float) spec.getMomentum();
    this.weightDecay = (float) spec.getWeightDecay();
    this.velocityMemory = Parameters.zeros(layout);
    this.velocity = velocityMemory.values();
  }

  @Override
  public double learningRate(long step) {
    return learningRate.at(step);
  }

  @Override
  public void update(long step, Parameters weights, Parameters gradient) {
    float rate = (float) learningRate.at(step);
    FloatBuffer w = weights.values();
    FloatBuffer g = gradient.values();
    int length = weights.layout().length();
    for (int i = first; i < length; i++) {
      float v = momentum * velocity.get(i) + (g.get(i) + weightDecay * w.get(i));
      velocity.put(i, v);
      w.put(i, w.get(i) - rate * v);
    }
  }

  @Override
  public void freezeHiddenLayers() {
    first = velocityMemory.layout().hiddenLength();
    weightDecay = 0;
  }
}
