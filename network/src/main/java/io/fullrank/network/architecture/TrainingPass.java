package io.fullrank.network.architecture;

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
  void backward(
      Parameters parameters, FloatMatrix x, FloatMatrix featureGradient, Parameters gradient);
}
