package io.fullrank.network.model;

import io.fullrank.proto.v1.NetworkSpec;

/**
 * An architecture: hidden layers h(x; θ) and an affine output layer f(x) = W h(x; θ) + b. It holds
 * no parameters.
 */
public interface Network {

  /**
   * Returns the network that a specification describes.
   *
   * @param inputs numbers per row of the data
   * @param classes number of outputs
   * @throws IllegalArgumentException if the specification is incomplete or a size is not positive
   */
  static Network of(NetworkSpec spec, int inputs, int classes) {
    return switch (spec.getArchitectureCase()) {
      case FULLY_CONNECTED -> FullyConnectedNetwork.of(spec.getFullyConnected(), inputs, classes);
      case ARCHITECTURE_NOT_SET ->
          throw new IllegalArgumentException("network: no architecture is given");
    };
  }

  /** Returns how many numbers a row of data has. */
  int inputs();

  /** Returns m_H, the width of the last hidden layer. */
  int features();

  /** Returns the number of outputs. */
  int classes();

  /** Returns names, shapes and places of the parameters. */
  ParameterLayout layout();

  /** Returns the initial parameters for a seed: the same numbers for the same seed, everywhere. */
  Parameters initialParameters(long seed);

  /**
   * Returns a pass through the hidden layers.
   *
   * @param maxRows most rows that one call gets
   */
  HiddenPass hiddenPass(int maxRows);
}
