package io.fullrank.messaging;

/** The broker does not answer, or refuses what the services cannot do without. */
public final class KafkaUnavailableException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message one line for a person
   * @param cause the client's exception
   */
  public KafkaUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
