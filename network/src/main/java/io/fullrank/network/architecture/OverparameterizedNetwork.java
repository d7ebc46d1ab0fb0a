package io.fullrank.network.architecture;

import io.fullrank.network.activation.ActivationFunction;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.description.Choice;
import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Range;
import io.fullrank.network.layer.Convolution;
import io.fullrank.network.layer.ScaledActivation;
import io.fullrank.proto.v1.DuForm;
import io.fullrank.proto.v1.DuNetwork;
import io.fullrank.proto.v1.NetworkSpec;
import java.util.List;

/**
 * The networks of DLLWZ18 with all weights from N(0, 1) and no biases but the output layer's, which
 * starts at 0. With c_σ = 1/E[σ(z)²], z ~ N(0, 1), width m and H hidden layers:
 *
 * <ul>
 *   <li>fully-connected (§3): x^(h) = √(c_σ/m) σ(W^(h)x^(h−1))
 *   <li>residual (§4): x^(1) as above, then x^(h) = x^(h−1) + c_res/(H√m) σ(W^(h)x^(h−1))
 *   <li>convolutional residual (§5): the same with 3×3 patches of pictures in place of vectors; the
 *       features are all pixels of all m channels
 * </ul>
 *
 * <p>The theory wants rows of norm 1. Parameters: "hidden.1.weight", …, "output.weight" and
 * ".bias".
 */
final class OverparameterizedNetwork {

  private static final int KERNEL = 3;

  private static final int MAX_LAYERS = 100;

  /** Its square is the number of weights of a layer. */
  private static final int MAX_WIDTH = 20_000;

  private static final int MAX_CHANNELS = 8192;

  private static final Parameter LAYERS =
      Parameter.count("layers", Range.count(1, MAX_LAYERS), "", "H, hidden layers");

  private static final Parameter RESIDUAL_CONSTANT =
      Parameter.number("residual-constant", Range.POSITIVE, "c_res").byDefault(0.5);

  static final Architecture FULLY_CONNECTED =
      architecture(
          "du-fully-connected",
          DuForm.DU_FORM_FULLY_CONNECTED,
          "the fully-connected network",
          List.of(width(MAX_WIDTH), LAYERS, Architecture.ACTIVATION),
          (values, shape) -> values.count("width"));

  static final Architecture RESIDUAL =
      architecture(
          "du-resnet",
          DuForm.DU_FORM_RESIDUAL,
          "the fully-connected residual network",
          List.of(width(MAX_WIDTH), LAYERS, RESIDUAL_CONSTANT, Architecture.ACTIVATION),
          (values, shape) -> values.count("width"));

  static final Architecture CONVOLUTIONAL =
      architecture(
          "du-conv-resnet",
          DuForm.DU_FORM_CONVOLUTIONAL_RESIDUAL,
          "the convolutional residual network",
          List.of(width(MAX_CHANNELS), LAYERS, RESIDUAL_CONSTANT, Architecture.ACTIVATION),
          (values, shape) -> (long) shape.height() * shape.width() * values.count("width"));

  private OverparameterizedNetwork() {}

  private static Parameter width(int most) {
    return Parameter.count(
        "width", Range.count(1, most), "", "m, neurons or channels of a hidden layer");
  }

  private static Architecture architecture(
      String key,
      DuForm form,
      String sentence,
      List<Parameter> parameters,
      Architecture.Width features) {
    DuNetwork prototype = DuNetwork.newBuilder().setForm(form).build();
    return new Architecture(
        new Choice(
            key,
            NetworkSpec.DU_FIELD_NUMBER,
            prototype,
            parameters,
            sentence
                + " of Du et al., *Gradient Descent Finds Global Minima of Deep Neural Networks*"),
        key + " with {layers} hidden layers of {width}",
        (spec, shape, classes) -> of(spec.getDu(), shape, classes),
        features);
  }

  static Network of(DuNetwork spec, ImageShape shape, int classes) {
    int width = spec.getWidth();
    int layers = spec.getLayers();
    Network.requirePositive("width", width);
    Network.requirePositive("layers", layers);
    ActivationFunction activation = ActivationFunction.of(spec.getActivation());
    boolean pictures = spec.getForm() == DuForm.DU_FORM_CONVOLUTIONAL_RESIDUAL;
    boolean residual = pictures || spec.getForm() == DuForm.DU_FORM_RESIDUAL;
    if (!residual && spec.getForm() != DuForm.DU_FORM_FULLY_CONNECTED) {
      throw new IllegalArgumentException("network: no form is given");
    }
    double first = Math.sqrt(1 / (secondMoment(activation) * width));
    double later = residual ? spec.getResidualConstant() / (layers * Math.sqrt(width)) : first;
    LayeredNetwork.Builder network =
        pictures
            ? LayeredNetwork.Builder.onPictures(shape)
            : LayeredNetwork.Builder.onVectors(shape);
    int place = LayeredNetwork.DATA;
    for (int layer = 1; layer <= layers; layer++) {
      Convolution linear =
          new Convolution(
              "hidden." + layer, network.output(place), width, pictures ? KERNEL : 1, 1);
      int product = network.add(linear, place);
      ScaledActivation scaled =
          new ScaledActivation(linear.output(), activation, layer == 1 ? first : later);
      place =
          residual && layer > 1
              ? network.add(scaled, product, place)
              : network.add(scaled, product);
    }
    return network.build(classes, WeightInitialization.STANDARD_NORMAL);
  }

  /**
   * E[σ(z)²] for z ~ N(0, 1), by the trapezoidal rule with steps of 1/1024 on [−12, 12]: for these
   * functions off by less than 10⁻⁷, which is the step's square for ReLU's kink and far less for
   * the others.
   */
  static double secondMoment(ActivationFunction activation) {
    int steps = 1024;
    int limit = 12 * steps;
    double[] x = new double[ActivationFunction.BLOCK];
    double[] value = new double[ActivationFunction.BLOCK];
    double[] slope = new double[ActivationFunction.BLOCK];
    double sum = 0;
    for (int first = -limit; first < limit; first += x.length) {
      for (int i = 0; i < x.length; i++) {
        x[i] = (first + i) / (double) steps;
      }
      activation.evaluate(x, value, slope);
      for (int i = 0; i < x.length; i++) {
        sum += value[i] * value[i] * StrictMath.exp(-0.5 * x[i] * x[i]);
      }
    }
    return sum / (steps * Math.sqrt(2 * Math.PI));
  }
}
