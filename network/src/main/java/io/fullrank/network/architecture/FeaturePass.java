package io.fullrank.network.architecture;

import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.Parameters;

/**
 * The hidden layers h(x; θ) of a network as the finished network computes them, with working
 * memory. Not thread-safe.
 */
public interface FeaturePass {

  /**
   * Computes the features: batch normalisation by the statistics that lie with the parameters.
   *
   * @param parameters (input) θ and statistics
   * @param x (input) at most as many rows as the pass was made for × inputs
   * @return h(x; θ), rows × features; valid until the next call
   */
  FloatMatrix forward(Parameters parameters, FloatMatrix x);
}
