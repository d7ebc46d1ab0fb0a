package io.fullrank.cli.failure;

/** A service cannot be reached at this moment; it may be worth while to try again. */
public final class ServiceUnavailableException extends ExecutionFailedException {

  private static final long serialVersionUID = 1L;

  public ServiceUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
