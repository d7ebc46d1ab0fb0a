package io.fullrank.network.model;

/**
 * Forward and backward pass through the hidden layers h(x; θ) of a network, with its working
 * memory. Not thread-safe.
 */
public interface HiddenPass {

  /**
   * Forward pass.
   *
   * @param parameters (input) θ
   * @param x (input) at most as many rows as the pass was made for × inputs
   * @return h(x; θ), rows × features; valid until the next call
   */
  FloatMatrix forward(Parameters parameters, FloatMatrix x);

  /**
   * Backward pass after {@link #forward}.
   *
   * @param parameters (input) what the forward pass read
   * @param x (input) what the forward pass read
   * @param featureGradient (modified) gradient of the loss in h, rows × features
   * @param gradient (output) gradient of the loss in θ; the output layer's part stays as it is
   */
  void backward(
      Parameters parameters, FloatMatrix x, FloatMatrix featureGradient, Parameters gradient);
}
