package io.fullrank.network.architecture;

import io.fullrank.network.activation.ActivationFunction;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.layer.Convolution;
import io.fullrank.network.layer.DenseLayer;
import io.fullrank.network.layer.GlobalAveragePooling;
import io.fullrank.network.layer.NormalizedActivation;
import io.fullrank.network.tensor.Volume;
import io.fullrank.proto.v1.ResidualNetwork;
import io.fullrank.proto.v1.Stage;

/**
 * Residual networks with full pre-activation (He, Zhang, Ren, Sun, <i>Identity Mappings in Deep
 * Residual Networks</i>, ECCV 2016, fig. 4e) for small pictures. A block is x ↦ x +
 * conv(norm(conv(norm(x)))), where "norm" is batch normalisation and the activation, and "conv" a
 * 3×3 convolution. Where a block changes channels or size, what is added instead of x is a 1×1
 * convolution of the block's first norm(x) (a projection shortcut, with the same stride).
 *
 * <p>Before the blocks comes a 3×3 convolution, after them a norm and global average pooling, and
 * then, if it is wanted, the wide hidden layer σ(hW + b).
 *
 * <p>Parameters: "stem.weight", "stage.1.block.1.norm.1.scale" and ".shift",
 * "stage.1.block.1.convolution.1.weight", "….projection.weight", "….norm.2…", "….convolution.2…",
 * …, "norm.scale" and ".shift", "wide.weight" and ".bias", "output.weight" and ".bias"; statistics
 * "stage.1.block.1.norm.1.running-mean", "….running-variance", ….
 */
final class PreActivationNetwork {

  private static final int KERNEL = 3;

  private PreActivationNetwork() {}

  static Network of(ResidualNetwork spec, ImageShape shape, int classes) {
    if (spec.getStagesCount() == 0) {
      throw new IllegalArgumentException("network: stages is empty, give at least one");
    }
    ActivationFunction activation = ActivationFunction.of(spec.getActivation());
    LayeredNetwork.Builder network = LayeredNetwork.Builder.onPictures(shape);
    int place = LayeredNetwork.DATA;
    int channels = spec.getStages(0).getChannels();
    Network.requirePositive("stages[0].channels", channels);
    place = network.add(convolution("stem", network, place, channels, KERNEL, 1), place);
    for (int k = 0; k < spec.getStagesCount(); k++) {
      Stage stage = spec.getStages(k);
      String field = "stages[" + k + "]";
      Network.requirePositive(field + ".blocks", stage.getBlocks());
      Network.requirePositive(field + ".channels", stage.getChannels());
      Network.requirePositive(field + ".stride", stage.getStride());
      for (int block = 1; block <= stage.getBlocks(); block++) {
        place =
            block(
                "stage.%d.block.%d.".formatted(k + 1, block),
                network,
                place,
                stage.getChannels(),
                block == 1 ? stage.getStride() : 1,
                activation);
      }
    }
    place = network.add(new NormalizedActivation("norm", network.output(place), activation), place);
    place = network.add(new GlobalAveragePooling(network.output(place)), place);
    if (spec.getWide() != 0) {
      Network.requirePositive("wide", spec.getWide());
      int inputs = network.output(place).channels();
      network.add(new DenseLayer("wide", inputs, spec.getWide(), activation), place);
    }
    return network.build(classes, WeightInitialization.of(spec.getInitialization()));
  }

  private static int block(
      String name,
      LayeredNetwork.Builder network,
      int input,
      int channels,
      int stride,
      ActivationFunction activation) {
    Volume volume = network.output(input);
    int first = network.add(new NormalizedActivation(name + "norm.1", volume, activation), input);
    int shortcut =
        stride == 1 && channels == volume.channels()
            ? input
            : network.add(
                convolution(name + "projection", network, first, channels, 1, stride), first);
    int middle =
        network.add(
            convolution(name + "convolution.1", network, first, channels, KERNEL, stride), first);
    int second =
        network.add(
            new NormalizedActivation(name + "norm.2", network.output(middle), activation), middle);
    return network.add(
        convolution(name + "convolution.2", network, second, channels, KERNEL, 1),
        second,
        shortcut);
  }

  private static Convolution convolution(
      String name,
      LayeredNetwork.Builder network,
      int input,
      int channels,
      int kernel,
      int stride) {
    return new Convolution(name, network.output(input), channels, kernel, stride);
  }
}
