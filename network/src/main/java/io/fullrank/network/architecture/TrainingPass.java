package io.fullrank.network.architecture;

import io.fullrank.network.layer.LinearMap;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.Parameters;

/**
 * Forward and backward pass through the hidden layers of a network on a mini-batch, with working
 * memory. Not thread-safe.
 */
public interface TrainingPass {

  /**
   * Forward pass: batch normalisation by the statistics of the mini-batch or, where those that lie
   * with the parameters are fixed, by these.
   *
   * @param parameters (modified) θ is read; running statistics that are not fixed are updated
   * @param x (input) at most as many rows as the pass was made for × inputs
   * @return h(x; θ), rows × features; valid until the next call
   */
  FloatMatrix forward(Parameters parameters, FloatMatrix x);

  /**
   * Backward pass after {@link #forward}.
   *
   * @param parameters (input) θ, what the forward pass read
   * @param x (input) what the forward pass read
   * @param featureGradient (modified) gradient of the loss in h, rows × features
   * @param gradient (output) gradient of the loss in θ; the output layer's part stays as it is
   */
  default void backward(
      Parameters parameters, FloatMatrix x, FloatMatrix featureGradient, Parameters gradient) {
    backward(parameters, x, featureGradient, gradient, (map, a, dz) -> {});
  }

  /** Sees the layers with a linear part during a backward pass. */
  @FunctionalInterface
  interface Observer {
    /**
     * Sees one layer.
     *
     * @param map its linear part
     * @param a (input) what it has read, one row per pixel of each sample
     * @param dz (input) gradient in what the linear part has made, one row per pixel of each
     *     sample; both are valid until this method returns
     */
    void see(LinearMap map, FloatMatrix a, FloatMatrix dz);
  }

  /**
   * The same, observed.
   *
   * @param observer is shown each layer that has a linear part, from the last to the first
   */
  void backward(
      Parameters parameters,
      FloatMatrix x,
      FloatMatrix featureGradient,
      Parameters gradient,
      Observer observer);
}
