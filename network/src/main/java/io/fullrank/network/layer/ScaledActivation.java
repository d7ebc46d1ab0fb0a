package io.fullrank.network.layer;

import io.fullrank.network.activation.ActivationFunction;
import io.fullrank.network.activation.ActivationPass;
import io.fullrank.network.enclosure.Enclosures;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.tensor.Parts;
import io.fullrank.network.tensor.Scratch;
import io.fullrank.network.tensor.Volume;
import java.nio.FloatBuffer;

/**
 * An activation times a constant: y = c·σ(x), number by number.
 *
 * @param output what it reads and makes
 * @param activation σ
 * @param factor c
 */
public record ScaledActivation(Volume output, ActivationFunction activation, double factor)
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
  public LayerPass evaluationPass(int maxSamples, Scratch scratch) {
    return trainingPass(maxSamples, scratch);
  }

  @Override
  public LayerPass trainingPass(int maxSamples, Scratch scratch) {
    return new Pass(maxSamples);
  }

  /** The factor is the float32 number that training multiplies by. */
  @Override
  public void enclose(Parameters parameters, Enclosures x, Enclosures y, Precision precision) {
    double c = (float) factor;
    for (int number = 0; number < x.numbers(); number++) {
      y.setEach(number, x, number, z -> activation.enclose(z, precision).times(c));
    }
  }

  private final class Pass implements LayerPass {
    private final ActivationPass activationPass = new ActivationPass(activation);
    private final float c = (float) factor;

    /** σ'(x). */
    private final FloatMatrix derivative;

    Pass(int maxSamples) {
      derivative = output.allocate(maxSamples);
    }

    @Override
    public void forward(Parameters parameters, FloatMatrix x, FloatMatrix y) {
      activationPass.apply(x, c, y, derivative.rows(0, x.rows()));
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
      Parts.forEach(
          dy.length(),
          ActivationPass.PART_NUMBERS,
          (part, first, end) -> {
            for (int i = first; i < end; i++) {
              target.put(i, target.get(i) + c * factors.get(i) * source.get(i));
            }
          });
    }
  }
}
