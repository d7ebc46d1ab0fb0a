package io.fullrank.network.jacobian;

import io.fullrank.certificate.kernel.ExplicitRows;
import io.fullrank.certificate.kernel.FactoredJacobian;
import io.fullrank.certificate.kernel.KhatriRaoRows;
import io.fullrank.certificate.kernel.LayerJacobian;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.architecture.TrainingPass;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.layer.LinearMap;
import io.fullrank.network.tensor.AffineLayer;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.tensor.Parts;
import io.fullrank.network.tensor.SingleBlasThread;
import io.fullrank.network.tensor.Volume;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The outputs f of a network for some samples and their Jacobian in the weights and biases of some
 * layers, by factors (theory §9): what each layer reads, a_i, and δ_ik = ∂f_ik/∂z_i in what its
 * linear part makes, by one backward pass for each output. To be closed.
 *
 * <p>f is the network as it is evaluated: batch normalisation by the statistics that lie with the
 * parameters. It is computed as {@link io.fullrank.network.architecture.Features} are, in float32
 * and block by block, so that the a_i of the output layer are the features of these samples to the
 * last bit. Factors are float32 numbers, widened to float64; the rows of a convolution are sums of
 * products of such, added in float64.
 */
public final class OutputJacobian implements AutoCloseable {

  private final FloatMatrix outputs;
  private final FactoredJacobian jacobian;
  private final List<LayerRows> layers;

  private OutputJacobian(FloatMatrix outputs, FactoredJacobian jacobian, List<LayerRows> layers) {
    this.outputs = outputs;
    this.jacobian = jacobian;
    this.layers = layers;
  }

  /**
   * Computes outputs and Jacobian. It takes {@link JacobianLayers#bytes} of native memory, besides
   * that of a mini-batch.
   *
   * @param parameters (input) the weights and statistics
   * @param samples (input) n rows of the network's input size
   * @param layers of the network, at least one
   * @throws io.fullrank.certificate.result.InsufficientMemoryException if the factors do not fit
   */
  public static OutputJacobian compute(
      Network network, Parameters parameters, Samples samples, JacobianLayers layers) {
    List<LayerRows> rows = new ArrayList<>();
    try {
      FloatMatrix outputs = FloatMatrix.zeros(samples.rows(), network.classes());
      for (LinearMap map : layers.maps()) {
        rows.add(LayerRows.of(map, samples.rows(), network.classes()));
      }
      FactoredJacobian jacobian =
          new FactoredJacobian(
              samples.rows(), network.classes(), rows.stream().map(LayerRows::jacobian).toList());
      SingleBlasThread.during(
          () -> {
            new Computation(network, parameters, samples, rows, outputs).run();
            return outputs;
          });
      return new OutputJacobian(outputs, jacobian, rows);
    } catch (RuntimeException | Error failed) {
      rows.forEach(LayerRows::close);
      throw failed;
    }
  }

  /** Returns f, n × K; valid after closing, too. */
  public FloatMatrix outputs() {
    return outputs;
  }

  /** Returns the Jacobian, layer by layer in the order that was asked for; valid until closing. */
  public FactoredJacobian jacobian() {
    return jacobian;
  }

  @Override
  public void close() {
    layers.forEach(LayerRows::close);
  }

  /** The part of the Jacobian in one layer's parameters, as it is filled. */
  private interface LayerRows extends AutoCloseable {

    static LayerRows of(LinearMap map, int samples, int classes) {
      return map.isOnVectors()
          ? new VectorRows(map, samples, classes)
          : new PictureRows(map, samples, classes);
    }

    LayerJacobian jacobian();

    /**
     * Takes the backward pass of one output of a block of samples.
     *
     * @param first number of the block's first sample
     * @param count samples of the block
     * @param output k
     */
    void put(int first, int count, int output, FloatMatrix a, FloatMatrix dz);

    /** Takes note that the block is complete. */
    void finish(int first, int count);

    @Override
    void close();
  }

  private static final class VectorRows implements LayerRows {
    private final LinearMap map;
    private final int classes;
    private final Matrix inputs;
    private final Matrix gradients;
    private final float[] input;
    private final float[] gradient;

    VectorRows(LinearMap map, int samples, int classes) {
      this.map = map;
      this.classes = classes;
      this.input = new float[map.input().numbers()];
      this.gradient = new float[map.output().numbers()];
      this.inputs = Matrix.allocate(samples, input.length);
      try {
        this.gradients = Matrix.allocate((long) samples * classes, gradient.length);
      } catch (RuntimeException full) {
        inputs.close();
        throw full;
      }
    }

    @Override
    public LayerJacobian jacobian() {
      return new KhatriRaoRows(map.layer(), inputs, map.bias(), gradients);
    }

    @Override
    public void put(int first, int count, int output, FloatMatrix a, FloatMatrix dz) {
      for (int i = 0; i < count; i++) {
        if (output == 0) {
          a.values().get(i * input.length, input);
          inputs.setRow(first + i, 0, input, 0, input.length);
        }
        dz.values().get(i * gradient.length, gradient);
        gradients.setRow((first + (long) i) * classes + output, 0, gradient, 0, gradient.length);
      }
    }

    @Override
    public void finish(int first, int count) {
      // All is in its place.
    }

    @Override
    public void close() {
      inputs.close();
      gradients.close();
    }
  }

  private static final class PictureRows implements LayerRows {
    private final LinearMap map;
    private final int classes;
    private final ConvolutionJacobian rows;

