package io.fullrank.network.layer;

import io.fullrank.network.activation.ActivationFunction;
import io.fullrank.network.activation.ActivationPass;
import io.fullrank.network.enclosure.Enclosures;
import io.fullrank.network.enclosure.LinearCombination;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.tensor.Scratch;
import io.fullrank.network.tensor.Volume;
import java.nio.FloatBuffer;
import java.util.Optional;

/**
 * A fully-connected hidden layer h = σ(xW + b) on vectors.
 *
 * @param name prefix of its parameters "weight" [inputs × width] and "bias" [width]
 * @param inputs length of x
 * @param width length of h
 * @param activation σ
 */
public record DenseLayer(String name, int inputs, int width, ActivationFunction activation)
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
  public Optional<LinearMap> linearMap() {
    return Optional.of(LinearMap.onVectors(name, inputs, width));
  }

  @Override
  public LayerPass evaluationPass(int maxSamples, Scratch scratch) {
    return trainingPass(maxSamples, scratch);
  }

  @Override
  public LayerPass trainingPass(int maxSamples, Scratch scratch) {
    return new Pass(maxSamples);
  }

  @Override
  public void enclose(Parameters parameters, Enclosures x, Enclosures y, Precision precision) {
    FloatBuffer weight = parameters.values(name + ".weight");
    FloatBuffer bias = parameters.values(name + ".bias");
    LinearCombination product = precision.combination(inputs, x.samples());
    for (int j = 0; j < width; j++) {
      product.clear();
      for (int i = 0; i < inputs; i++) {
        product.add(weight.get(i * width + j), x, i);
      }
      double b = bias.get(j);
      y.setEach(j, product, z -> activation.enclose(z.plus(b), precision));
    }
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
      activationPass.apply(y, 1, y, slopes.rows(0, y.rows()));
    }

    @Override
    public void parameterGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, Parameters gradient) {
      dy.multiplyEach(slopes.rows(0, dy.rows()));
      gradient.affineLayer(name).setGradients(x, dy);
    }

    @Override
    public void addInputGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, FloatMatrix dx) {
      dx.addProductTransposed(dy, parameters.weight(name));
    }
  }
}
