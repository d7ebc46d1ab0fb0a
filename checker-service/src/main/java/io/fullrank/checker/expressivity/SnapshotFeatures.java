package io.fullrank.checker.expressivity;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.network.exact.ExactNetwork;
import java.util.Optional;

/** What is known of the features Φ = [h_X(θ), 1] of one snapshot by where they come from. */
interface SnapshotFeatures {

  /** Returns what they are called, as in "no certificate of the features". */
  String name();

  /**
   * Returns why the certificate says what it says, in words that fit these features, and how far it
   * reaches.
   *
   * @param matrix (input) Φ
   */
  String reason(Certificate certificate, Rows matrix);

  /**
   * Judges the network in exact arithmetic.
   *
   * @param matrix (input) Φ
   * @param certificate of Φ
   * @param algebra does the heavy work
   * @param threads the largest number of threads to use
   * @return empty if it is not known here what the network computes
   */
  Optional<ExactNetwork> exactNetwork(
      Matrix matrix, Certificate certificate, DenseLinearAlgebra algebra, int threads);
}
