package io.fullrank.network.model;

import java.nio.FloatBuffer;

/**
 * An activation times a constant: y = c·σ(x), number by number.
 *
 * @param output what it reads and makes
 * @param activation σ
 * @param factor c
 */
record ScaledActivation(Volume output, ActivationFunction activation, double factor)
    implements Layer {

  @Override
  public boolean analytic() {
    return activation.analytic();
  }

  @Override
  public void declare(ParameterLayout.Builder layout) {
    // No parameters.
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
    private static final int BLOCK = ActivationFunction.BLOCK;

    private final ActivationPass activationPass = new ActivationPass(activation);
    private final float[] values = new float[BLOCK];
    private final float[] slopes = new float[BLOCK];
    private final float c = (float) factor;

    /** σ'(x). */
    private final FloatMatrix derivative;

    Pass(int maxSamples) {
      derivative = output.allocate(maxSamples);
    }

    @Override
    public void forward(Parameters parameters, FloatMatrix x, FloatMatrix y) {
      for (int first = 0; first < x.length(); first += BLOCK) {
        int count = Math.min(BLOCK, x.length() - first);
        x.values().get(first, values, 0, count);
        activationPass.apply(values, 0, count, slopes);
        for (int i = 0; i < count; i++) {
          values[i] *= c;
        }
        y.values().put(first, values, 0, count);
        derivative.values().put(first, slopes, 0, count);
      }
    }

    @Override
    public void parameterGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, Parameters gradient) {
      // No parameters.
    }

    @Override
    public void addInputGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, FloatMatrix dx) {
      FloatBuffer target = dx.values();
      FloatBuffer source = dy.values();
      FloatBuffer factors = derivative.values();
      for (int i = 0; i < dy.length(); i++) {
        target.put(i, target.get(i) + c * factors.get(i) * source.get(i));
      }
    }
  }
}
