package io.fullrank.network.architecture;

import io.fullrank.network.activation.ActivationFunction;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.layer.DenseLayer;
import io.fullrank.proto.v1.FullyConnected;

/**
 * Fully-connected hidden layers h_k = σ(h_{k−1}W_k + b_k) of any widths, and an affine output
 * layer. Parameters: "hidden.1.weight" [inputs × m_1], "hidden.1.bias" [m_1], …, "output.weight"
 * [m_H × classes], "output.bias" [classes].
 */
final class FullyConnectedNetwork {

  private FullyConnectedNetwork() {}

  static Network of(FullyConnected spec, ImageShape shape, int classes) {
    if (spec.getWidthsCount() == 0) {
      throw new IllegalArgumentException(
          "network: widths is empty, give at least one hidden layer");
    }
    ActivationFunction activation = ActivationFunction.of(spec.getActivation());
    LayeredNetwork.Builder network = LayeredNetwork.Builder.onVectors(shape);
    int place = LayeredNetwork.DATA;
    for (int width : spec.getWidthsList()) {
      Network.requirePositive("widths", width);
      String name = "hidden." + (place + 2);
      int inputs = network.output(place).numbers();
      place = network.add(new DenseLayer(name, inputs, width, activation), place);
    }
    return network.build(classes, WeightInitialization.of(spec.getInitialization()));
  }
}
