package io.fullrank.network.jacobian;

import io.fullrank.network.architecture.Backpropagation;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.ParameterLayout.Slot;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.tensor.SingleBlasThread;
import io.fullrank.proto.v1.Loss;
import java.util.Arrays;
import java.util.List;

/** The norm of the gradient of the loss, measured: by backpropagation, as training has it. */
public final class LossGradientNorm {

  private LossGradientNorm() {}

  /**
   * Returns the norm of the gradient of the mean loss over some samples, without weight decay, in
   * the weights and biases of some layers; of the network as it is evaluated.
   *
   * @param parameters (input) the weights and statistics
   * @param samples (input) rows of the network's input size
   * @param layers of the network
   */
  public static double measure(
      Network network, Parameters parameters, Samples samples, Loss loss, JacobianLayers layers) {
    return SingleBlasThread.during(
        () -> measureOnOneThread(network, parameters, samples, LossFunction.of(loss), layers));
  }

  private static double measureOnOneThread(
      Network network,
      Parameters parameters,
      Samples samples,
      LossFunction loss,
      JacobianLayers layers) {
    List<String> names = layers.names();
    int[] labels = samples.labels();
    int block = Math.min(network.evaluatedTogether(), labels.length);
    Backpropagation backpropagation = Backpropagation.withFixedStatistics(network, loss, block);
    FloatMatrix inputs = FloatMatrix.zeros(block, network.inputs());
    Parameters gradient = Parameters.zeros(network.layout());
    double[] sum = new double[network.layout().length()];
    for (int first = 0; first < labels.length; first += block) {
      int count = Math.min(block, labels.length - first);
      samples.copyRows(first, count, inputs.values());
      int[] ofBlock = Arrays.copyOfRange(labels, first, first + count);
      backpropagation.lossAndGradient(parameters, inputs.rows(0, count), ofBlock, gradient);
      double share = (double) count / labels.length;
      for (int i = 0; i < sum.length; i++) {
        sum[i] += share * gradient.values().get(i);
      }
    }
    double squares = 0;
    for (Slot slot : network.layout().trainedSlots()) {
      // A layer with a linear part has weights and biases, and no other parameters.
      if (names.contains(slot.layer())) {
        for (int i = slot.offset(); i < slot.offset() + slot.length(); i++) {
          squares += sum[i] * sum[i];
        }
      }
    }
    return Math.sqrt(squares);
  }
}
