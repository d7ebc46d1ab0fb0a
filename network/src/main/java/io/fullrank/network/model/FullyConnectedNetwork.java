package io.fullrank.network.model;

import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.FullyConnected;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * Fully-connected hidden layers h_k = σ(h_{k−1}W_k + b_k) of any widths with softplus activation,
 * and an affine output layer. Parameters: "hidden.1.weight" [inputs × m_1], "hidden.1.bias" [m_1],
 * …, "output.weight" [m_H × classes], "output.bias" [classes].
 */
public final class FullyConnectedNetwork implements Network {

  private final int inputs;
  private final int[] widths;
  private final int classes;
  private final Softplus activation;
  private final ParameterLayout layout;

  private FullyConnectedNetwork(int inputs, int[] widths, int classes, Softplus activation) {
    this.inputs = inputs;
    this.widths = widths;
    this.classes = classes;
    this.activation = activation;
    ParameterLayout.Builder builder = new ParameterLayout.Builder();
    for (int k = 0; k < widths.length; k++) {
      builder.add(layer(k), "weight", fanIn(k), widths[k]).add(layer(k), "bias", widths[k]);
    }
    this.layout = builder.output(features(), classes);
  }

  static FullyConnectedNetwork of(FullyConnected spec, int inputs, int classes) {
    requirePositive("inputs", inputs);
    requirePositive("classes", classes);
    if (spec.getWidthsCount() == 0) {
      throw new IllegalArgumentException(
          "network: widths is empty, give at least one hidden layer");
    }
    spec.getWidthsList().forEach(width -> requirePositive("widths", width));
    if (spec.getActivation().getFunctionCase() != Activation.FunctionCase.SOFTPLUS) {
      throw new IllegalArgumentException("network: no activation is given");
    }
    int[] widths = spec.getWidthsList().stream().mapToInt(Integer::intValue).toArray();
    Softplus activation = new Softplus(spec.getActivation().getSoftplus().getSharpness());
    return new FullyConnectedNetwork(inputs, widths, classes, activation);
  }

  private static void requirePositive(String field, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(
          "network: %s must be at least 1, got %d".formatted(field, value));
    }
  }

  private static String layer(int index) {
    return "hidden." + (index + 1);
  }

  private int fanIn(int index) {
    return index == 0 ? inputs : widths[index - 1];
  }

  @Override
  public int inputs() {
    return inputs;
  }

  @Override
  public int features() {
    return widths[widths.length - 1];
  }

  @Override
  public int classes() {
    return classes;
  }

  @Override
  public ParameterLayout layout() {
    return layout;
  }

  /**
   * {@inheritDoc}
   *
   * <p>Weights are Gaussian with mean 0, as in He, Zhang, Ren, Sun, <i>Delving Deep into
   * Rectifiers</i>, ICCV 2015, §2.2: of variance 2/in before a rectifier (hidden layers; softplus
   * is close to one) and 1/in without one (output layer). Biases are 0.
   */
  @Override
  public Parameters initialParameters(long seed) {
    Parameters parameters = Parameters.zeros(layout);
    Gaussian gaussian = new Gaussian(seed);
    for (ParameterLayout.Slot slot : layout.slots()) {
      if (slot.shape().size() == 2) {
        double gain = slot.offset() < layout.hiddenLength() ? 2 : 1;
        double deviation = Math.sqrt(gain / slot.shape().get(0));
        FloatBuffer values = parameters.values(slot);
        for (int i = 0; i < slot.length(); i++) {
          values.put(i, (float) (deviation * gaussian.next()));
        }
      }
    }
    return parameters;
  }

  @Override
  public HiddenPass hiddenPass(int maxRows) {
    return new Pass(maxRows);
  }

  private final class Pass implements HiddenPass {
    /**
     * By layer, each maxRows × width: h_k, σ'(z_k), and the gradient of the loss in h_k, then in
     * z_k.
     */
    private final List<FloatMatrix> outputs;

    private final List<FloatMatrix> derivatives;
    private final List<FloatMatrix> gradients;

    Pass(int maxRows) {
      outputs = matrices(maxRows, widths.length);
      derivatives = matrices(maxRows, widths.length);
      gradients = matrices(maxRows, widths.length - 1);
    }

    private List<FloatMatrix> matrices(int rows, int count) {
      return Arrays.stream(widths)
          .limit(count)
          .mapToObj(width -> FloatMatrix.zeros(rows, width))
          .toList();
    }

    @Override
    public FloatMatrix forward(Parameters parameters, FloatMatrix x) {
      FloatMatrix h = x;
      for (int k = 0; k < widths.length; k++) {
        FloatMatrix z = outputs.get(k).rows(0, x.rows());
        parameters.affineLayer(layer(k)).forward(h, z);
        activation.apply(z, derivatives.get(k).rows(0, x.rows()));
        h = z;
      }
      return h;
    }

    @Override
    public void backward(
        Parameters parameters, FloatMatrix x, FloatMatrix featureGradient, Parameters gradient) {
      FloatMatrix dh = featureGradient;
      for (int k = widths.length - 1; k >= 0; k--) {
        multiply(dh, derivatives.get(k).rows(0, x.rows()));
        gradient
            .affineLayer(layer(k))
            .setGradients(k == 0 ? x : outputs.get(k - 1).rows(0, x.rows()), dh);
        if (k > 0) {
          FloatMatrix previous = gradients.get(k - 1).rows(0, x.rows());
          parameters.affineLayer(layer(k)).inputGradient(dh, previous);
          dh = previous;
        }
      }
    }

    private void multiply(FloatMatrix target, FloatMatrix factor) {
      FloatBuffer values = target.values();
      FloatBuffer factors = factor.values();
      int length = target.rows() * target.columns();
      for (int i = 0; i < length; i++) {
        values.put(i, values.get(i) * factors.get(i));
      }
    }
  }
}
