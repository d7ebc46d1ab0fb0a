package io.fullrank.certificate.result;

/**
 * Tells a long computation that nobody waits for its result any more. It is asked between blocks of
 * work, often enough that a deadline is honoured within about the time of one matrix product.
 */
@FunctionalInterface
public interface Cancellation {

  /** Never cancels. */
  Cancellation NEVER = () -> false;

  /** Returns whether to stop. */
  boolean isRequested();

  /**
   * Goes on unless cancelled.
   *
   * @throws CertificationCancelledException if cancelled
   */
  default void check() {
    if (isRequested()) {
      throw new CertificationCancelledException();
    }
  }
}
