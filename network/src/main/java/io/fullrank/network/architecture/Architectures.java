package io.fullrank.network.architecture;

import io.fullrank.proto.v1.NetworkSpec;
import java.util.List;
import java.util.Optional;

/** The architectures that there are. */
public final class Architectures {

  /**
   * All architectures. A shorthand comes after what it stands for, so that a specification is
   * reported as the latter. The list is not in the descriptor's own class, since each network makes
   * its descriptor while its class is initialised, and must not need the others for that.
   */
  public static final List<Architecture> ALL =
      List.of(
          FullyConnectedNetwork.ARCHITECTURE,
          PreActivationNetwork.RESNET,
          PreActivationNetwork.RESNET_18,
          OverparameterizedNetwork.FULLY_CONNECTED,
          OverparameterizedNetwork.RESIDUAL,
          OverparameterizedNetwork.CONVOLUTIONAL);

  private Architectures() {}

  /** The architecture that a specification chooses; empty if it chooses none. */
  public static Optional<Architecture> chosenBy(NetworkSpec spec) {
    return ALL.stream().filter(known -> known.choice().isChosenBy(spec)).findFirst();
  }
}
