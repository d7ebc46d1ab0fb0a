package io.fullrank.certificate.cholesky;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.cholesky.Spectrum.Histogram;
import io.fullrank.certificate.file.NpyFile;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.CertificationCancelledException;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The matrices and their singular values come from NumPy: src/test/oracle/spectrum.py. */
class SpectrumTest {

  private static final Percentage CLOSE = Percentage.withPercentage(1e-6);

  private final OpenBlas algebra = new OpenBlas(2);

  /** Also with all entries as small and as large as f64 allows, which changes no proportion. */
  @ParameterizedTest
  @CsvSource({
    "softplus-features, 0",
    "softplus-features, -1010",
    "softplus-features, 1010",
    "identity, 0",
    "tall, 0",
    "decades, 0",
    "scaled-rows, 0",
    "scaled-rows, 900",
    "scaled-rows, -900",
  })
  void agreesWithASingularValueDecomposition(String name, int exponent) throws IOException {
    List<Double> oracle =
        Files.readAllLines(resource(name + ".txt")).stream().map(Double::valueOf).toList();
    double[] sigmas = oracle.stream().skip(2).mapToDouble(s -> Math.scalb(s, exponent)).toArray();
    int n = sigmas.length;

    Spectrum spectrum = spectrum(name, exponent);

    assertThat(spectrum.effectiveRank().estimate().orElseThrow())
        .isCloseTo(oracle.get(0), Percentage.withPercentage(1e-3));
    assertThat(spectrum.stableRank().estimate().orElseThrow()).isCloseTo(oracle.get(1), CLOSE);
    assertThat(spectrum.sigmaMax().estimate().orElseThrow()).isCloseTo(sigmas[0], CLOSE);
    Histogram histogram = spectrum.histogram();
    double resolution = histogram.resolution();
    // About √(n·u)·σ_max, and never more than a few times that.
    assertThat(resolution / sigmas[0]).isBetween(Math.sqrt(n * 0x1p-53), 2e-7);
    if (sigmas[n - 1] > resolution) {
      assertThat(spectrum.sigmaMin().estimate().orElseThrow()).isCloseTo(sigmas[n - 1], CLOSE);
      assertThat(spectrum.conditionNumber().estimate().orElseThrow())
          .isCloseTo(sigmas[0] / sigmas[n - 1], CLOSE);
    } else {
      assertThat(spectrum.sigmaMin().estimate()).isEmpty();
      assertThat(spectrum.conditionNumber().estimate()).isEmpty();
    }
    assertThat(histogram).isEqualTo(expected(sigmas, histogram.edges()));
  }

  @Test
  void takesItsBoundsFromTheCertificate() throws IOException {
    try (Matrix matrix = NpyFile.read(resource("softplus-features.npy"), false)) {
      Certificate certificate = new RankCertification(algebra).certify(matrix);

      Spectrum spectrum = Spectrum.of(matrix, certificate, algebra, Cancellation.NEVER);

      double low = certificate.sigmaMinLowerBound().orElseThrow();
      double high = certificate.sigmaMaxUpperBound().orElseThrow();
      assertThat(spectrum.sigmaMin().lowerBound()).hasValue(low);
      assertThat(spectrum.sigmaMin().upperBound()).isEmpty();
      assertThat(spectrum.sigmaMax().upperBound()).hasValue(high);
      assertThat(spectrum.sigmaMax().lowerBound()).isEmpty();
      assertThat(spectrum.conditionNumber().upperBound()).hasValue(Math.nextUp(high / low));
      assertThat(spectrum.sigmaMax().estimate().orElseThrow()).isLessThanOrEqualTo(high);
      assertThat(spectrum.sigmaMin().estimate().orElseThrow()).isGreaterThanOrEqualTo(low);
    }
  }

  @Test
  void countsWhatItCannotResolve() throws IOException {
    // Singular values 1, 0.1, 0.01, ..., of which those from 1e-8 on drown.
    Histogram histogram = spectrum("decades", 0).histogram();

    assertThat(histogram.resolution()).isCloseTo(5e-8, within(2e-8));
    assertThat(histogram.belowResolution()).isEqualTo(12);
    assertThat(Arrays.stream(histogram.counts()).sum()).isEqualTo(8);
  }

