package io.fullrank.network.architecture;

import io.fullrank.network.activation.ActivationFunction;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.description.Choice;
import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Problem;
import io.fullrank.network.description.Range;
import io.fullrank.network.description.Values;
import io.fullrank.network.layer.Convolution;
import io.fullrank.network.layer.DenseLayer;
import io.fullrank.network.layer.ScaledActivation;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.NetworkSpec;
import java.util.List;
import java.util.Optional;

/**
 * Fully-connected hidden layers h_k = σ(h_{k−1}W_k + b_k) of any widths, and an affine output
 * layer. Parameters: "hidden.1.weight" [inputs × m_1], "hidden.1.bias" [m_1], …, "output.weight"
 * [m_H × classes], "output.bias" [classes]. Without biases there is no "hidden.1.bias", …, a weight
 * is [1 × 1 × inputs × m_1], and with ReLU the network is positively homogeneous.
 */
final class FullyConnectedNetwork {

  private static final int MAX_LAYERS = 100;
  private static final int MAX_WIDTH = 1_000_000;

  static final Architecture ARCHITECTURE =
      new Architecture(
              Choice.of(
                  "fully-connected",
                  NetworkSpec.getDefaultInstance(),
                  NetworkSpec.FULLY_CONNECTED_FIELD_NUMBER,
                  List.of(
                      Parameter.counts(
                          "widths",
                          Range.count(1, MAX_WIDTH),
                          Range.count(1, MAX_LAYERS),
                          "hidden layers",
                          "widths m_1, …, m_H of the hidden layers"),
                      Architecture.ACTIVATION,
                      Architecture.INITIALIZATION,
                      Parameter.flag(
                          "without-bias",
                          "whether hidden layers have no biases, and the output layer's stays 0 while all layers train")),
                  "hidden layers of the given widths"),
              "hidden layers of {widths}",
              (spec, shape, classes) -> of(spec.getFullyConnected(), shape, classes),
              (values, shape) -> {
                List<Long> widths = values.counts("widths");
                return widths.get(widths.size() - 1);
              })
          .withCheck(FullyConnectedNetwork::tooManyWeights);

  private FullyConnectedNetwork() {}

  private static Optional<Problem> tooManyWeights(Values values) {
    List<Long> widths = values.counts("widths");
    for (int layer = 1; layer < widths.size(); layer++) {
      long weights = widths.get(layer - 1) * widths.get(layer);
      if (weights > Integer.MAX_VALUE) {
        return Optional.of(
            new Problem(
                "widths[" + layer + "]",
                "the layer would have %d weights, more than %d"
                    .formatted(weights, Integer.MAX_VALUE)));
      }
    }
    return Optional.empty();
  }

  static Network of(FullyConnected spec, ImageShape shape, int classes) {
    if (spec.getWidthsCount() == 0) {
      throw new IllegalArgumentException(
          "network: widths is empty, give at least one hidden layer");
    }
    ActivationFunction activation = ActivationFunction.of(spec.getActivation());
    LayeredNetwork.Builder network = LayeredNetwork.Builder.onVectors(shape);
    int place = LayeredNetwork.DATA;
    for (int k = 0; k < spec.getWidthsCount(); k++) {
      int width = spec.getWidths(k);
      Network.requirePositive("widths", width);
      String name = "hidden." + (k + 1);
      if (spec.getWithoutBias()) {
        Convolution linear = new Convolution(name, network.output(place), width, 1, 1);
        place = network.add(linear, place);
        place = network.add(new ScaledActivation(linear.output(), activation, 1), place);
      } else {
        int inputs = network.output(place).numbers();
        place = network.add(new DenseLayer(name, inputs, width, activation), place);
      }
    }
    if (spec.getWithoutBias()) {
      network.withoutOutputBias(spec.getActivation().hasRelu());
    }
    return network.build(classes, WeightInitialization.of(spec.getInitialization()));
  }
}
