package io.fullrank.cli;

/** A service cannot be reached at this moment; it may be worth while to try again. */
final class ServiceUnavailableException extends ExecutionFailedException {

  private static final long serialVersionUID = 1L;

  ServiceUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
