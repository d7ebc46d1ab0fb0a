package io.fullrank.network.architecture;

import io.fullrank.network.activation.ActivationFunction;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.description.Choice;
import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Range;
import io.fullrank.network.description.Values;
import io.fullrank.network.layer.BatchNormalization;
import io.fullrank.network.layer.Convolution;
import io.fullrank.network.layer.DenseLayer;
import io.fullrank.network.layer.GlobalAveragePooling;
import io.fullrank.network.tensor.Volume;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.ResidualNetwork;
import io.fullrank.proto.v1.Stage;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

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

  private static final int MAX_STAGES = 20;
  private static final int MAX_BLOCKS = 100;
  private static final int MAX_CHANNELS = 8192;
  private static final int MAX_STRIDE = 16;
  private static final int MAX_WIDTH = 1_000_000;
  private static final int MAX_MULTIPLIER = 16;

  private static final Parameter STAGES =
      Parameter.mappings(
          "stages",
          List.of(
              Parameter.count("blocks", Range.count(1, MAX_BLOCKS), "", "residual blocks"),
              Parameter.count("channels", Range.count(1, MAX_CHANNELS), "", "channels"),
              Parameter.count(
                      "stride",
                      Range.count(1, MAX_STRIDE),
                      "pixels",
                      "of the first block's first convolution and projection")
                  .byDefault(1)),
          Range.count(1, MAX_STAGES),
          "stages",
          "`{blocks: 2, channels: 16, stride: 1}` each; the stride is the first block's");

  private static final Parameter WIDE =
      Parameter.count(
              "wide",
              Range.count(1, MAX_WIDTH),
              "neurons",
              "width of the last hidden layer; with 0 there is none, and the features are the last stage's"
                  + " channels")
          .byDefault(0);

  static final Architecture RESNET =
      architecture(
          "resnet",
          STAGES,
          "a residual network with full pre-activation (He et al., *Identity Mappings in Deep"
              + " Residual Networks*, 2016) for small pictures",
          UnaryOperator.identity());

  static final Architecture RESNET_18 =
      architecture(
          "resnet-18",
          Parameter.number("width", Range.positiveUpTo(MAX_MULTIPLIER), "factor of all channels")
              .byDefault(1.0),
          "four stages of two blocks with 64, 128, 256 and 512 channels and strides 1, 2, 2, 2",
          PreActivationNetwork::resnet18);

  private PreActivationNetwork() {}

  private static Architecture architecture(
      String key, Parameter first, String sentence, UnaryOperator<Values> spelledOut) {
    return new Architecture(
        Choice.of(
            key,
            NetworkSpec.getDefaultInstance(),
            NetworkSpec.RESIDUAL_FIELD_NUMBER,
            List.of(first, WIDE, Architecture.ACTIVATION, Architecture.INITIALIZATION),
            sentence),
        "residual network of {stages.channels} channels[ and a hidden layer of {wide}]",
        (spec, shape, classes) -> of(spec.getResidual(), shape, classes),
        (values, shape) -> {
          List<Values> stages = values.mappings("stages");
          return values.count("wide") != 0
              ? values.count("wide")
              : stages.get(stages.size() - 1).count("channels");
        },
        spelledOut,
        values -> Optional.empty());
  }

  /** He et al. 2016: stages of two blocks with 64, 128, 256 and 512 channels, times a width. */
  private static Values resnet18(Values values) {
    Map<String, Object> spelledOut = new LinkedHashMap<>(values.byKey());
    double width = (Double) spelledOut.remove("width");
    spelledOut.put(
        "stages",
        IntStream.range(0, 4)
            .mapToObj(
                k ->
                    Map.<String, Object>of(
                        "blocks",
                        2L,
                        "channels",
                        Math.max(1, Math.round(width * (64 << k))),
                        "stride",
                        k == 0 ? 1L : 2L))
            .toList());
    return new Values(spelledOut);
  }

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
    place = network.add(new BatchNormalization("norm", network.output(place), activation), place);
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
    int first = network.add(new BatchNormalization(name + "norm.1", volume, activation), input);
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
            new BatchNormalization(name + "norm.2", network.output(middle), activation), middle);
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
