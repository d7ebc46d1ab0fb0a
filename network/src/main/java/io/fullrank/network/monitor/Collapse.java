package io.fullrank.network.monitor;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.NonFiniteEntryException;
import io.fullrank.network.architecture.Backpropagation;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.architecture.Network.LayerOutput;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.Loss;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Whether a network loses what it could learn with: how rich each layer's outputs are, and how
 * large the examples' gradients. All of it is estimated on some examples.
 *
 * @param representations of each hidden layer, from the first to the last: its outputs after
 *     activation, residual sum and pooling, as far as these follow it
 * @param gradientNorms of each layer with parameters, the output layer included: ‖∂ℓ_i/∂θ_layer‖₂
 *     of the loss ℓ_i of each example, with batch normalisation by its fixed statistics
 */
public record Collapse(
    Map<String, Representation> representations, Map<String, Quantiles> gradientNorms) {

  private static final int MOST_EXAMPLES = 256;

  /** The most numbers that all layers together make of the examples, as float32: 512 MB. */
  private static final long MOST_NUMBERS = 1L << 27;

  /**
   * Looks at a network.
   *
   * @param parameters (input) θ and statistics
   * @param examples (input) at least one row, such as {@link #examples}
   * @param algebra does the heavy work
   * @throws NonFiniteEntryException if an output is NaN or infinite
   */
  public static Collapse of(
      Network network,
      Parameters parameters,
      Samples examples,
      Loss loss,
      DenseLinearAlgebra algebra) {
    FloatMatrix x = FloatMatrix.zeros(examples.rows(), examples.inputs());
    examples.copyRows(0, examples.rows(), x.values());
    Map<String, LayerOutput> last = new LinkedHashMap<>();
    for (LayerOutput output : network.layerOutputs(parameters, x)) {
      last.put(output.layer(), output);
    }
    Map<String, Representation> representations = new LinkedHashMap<>();
    last.forEach(
        (layer, output) -> {
          try (Matrix values = toMatrix(output.values())) {
            representations.put(layer, Representation.of(values, output.units(), algebra));
          }
        });
    return new Collapse(
        representations,
        gradientNorms(network, parameters, x, examples.labels(), LossFunction.of(loss)));
  }

  /**
   * Returns the examples to look at: rows of a data set, spread evenly over it and always the same
   * ones. They are at most {@value #MOST_EXAMPLES}, which bounds all ranks, and fewer where the
   * layers' outputs would take too much memory.
   */
  public static Samples examples(Network network, Samples all) {
    long fitting = Math.max(1, MOST_NUMBERS / network.layerNumbers());
    int count = (int) Math.min(sampleSize(all.rows()), fitting);
    return all.select(
        IntStream.range(0, count).map(i -> (int) ((long) i * all.rows() / count)).toArray());
  }

  /** Returns how many of some rows are looked at where memory does not matter. */
  public static int sampleSize(long rows) {
    return (int) Math.min(MOST_EXAMPLES, rows);
  }

  private static Matrix toMatrix(FloatMatrix values) {
    Matrix matrix = Matrix.allocate(values.rows(), values.columns());
    float[] row = new float[values.columns()];
    for (int i = 0; i < values.rows(); i++) {
      values.values().get(i * row.length, row);
      matrix.setRow(i, 0, row, 0, row.length);
    }
    return matrix;
  }

  private static Map<String, Quantiles> gradientNorms(
      Network network, Parameters parameters, FloatMatrix x, int[] labels, LossFunction loss) {
    Backpropagation backpropagation = Backpropagation.withFixedStatistics(network, loss, 1);
    Parameters gradient = Parameters.zeros(network.layout());
    List<String> layers = network.layout().layers();
    double[][] norms = new double[layers.size()][x.rows()];
    for (int i = 0; i < x.rows(); i++) {
      backpropagation.lossAndGradient(parameters, x.rows(i, 1), new int[] {labels[i]}, gradient);
      for (int layer = 0; layer < norms.length; layer++) {
        norms[layer][i] = gradient.norm(layers.get(layer));
      }
    }
    Map<String, Quantiles> byLayer = new LinkedHashMap<>();
    for (int layer = 0; layer < norms.length; layer++) {
      byLayer.put(layers.get(layer), new Quantiles(norms[layer]));
    }
    return byLayer;
  }
}
