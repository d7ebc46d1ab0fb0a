package io.fullrank.cli.failure;

/** What the user gave cannot be used; the message is one line that says what and what to do. */
public final class BadInputException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** Creates the exception with a line for the user. */
  public BadInputException(String message) {
    super(message);
  }

  /** Creates the exception with a line for the user and what brought it about. */
  public BadInputException(String message, Throwable cause) {
    super(message, cause);
  }
}
