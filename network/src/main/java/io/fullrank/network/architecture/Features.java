package io.fullrank.network.architecture;

import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.tensor.SingleBlasThread;

/**
 * Computes the feature matrix. Training and certification must get the same numbers, so this is the
 * only place that computes them: into a matrix, or a block of rows for {@link FeatureRows}.
 */
public final class Features {

  /**
   * Rows of a block. It is part of the features' definition, since the rounding of a matrix product
   * may depend on its shape.
   */
  static final int BLOCK_ROWS = 256;

  private Features() {}

  /**
   * Returns Φ = [h_X(θ), 1_n] (theory §1): the last hidden layer after its activation, computed in
   * float32 block by block in the order of the rows, widened to float64, and a column of ones. The
   * bits are the same in all processes on one kind of machine: the products run on one thread, and
   * nothing depends on what ran before.
   *
   * @param parameters (input) θ; the output layer's part plays no role
   * @param samples (input) n rows of the network's input size
   * @return n × (m_H + 1), to be closed by the caller
   * @throws IllegalArgumentException if the rows have another size
   */
  public static Matrix compute(Network network, Parameters parameters, Samples samples) {
    requireInputs(network, samples);
    Matrix features = Matrix.allocate(samples.rows(), network.features() + 1L);
    recompute(network, parameters, samples, features);
    return features;
  }

  /**
   * Computes the same into a matrix that is there.
   *
   * @param features (output) n × (m_H + 1)
   */
  public static void recompute(
      Network network, Parameters parameters, Samples samples, Matrix features) {
    SingleBlasThread.during(
        () -> {
          computeOnOneThread(network, parameters, samples, features);
          return features;
        });
  }

  private static void computeOnOneThread(
      Network network, Parameters parameters, Samples samples, Matrix features) {
    FeaturePass pass = network.featurePass(BLOCK_ROWS);
    FloatMatrix inputs = FloatMatrix.zeros(BLOCK_ROWS, samples.inputs());
    float[] row = new float[network.features()];
    for (int first = 0; first < samples.rows(); first += BLOCK_ROWS) {
      FloatMatrix h = ofBlock(pass, parameters, samples, first, inputs);
      for (int i = 0; i < h.rows(); i++) {
        h.values().get(i * row.length, row);
        features.setRow(first + i, 0, row, 0, row.length);
      }
    }
    features.fillColumn(network.features(), 1);
  }

  /**
   * Computes the rows of one block, without the column of ones.
   *
   * @param first the first row, a multiple of {@value #BLOCK_ROWS}
   * @param inputs working memory, {@value #BLOCK_ROWS} × inputs
   * @return valid until the pass is used again
   */
  static FloatMatrix ofBlock(
      FeaturePass pass, Parameters parameters, Samples samples, int first, FloatMatrix inputs) {
    int count = Math.min(BLOCK_ROWS, samples.rows() - first);
    samples.copyRows(first, count, inputs.values());
    return pass.forward(parameters, inputs.rows(0, count));
  }

  static void requireInputs(Network network, Samples samples) {
    if (samples.inputs() != network.inputs()) {
      throw new IllegalArgumentException(
          "the network takes %d inputs, the data's rows have %d"
              .formatted(network.inputs(), samples.inputs()));
    }
  }
}
