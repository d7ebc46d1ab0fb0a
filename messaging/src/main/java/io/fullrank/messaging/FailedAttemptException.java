package io.fullrank.messaging;

/** An attempt of a {@link KafkaLife} has failed, in a way that its own words explain best. */
public final class FailedAttemptException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message one line for a person
   * @param cause what has failed
   */
  public FailedAttemptException(String message, Throwable cause) {
    super(message, cause);
  }
}
