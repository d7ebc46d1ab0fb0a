package io.fullrank.network;

import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.ResidualNetwork;
import io.fullrank.proto.v1.Softplus;
import io.fullrank.proto.v1.Stage;
import java.nio.FloatBuffer;
import java.util.Arrays;

/** Networks and views of them for tests. */
public final class Networks {

  private Networks() {}

  public static NetworkSpec spec(double sharpness, Integer... widths) {
    return NetworkSpec.newBuilder()
        .setFullyConnected(
            FullyConnected.newBuilder()
                .addAllWidths(Arrays.asList(widths))
                .setActivation(
                    Activation.newBuilder()
                        .setSoftplus(Softplus.newBuilder().setSharpness(sharpness))))
        .build();
  }

  public static Network network(double sharpness, int inputs, int classes, Integer... widths) {
    return Network.of(spec(sharpness, widths), ImageShape.vector(inputs), classes);
  }

  /** The whole vector of parameters. */
  public static float[] values(Parameters parameters) {
    return values(parameters.values());
  }

  /** A copy of a buffer from its beginning. */
  public static float[] values(FloatBuffer buffer) {
    float[] values = new float[buffer.capacity()];
    buffer.get(0, values);
    return values;
  }

  /** A pre-activation residual network of softplus with the given sharpness. */
  public static NetworkSpec residual(double sharpness, int wide, Stage.Builder... stages) {
    ResidualNetwork.Builder network =
        ResidualNetwork.newBuilder()
            .setWide(wide)
            .setActivation(
                Activation.newBuilder().setSoftplus(Softplus.newBuilder().setSharpness(sharpness)));
    for (Stage.Builder stage : stages) {
      network.addStages(stage);
    }
    return NetworkSpec.newBuilder().setResidual(network).build();
  }

  public static Stage.Builder stage(int blocks, int channels, int stride) {
    return Stage.newBuilder().setBlocks(blocks).setChannels(channels).setStride(stride);
  }

  /** Parameters with the tensors that an oracle recorded by name. */
  public static Parameters parameters(Network network, OracleFile tensors) {
    Parameters parameters = Parameters.zeros(network.layout());
    network
        .layout()
        .slots()
        .forEach(slot -> parameters.values().put(slot.offset(), tensors.get(slot.name()).floats()));
    return parameters;
  }

  /** The trained part of what an oracle recorded by name. */
  public static float[] trained(Network network, OracleFile tensors) {
    float[] values = new float[network.layout().length()];
    network
        .layout()
        .trainedSlots()
        .forEach(
            slot ->
                System.arraycopy(
                    tensors.get(slot.name()).floats(), 0, values, slot.offset(), slot.length()));
    return values;
  }
}