  @Test
  void givesOneRowItsNorm() {
    Spectrum spectrum = spectrum(new double[][] {{3, 4}});

    assertThat(spectrum.sigmaMin().estimate().orElseThrow()).isCloseTo(5, CLOSE);
    assertThat(spectrum.sigmaMax().estimate().orElseThrow()).isCloseTo(5, CLOSE);
    assertThat(spectrum.conditionNumber().estimate().orElseThrow()).isCloseTo(1, CLOSE);
    assertThat(spectrum.effectiveRank().estimate().orElseThrow()).isCloseTo(1, CLOSE);
    assertThat(spectrum.histogram().counts()[Spectrum.BINS - 1]).isEqualTo(1);
  }

  @Test
  void saysOfTheZeroMatrixOnlyWhatThereIsToSay() {
    Spectrum spectrum = spectrum(new double[][] {{0, 0}, {0, 0}});

    assertThat(spectrum.sigmaMax().estimate()).hasValue(0);
    assertThat(spectrum.conditionNumber().estimate()).isEmpty();
    assertThat(spectrum.effectiveRank().estimate()).isEmpty();
    assertThat(spectrum.stableRank().estimate()).isEmpty();
    assertThat(spectrum.histogram().belowResolution()).isEqualTo(2);
  }

  @Test
  void leavesOutWhatNoDoubleCanHold() {
    double max = Double.MAX_VALUE;
    Spectrum spectrum = spectrum(new double[][] {{max, max}, {max, -max}});

    assertThat(spectrum.sigmaMax().estimate()).isEmpty();
    assertThat(spectrum.stableRank().estimate().orElseThrow()).isCloseTo(2, CLOSE);
    assertThat(spectrum.conditionNumber().estimate().orElseThrow()).isCloseTo(1, CLOSE);
    assertThat(spectrum.histogram().edges()[Spectrum.BINS]).isInfinite();
    assertThat(spectrum.histogram().counts()[Spectrum.BINS - 1]).isEqualTo(2);
  }

  @Test
  void isCancelled() {
    try (Matrix matrix = Matrix.of(new double[][] {{1, 2}})) {
      Certificate certificate = new RankCertification(algebra).certify(matrix);
      assertThatThrownBy(() -> Spectrum.of(matrix, certificate, algebra, () -> true))
          .isInstanceOf(CertificationCancelledException.class);
    }
  }

  private Spectrum spectrum(String name, int exponent) throws IOException {
    try (Matrix matrix = NpyFile.read(resource(name + ".npy"), false)) {
      double[] row = new double[(int) matrix.columns()];
      for (long i = 0; i < matrix.rows(); i++) {
        matrix.getRow(i, 0, row, 0, row.length);
        matrix.setRow(
            i, 0, Arrays.stream(row).map(x -> Math.scalb(x, exponent)).toArray(), 0, row.length);
      }
      return spectrum(matrix);
    }
  }

  private Spectrum spectrum(double[][] rows) {
    try (Matrix matrix = Matrix.of(rows)) {
      return spectrum(matrix);
    }
  }

  private Spectrum spectrum(Matrix matrix) {
    Certificate certificate = new RankCertification(algebra).certify(matrix);
    return Spectrum.of(matrix, certificate, algebra, Cancellation.NEVER);
  }

  /** Sorts the oracle's singular values into bins. */
  private static Histogram expected(double[] sigmas, double[] edges) {
    int[] counts = new int[Spectrum.BINS];
    int below = 0;
    for (double sigma : sigmas) {
      if (sigma < edges[0]) {
        below++;
        continue;
      }
      int bin = 0;
      while (bin < Spectrum.BINS - 1 && sigma >= edges[bin + 1]) {
        bin++;
      }
      counts[bin]++;
    }
    return new Histogram(edges, counts, below);
  }

  private static Path resource(String name) {
    try {
      return Path.of(SpectrumTest.class.getResource("/spectrum/" + name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
