package io.fullrank.network.architecture;

import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.enclosure.Enclosure;
import io.fullrank.network.enclosure.Enclosures;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.network.layer.BatchNormalization;
import io.fullrank.network.layer.Layer;
import io.fullrank.network.layer.LayerPass;
import io.fullrank.network.layer.LinearMap;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.tensor.Parts;
import io.fullrank.network.tensor.Scratch;
import io.fullrank.network.tensor.SingleBlasThread;
import io.fullrank.network.tensor.Volume;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;

/**
 * A network whose hidden layers are given one by one, each reading what an earlier one made. What
 * the last one makes of a sample, pixel by pixel, are its features.
 */
final class LayeredNetwork implements Network {

  /** The place of the data among the layers. */
  static final int DATA = -1;

  /** No place: nothing is added to what a layer makes. */
  private static final int NOTHING = -2;

  /**
   * A layer at its place.
   *
   * @param input place of the layer that it reads
   * @param addend place of the layer whose output is added to its own (a residual connection)
   */
  private record Node(Layer layer, int input, int addend) {}

  /**
   * Pictures of how many samples are evaluated at a time: their layers should stay in the cache.
   * Part of the definition of the features, as the number of rows in {@link Features} is.
   */
  private static final int PICTURES = 16;

  /**
   * The most layers that are accepted, since a specification that comes with a snapshot may ask for
   * any number.
   */
  private static final int MAX_LAYERS = 20_000;

  private final ImageShape shape;
  private final Volume data;
  private final int classes;
  private final WeightInitialization initialization;
  private final List<Node> nodes;
  private final boolean outputBias;
  private final boolean homogeneous;
  private final ParameterLayout layout;

  private LayeredNetwork(Builder layers, int classes, WeightInitialization initialization) {
    this.shape = layers.shape;
    this.data = layers.data;
    this.classes = classes;
    this.initialization = initialization;
    this.nodes = List.copyOf(layers.nodes);
    this.outputBias = layers.outputBias;
    this.homogeneous = layers.homogeneous;
    ParameterLayout.Builder builder = new ParameterLayout.Builder();
    nodes.forEach(node -> node.layer.declare(builder));
    this.layout = builder.output(features(), classes);
  }

  /** Puts layers together. */
  static final class Builder {
    private final ImageShape shape;
    private final Volume data;
    private final List<Node> nodes = new ArrayList<>();
    private boolean outputBias = true;
    private boolean homogeneous;

    private Builder(ImageShape shape, Volume data) {
      this.shape = shape;
      this.data = data;
    }

    /** Begins a network that reads the numbers of a row as a vector. */
    static Builder onVectors(ImageShape shape) {
      return new Builder(shape, Volume.vector(shape.inputs()));
    }

    /** Begins a network that reads rows as pictures. */
    static Builder onPictures(ImageShape shape) {
      return new Builder(shape, new Volume(shape.height(), shape.width(), shape.channels()));
    }

    /** What the layer at that place makes. */
    public Volume output(int place) {
      return place == DATA ? data : nodes.get(place).layer.output();
    }

    /** Adds a layer; returns its place. */
    public int add(Layer layer, int input) {
      return add(layer, input, NOTHING);
    }

    /** Adds a layer to whose output that of another is added; returns its place. */
    public int add(Layer layer, int input, int addend) {
      if (addend != NOTHING && !output(addend).equals(layer.output())) {
        throw new IllegalStateException(
            "a residual connection adds %s to %s".formatted(output(addend), layer.output()));
      }
      if (nodes.size() == MAX_LAYERS) {
        throw new IllegalArgumentException("network: more than %d layers".formatted(MAX_LAYERS));
      }
      nodes.add(new Node(layer, input, addend));
      return nodes.size() - 1;
    }

    /**
     * The output layer has no bias while all layers train.
     *
     * @param homogeneousLayers whether what the last layer makes is positively homogeneous in the
     *     weights of each
     */
    public void withoutOutputBias(boolean homogeneousLayers) {
      outputBias = false;
      homogeneous = homogeneousLayers;
    }

    Network build(int classes, WeightInitialization initialization) {
      if (classes < 1) {
        throw new IllegalArgumentException(
            "network: classes must be at least 1, got %d".formatted(classes));
      }
      return new LayeredNetwork(this, classes, initialization);
    }
  }

  @Override
  public int inputs() {
    return shape.inputs();
  }

  @Override
  public int features() {
    return nodes.get(nodes.size() - 1).layer.output().numbers();
  }

  @Override
  public int classes() {
    return classes;
  }

  @Override
  public ParameterLayout layout() {
    return layout;
  }

  @Override
  public boolean analytic() {
    return nodes.stream().allMatch(node -> node.layer.analytic());
  }

  @Override
  public boolean outputBias() {
    return outputBias;
  }

