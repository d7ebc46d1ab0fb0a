package io.fullrank.checker.expressivity;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.cholesky.Spectrum;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.proto.v1.Snapshot;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The singular values of a witness's features, for people to look at. Training waits for the
 * verdict that they come with, so features with many rows get no spectrum, and a spectrum that
 * cannot be computed is no reason to withhold a certificate.
 */
final class WitnessSpectrum {

  /** The eigenvalues of more rows take longer than training should wait; see decision 17. */
  static final long MAX_ROWS = 2048;

  private static final Logger LOG = LoggerFactory.getLogger(WitnessSpectrum.class);

  private final boolean wanted;
  private final DenseLinearAlgebra algebra;

  WitnessSpectrum(boolean wanted, DenseLinearAlgebra algebra) {
    this.wanted = wanted;
    this.algebra = algebra;
  }

  /**
   * Computes the spectrum if the snapshot is to have one.
   *
   * @param features (input) Φ of the snapshot, n × c
   * @param certificate of the same features
   */
  Optional<Spectrum> of(Snapshot snapshot, Matrix features, Certificate certificate) {
    if (!wanted || !snapshot.getWitness() || features.rows() > MAX_ROWS) {
      return Optional.empty();
    }
    try {
      return Optional.of(Spectrum.of(features, certificate, algebra, Cancellation.NEVER));
    } catch (InsufficientMemoryException | IllegalStateException none) {
      LOG.warn(
          "The witness of run {} has no spectrum: {}",
          snapshot.getHeader().getRun(),
          none.getMessage());
      return Optional.empty();
    }
  }
}
