package io.fullrank.network.phase;

import io.fullrank.network.architecture.Backpropagation;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.state.TrainingState;
import io.fullrank.network.tensor.FloatMatrix;
import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * The gradient of the loss over the whole training set in all parameters, of the network as it is
 * evaluated: with fixed statistics, without augmentation. Not thread-safe.
 */
final class TrainingSetGradient {

  private final TrainingState state;
  private final Backpropagation backpropagation;
  private final FloatMatrix inputs;
  private final float[] sum;
  private final float[] part;

  /** Creates the working memory, as much as mini-batches take. */
  TrainingSetGradient(TrainingState state) {
    this.state = state;
    this.backpropagation =
        Backpropagation.withFixedStatistics(state.network(), state.loss(), state.batchSize());
    this.inputs = FloatMatrix.zeros(state.batchSize(), state.network().inputs());
    this.sum = new float[state.parameters().layout().length()];
    this.part = new float[sum.length];
  }

  /** Computes the gradient at the parameters as they are, into the state's gradient. */
  void compute() {
    Samples samples = state.data().train();
    int[] labels = samples.labels();
    FloatBuffer gradient = state.gradient().values();
    Arrays.fill(sum, 0);
    for (int first = 0; first < labels.length; first += state.batchSize()) {
      int count = Math.min(state.batchSize(), labels.length - first);
      samples.copyRows(first, count, inputs.values());
      backpropagation.lossAndGradient(
          state.parameters(),
          inputs.rows(0, count),
          Arrays.copyOfRange(labels, first, first + count),
          state.gradient());
      gradient.get(0, part);
      float weight = (float) count / labels.length;
      for (int i = 0; i < sum.length; i++) {
        sum[i] += weight * part[i];
      }
    }
    gradient.put(0, sum);
  }
}