    /** Of each sample of a block, channel by channel: what the convolution reads. */
    private final List<double[]> inputs = new ArrayList<>();

    /** Of each sample of a block, output by output and channel by channel. */
    private final List<double[]> gradients = new ArrayList<>();

    PictureRows(LinearMap map, int samples, int classes) {
      this.map = map;
      this.classes = classes;
      this.rows = new ConvolutionJacobian(ConvolutionGeometry.of(map), samples, classes);
    }

    @Override
    public LayerJacobian jacobian() {
      return new ExplicitRows(map.layer(), rows);
    }

    @Override
    public void put(int first, int count, int output, FloatMatrix a, FloatMatrix dz) {
      while (inputs.size() < count) {
        inputs.add(new double[map.input().numbers()]);
        gradients.add(new double[classes * map.output().numbers()]);
      }
      Parts.forEach(
          count,
          1,
          (part, from, end) -> {
            for (int i = from; i < end; i++) {
              if (output == 0) {
                byChannel(map.input(), a.values(), i, inputs.get(i), 0);
              }
              int offset = output * map.output().numbers();
              byChannel(map.output(), dz.values(), i, gradients.get(i), offset);
            }
          });
    }

    @Override
    public void finish(int first, int count) {
      Parts.forEach(
          count,
          1,
          (part, from, end) -> {
            for (int i = from; i < end; i++) {
              rows.setRows(first + i, inputs.get(i), gradients.get(i));
            }
          });
    }

    /** Layers have one row per pixel of each sample. */
    private static void byChannel(
        Volume volume, FloatBuffer samples, int sample, double[] into, int offset) {
      float[] pixels = new float[volume.numbers()];
      samples.get(sample * pixels.length, pixels);
      int next = offset;
      for (int channel = 0; channel < volume.channels(); channel++) {
        for (int pixel = 0; pixel < volume.pixels(); pixel++) {
          into[next++] = pixels[pixel * volume.channels() + channel];
        }
      }
    }

    @Override
    public void close() {
      rows.close();
    }
  }

  /** The passes through the network, block by block. */
  private static final class Computation {
    private final Network network;
    private final Parameters parameters;
    private final Samples samples;
    private final FloatMatrix outputs;
    private final Map<String, LayerRows> layers = new LinkedHashMap<>();
    private final boolean outputLayerAlone;
    private final int block;
    private final TrainingPass pass;
    private final FloatMatrix inputs;
    private final FloatMatrix featureGradient;

    /** What a backward pass computes besides, which nobody reads. */
    private final Parameters gradient;

    Computation(
        Network network,
        Parameters parameters,
        Samples samples,
        List<LayerRows> layers,
        FloatMatrix outputs) {
      this.network = network;
      this.parameters = parameters;
      this.samples = samples;
      this.outputs = outputs;
      layers.forEach(layer -> this.layers.put(layer.jacobian().layer(), layer));
      this.outputLayerAlone =
          this.layers.keySet().stream().allMatch(ParameterLayout.OUTPUT_LAYER::equals);
      this.block = Math.min(network.evaluatedTogether(), samples.rows());
      this.pass = network.fixedStatisticsPass(network.evaluatedTogether());
      this.inputs = FloatMatrix.zeros(block, network.inputs());
      this.featureGradient = FloatMatrix.zeros(block, network.features());
      this.gradient = Parameters.zeros(network.layout());
    }

    void run() {
      AffineLayer outputLayer = parameters.affineLayer(ParameterLayout.OUTPUT_LAYER);
      for (int first = 0; first < samples.rows(); first += block) {
        int count = Math.min(block, samples.rows() - first);
        FloatMatrix x = inputs.rows(0, count);
        samples.copyRows(first, count, x.values());
        FloatMatrix features = pass.forward(parameters, x);
        outputLayer.forward(features, outputs.rows(first, count));
        putOutputLayer(first, count, features);
        for (int k = 0; k < network.classes() && !outputLayerAlone; k++) {
          backward(first, x, k);
        }
        for (LayerRows layer : layers.values()) {
          layer.finish(first, count);
        }
      }
    }

    private void putOutputLayer(int first, int count, FloatMatrix features) {
      LayerRows layer = layers.get(ParameterLayout.OUTPUT_LAYER);
      if (layer == null) {
        return;
      }
      for (int k = 0; k < network.classes(); k++) {
        FloatMatrix unit = FloatMatrix.zeros(count, network.classes());
        for (int i = 0; i < count; i++) {
          unit.values().put(i * network.classes() + k, 1);
        }
        layer.put(first, count, k, features, unit);
      }
    }

    private void backward(int first, FloatMatrix x, int output) {
      FloatMatrix dh = featureGradient.rows(0, x.rows());
      FloatBuffer weight = parameters.weight(ParameterLayout.OUTPUT_LAYER).values();
      float[] ofOutput = new float[network.features()];
      for (int j = 0; j < ofOutput.length; j++) {
        ofOutput[j] = weight.get(j * network.classes() + output);
      }
      for (int i = 0; i < x.rows(); i++) {
        dh.values().put(i * ofOutput.length, ofOutput);
      }
      pass.backward(
          parameters,
          x,
          dh,
          gradient,
          (map, a, dz) -> {
            LayerRows layer = layers.get(map.layer());
            if (layer != null) {
              layer.put(first, x.rows(), output, a, dz);
            }
          });
    }
  }
}
