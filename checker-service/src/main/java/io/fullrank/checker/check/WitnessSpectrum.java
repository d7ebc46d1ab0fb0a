package io.fullrank.checker.check;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.cholesky.Spectrum;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.checker.configuration.SpectrumPolicy;
import io.fullrank.proto.v1.Snapshot;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The singular values of a witness's features, for people to look at. Training waits for the
 * verdict that they come with, so features with many rows get no spectrum, and a spectrum that
 * cannot be computed is no reason to withhold a certificate.
 */
public final class WitnessSpectrum {

  /** The eigenvalues of more rows take longer than training should wait; see decision 17. */
  static final long MAX_ROWS = 2048;

  private static final Logger LOG = LoggerFactory.getLogger(WitnessSpectrum.class);

  private final SpectrumPolicy policy;
  private final DenseLinearAlgebra algebra;

  public WitnessSpectrum(SpectrumPolicy policy, DenseLinearAlgebra algebra) {
    this.policy = policy;
    this.algebra = algebra;
  }

  /**
   * Computes the spectrum if the snapshot is to have one.
   *
   * @param features (input) Φ of the snapshot, n × c
   * @param certificate of the same features
   */
  Optional<Spectrum> of(Snapshot snapshot, Matrix features, Certificate certificate) {
    if (policy == SpectrumPolicy.NEVER || !snapshot.getWitness() || features.rows() > MAX_ROWS) {
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
