package io.fullrank.cli.failure;

/** Something failed while it ran; the message is one line that says what and where to look. */
public class ExecutionFailedException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** Creates the exception with a line for the user. */
  public ExecutionFailedException(String message) {
    super(message);
  }

  /** Creates the exception with a line for the user and what brought it about. */
  public ExecutionFailedException(String message, Throwable cause) {
    super(message, cause);
  }
}