  @Override
  public boolean homogeneous() {
    return homogeneous;
  }

  @Override
  public Parameters initialParameters(long seed) {
    return initialization.parameters(layout, seed);
  }

  @Override
  public FeaturePass featurePass(int maxRows) {
    if (data.pixels() == 1) {
      return new FeatureExtraction(maxRows)::features;
    }
    // There are as many passes as threads meet here, which may be fewer than parts.
    Queue<FeatureExtraction> idle = new ConcurrentLinkedQueue<>();
    FloatMatrix features = FloatMatrix.zeros(maxRows, features());
    return (parameters, x) -> {
      Parts.forEach(
          (x.rows() + PICTURES - 1) / PICTURES,
          1,
          (part, firstGroup, endGroup) -> {
            FeatureExtraction evaluation =
                Optional.ofNullable(idle.poll())
                    .orElseGet(() -> new FeatureExtraction(Math.min(PICTURES, maxRows)));
            for (int first = firstGroup * PICTURES;
                first < Math.min(endGroup * PICTURES, x.rows());
                first += PICTURES) {
              int count = Math.min(PICTURES, x.rows() - first);
              FloatMatrix h = evaluation.features(parameters, x.rows(first, count));
              features.values().put(first * h.columns(), h.values(), 0, h.length());
            }
            idle.add(evaluation);
          });
      return features.rows(0, x.rows());
    };
  }

  @Override
  public List<LayerOutput> layerOutputs(Parameters parameters, FloatMatrix x) {
    FeatureExtraction evaluation = new FeatureExtraction(x.rows());
    SingleBlasThread.during(() -> evaluation.features(parameters, x));
    List<LayerOutput> outputs = new ArrayList<>();
    String layer = "";
    for (int place = 0; place < nodes.size(); place++) {
      // Besides the output layer, which every layout ends with.
      ParameterLayout.Builder declared = new ParameterLayout.Builder();
      nodes.get(place).layer.declare(declared);
      List<String> names = declared.output(1, 1).layers();
      layer = names.size() > 1 ? names.get(0) : layer;
      int units = nodes.get(place).layer.output().channels();
      FloatMatrix values = evaluation.value(place, x.rows()).withRows(x.rows());
      outputs.add(new LayerOutput(layer, units, values));
    }
    return outputs;
  }

  @Override
  public Enclosures enclose(
      Parameters parameters, Samples samples, int first, int count, Precision precision) {
    List<Enclosures> values = new ArrayList<>();
    Enclosures pixels = enclose(samples, first, count);
    for (Node node : nodes) {
      Enclosures y = new Enclosures(node.layer.output().numbers(), count);
      Enclosures x = node.input == DATA ? pixels : values.get(node.input);
      node.layer.enclose(parameters, x, y, precision);
      if (node.addend != NOTHING) {
        y.add(node.addend == DATA ? pixels : values.get(node.addend));
      }
      values.add(y);
    }
    return values.get(nodes.size() - 1);
  }

  /** Rows come channel by channel, layers work pixel by pixel. */
  private Enclosures enclose(Samples samples, int first, int count) {
    Enclosures pixels = new Enclosures(data.numbers(), count);
    float[] row = new float[data.numbers()];
    for (int sample = 0; sample < count; sample++) {
      samples.copyRow(first + sample, row, 0);
      for (int number = 0; number < row.length; number++) {
        int pixel = number / data.channels();
        int channel = number % data.channels();
        pixels.set(number, sample, Enclosure.of(row[channel * data.pixels() + pixel]));
      }
    }
    return pixels;
  }

  @Override
  public long layerNumbers() {
    return data.numbers() + nodes.stream().mapToLong(node -> node.layer.output().numbers()).sum();
  }

  @Override
  public List<LinearMap> linearMaps() {
    return Stream.concat(
            nodes.stream().flatMap(node -> node.layer.linearMap().stream()),
            Stream.of(LinearMap.onVectors(ParameterLayout.OUTPUT_LAYER, features(), classes)))
        .toList();
  }

  @Override
  public int evaluatedTogether() {
    return data.pixels() == 1 ? Features.BLOCK_ROWS : PICTURES;
  }

  @Override
  public TrainingPass trainingPass(int maxRows) {
    return new Training(maxRows, Layer::trainingPass);
  }

  @Override
  public TrainingPass fixedStatisticsPass(int maxRows) {
    return new Training(maxRows, Layer::fixedStatisticsPass);
  }

  @Override
  public void fixStatistics(Parameters parameters, Samples samples) {
    SingleBlasThread.during(
        () -> {
          fixStatisticsOnOneThread(parameters, samples);
          return parameters;
        });
  }

