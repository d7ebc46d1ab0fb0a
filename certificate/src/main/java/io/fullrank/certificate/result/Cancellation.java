package io.fullrank.certificate.result;

/**
 * Tells a long computation whether to stop, because nobody waits for its result any more. The
 * computation asks between blocks of work, often enough to stop within about the time of one matrix
 * product.
 */
@FunctionalInterface
public interface Cancellation {

  /** Never cancels. */
  Cancellation NEVER = () -> false;

  /** Returns whether to stop. */
  boolean isRequested();

  /**
   * Returns unless cancelled.
   *
   * @throws CertificationCancelledException if cancelled
   */
  default void check() {
    if (isRequested()) {
      throw new CertificationCancelledException();
    }
  }
}
