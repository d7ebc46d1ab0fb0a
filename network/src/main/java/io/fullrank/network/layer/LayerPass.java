package io.fullrank.network.layer;

import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.tensor.Volume;

/**
 * Forward and backward pass through one layer, with its working memory. Matrices have one row per
 * pixel of each sample; see {@link Volume}. Not thread-safe, but uses all processors.
 */
public interface LayerPass {

  /**
   * Forward pass.
   *
   * @param parameters (modified) the layer's parameters; batch normalisation in training updates
   *     its running statistics
   * @param x (input) the samples
   * @param y (output) what the layer makes of them
   */
  void forward(Parameters parameters, FloatMatrix x, FloatMatrix y);

  /**
   * First half of the backward pass, after {@link #forward} of a training pass: the gradient in the
   * layer's parameters.
   *
   * @param parameters (input) what the forward pass read
   * @param x (input) what the forward pass read
   * @param dy (modified) gradient of the loss in y; afterwards what {@link #addInputGradient}
   *     reads, which is, where the layer has a linear part, the gradient in what that part makes
   * @param gradient (output) gradient of the loss in the layer's parameters
   */
  void parameterGradient(Parameters parameters, FloatMatrix x, FloatMatrix dy, Parameters gradient);

  /**
   * Second half, after {@link #parameterGradient}: the gradient in the samples.
   *
   * @param parameters (input) what the forward pass read
   * @param x (input) what the forward pass read
   * @param dy (input) as the first half left it
   * @param dx (modified) the gradient of the loss in x is added to it
   */
  void addInputGradient(Parameters parameters, FloatMatrix x, FloatMatrix dy, FloatMatrix dx);
}
