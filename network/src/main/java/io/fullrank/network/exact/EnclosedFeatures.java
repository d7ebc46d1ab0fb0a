package io.fullrank.network.exact;

import io.fullrank.certificate.arithmetic.Upward;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.enclosure.Enclosure;
import io.fullrank.network.enclosure.Enclosures;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.network.tensor.Parameters;

/**
 * The feature matrix of the exact network, up to a bounded error (theory §10). The exact network is
 * the real function of the float32 parameters, statistics and inputs: real sums and products, the
 * real activation, and as constants the numbers that training computes with (ε of batch
 * normalisation and sharpness as float64, the factors of scaled activations as float32).
 *
 * @param centres Φ_c, n × (m_H + 1), the last column of ones
 * @param error at least ‖Φ_c − Φ‖_F, where Φ is the feature matrix of the exact network; infinite
 *     or NaN if nothing is known
 * @param precision of sums of products and elementary functions
 */
record EnclosedFeatures(Matrix centres, double error, Precision precision)
    implements AutoCloseable {

  private static final int MOST_ROWS = 128;

  /** What all layers make of a block: 24 bytes for each number. */
  private static final long MOST_NUMBERS = 1 << 21;

  /**
   * Encloses the features.
   *
   * @param parameters (input) θ and statistics
   * @param samples (input) n rows of the network's shape
   * @param threads the largest number of threads to use
   */
  static EnclosedFeatures compute(
      Network network, Parameters parameters, Samples samples, Precision precision, int threads) {
    Matrix centres = Matrix.allocate(samples.rows(), network.features() + 1L);
    try {
      return compute(network, parameters, samples, precision, threads, centres);
    } catch (RuntimeException | Error failed) {
      centres.close();
      throw failed;
    }
  }

  private static EnclosedFeatures compute(
      Network network,
      Parameters parameters,
      Samples samples,
      Precision precision,
      int threads,
      Matrix centres) {
    double[] squares = new double[threads];
    int block = (int) Math.max(1, Math.min(MOST_ROWS, MOST_NUMBERS / network.layerNumbers()));
    RowTiles.forEach(
        threads,
        samples.rows(),
        block,
        (part, from, to) -> {
          Enclosures features = network.enclose(parameters, samples, from, to - from, precision);
          squares[part] = Upward.add(squares[part], copy(features, from, centres));
        });
    centres.fillColumn(network.features(), 1);
    return new EnclosedFeatures(centres, Upward.squareRoot(Upward.sum(squares)), precision);
  }

  /** Copies the centres, rounded to float64; returns at least the sum of all squared errors. */
  private static double copy(Enclosures features, int first, Matrix centres) {
    double squares = 0;
    double[] row = new double[features.numbers()];
    for (int sample = 0; sample < features.samples(); sample++) {
      for (int number = 0; number < row.length; number++) {
        Enclosure feature = features.get(number, sample);
        double error = feature.distanceFromHigh();
        row[number] = feature.high();
        squares = Upward.add(squares, Upward.multiply(error, error));
      }
      centres.setRow(first + sample, 0, row, 0, row.length);
    }
    return squares;
  }

  /** Frees the centres. */
  @Override
  public void close() {
    centres.close();
  }
}
