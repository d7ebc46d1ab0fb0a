package io.fullrank.network.model;

import java.nio.FloatBuffer;

/**
 * A fully-connected hidden layer h = σ(xW + b) on vectors.
 *
 * @param name prefix of its parameters "weight" [inputs × width] and "bias" [width]
 * @param inputs length of x
 * @param width length of h
 * @param activation σ
 */
record DenseLayer(String name, int inputs, int width, ActivationFunction activation)
    implements Layer {

  @Override
  public Volume output() {
    return Volume.vector(width);
  }

  @Override
  public boolean analytic() {
    return activation.analytic();
  }

  @Override
  public void declare(ParameterLayout.Builder layout) {
    layout.add(name, "weight", inputs, width).add(name, "bias", width);
  }

  @Override
  public LayerPass evaluationPass(int maxSamples) {
    return trainingPass(maxSamples);
  }

  @Override
  public LayerPass trainingPass(int maxSamples) {
    return new Pass(maxSamples);
  }

  private final class Pass implements LayerPass {
    private final ActivationPass activationPass = new ActivationPass(activation);

    /** σ'(z), samples × width. */
    private final FloatMatrix slopes;

    Pass(int maxSamples) {
      slopes = FloatMatrix.zeros(maxSamples, width);
    }

    @Override
    public void forward(Parameters parameters, FloatMatrix x, FloatMatrix y) {
      parameters.affineLayer(name).forward(x, y);
      activationPass.apply(y, slopes.rows(0, y.rows()));
    }

    @Override
    public void parameterGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, Parameters gradient) {
      FloatBuffer values = dy.values();
      FloatBuffer factors = slopes.values();
      for (int i = 0; i < dy.length(); i++) {
        values.put(i, values.get(i) * factors.get(i));
      }
      gradient.affineLayer(name).setGradients(x, dy);
    }

    @Override
    public void addInputGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, FloatMatrix dx) {
      dx.addProductTransposed(dy, parameters.weight(name));
    }
  }
}
