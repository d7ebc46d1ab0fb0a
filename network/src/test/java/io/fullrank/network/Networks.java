package io.fullrank.network;

import io.fullrank.network.data.ImageShape;
import io.fullrank.network.model.Network;
import io.fullrank.network.model.Parameters;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Softplus;
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

  /** Parameters with the tensors that an oracle recorded by name. */
  public static Parameters parameters(Network network, OracleFile tensors) {
    Parameters parameters = Parameters.zeros(network.layout());
    network
        .layout()
        .slots()
        .forEach(slot -> parameters.values().put(slot.offset(), tensors.get(slot.name()).floats()));
    return parameters;
  }
}