  private void fixStatisticsOnOneThread(Parameters parameters, Samples samples) {
    FeatureExtraction evaluation = new FeatureExtraction(PICTURES);
    FloatMatrix x = FloatMatrix.zeros(PICTURES, samples.inputs());
    for (int place = 0; place < nodes.size(); place++) {
      Node node = nodes.get(place);
      if (node.layer instanceof BatchNormalization normalization) {
        BatchNormalization.Statistics statistics = normalization.new Statistics();
        for (int first = 0; first < samples.rows(); first += PICTURES) {
          int count = Math.min(PICTURES, samples.rows() - first);
          samples.copyRows(first, count, x.values());
          evaluation.forward(parameters, x.rows(0, count), place);
          statistics.add(evaluation.value(node.input, count));
        }
        statistics.store(parameters);
      }
    }
  }

  /** Which of its passes is taken of a layer. */
  private interface ToPass {
    LayerPass of(Layer layer, int maxSamples, Scratch scratch);
  }

  /** The layers' passes, and what they made last. */
  private abstract class Pass {
    final List<LayerPass> passes = new ArrayList<>();
    final List<FloatMatrix> values = new ArrayList<>();
    private final FloatMatrix pixels;

    Pass(int maxSamples, ToPass toPass) {
      pixels = data.allocate(maxSamples);
      Scratch scratch = new Scratch();
      for (Node node : nodes) {
        passes.add(toPass.of(node.layer, maxSamples, scratch));
        values.add(node.layer.output().allocate(maxSamples));
      }
    }

    /** Runs the layers before a place. */
    void forward(Parameters parameters, FloatMatrix x, int end) {
      arrange(x);
      for (int place = 0; place < end; place++) {
        Node node = nodes.get(place);
        FloatMatrix y = value(place, x.rows());
        passes.get(place).forward(parameters, value(node.input, x.rows()), y);
        if (node.addend != NOTHING) {
          y.add(value(node.addend, x.rows()));
        }
      }
    }

    FloatMatrix features(Parameters parameters, FloatMatrix x) {
      forward(parameters, x, nodes.size());
      return value(nodes.size() - 1, x.rows()).withRows(x.rows());
    }

    /** What the layer at a place made of the first {@code samples} samples. */
    FloatMatrix value(int place, int samples) {
      return place == DATA
          ? data.samples(pixels, samples)
          : nodes.get(place).layer.output().samples(values.get(place), samples);
    }

    /** Rows come channel by channel, layers work pixel by pixel. */
    private void arrange(FloatMatrix x) {
      FloatBuffer from = x.values();
      FloatBuffer to = pixels.values();
      int channels = data.channels();
      if (data.pixels() == 1 || channels == 1) {
        to.put(0, from, 0, x.length());
        return;
      }
      int next = 0;
      for (int row = 0; row < x.rows(); row++) {
        for (int pixel = 0; pixel < data.pixels(); pixel++) {
          for (int c = 0; c < channels; c++) {
            to.put(next++, from.get(row * data.numbers() + c * data.pixels() + pixel));
          }
        }
      }
    }
  }

  private final class FeatureExtraction extends Pass {
    FeatureExtraction(int maxSamples) {
      super(maxSamples, Layer::evaluationPass);
    }
  }

  private final class Training extends Pass implements TrainingPass {
    /** Gradients of the loss in what each layer made, but for the last. */
    private final List<FloatMatrix> gradients = new ArrayList<>();

    Training(int maxSamples, ToPass toPass) {
      super(maxSamples, toPass);
      for (Node node : nodes.subList(0, nodes.size() - 1)) {
        gradients.add(node.layer.output().allocate(maxSamples));
      }
    }

    @Override
    public FloatMatrix forward(Parameters parameters, FloatMatrix x) {
      return features(parameters, x);
    }

    @Override
    public void backward(
        Parameters parameters,
        FloatMatrix x,
        FloatMatrix featureGradient,
        Parameters gradient,
        Observer observer) {
      int samples = x.rows();
      int last = nodes.size() - 1;
      for (int place = 0; place < last; place++) {
        gradient(place, samples).clear();
      }
      for (int place = last; place >= 0; place--) {
        Node node = nodes.get(place);
        FloatMatrix dy =
            place == last
                ? featureGradient.withRows(value(last, samples).rows())
                : gradient(place, samples);
        if (node.addend >= 0) {
          gradient(node.addend, samples).add(dy);
        }
        FloatMatrix input = value(node.input, samples);
        passes.get(place).parameterGradient(parameters, input, dy, gradient);
        node.layer.linearMap().ifPresent(map -> observer.see(map, input, dy));
        if (node.input != DATA) {
          passes.get(place).addInputGradient(parameters, input, dy, gradient(node.input, samples));
        }
      }
    }

    private FloatMatrix gradient(int place, int samples) {
      return nodes.get(place).layer.output().samples(gradients.get(place), samples);
    }
  }
}
