package io.fullrank.certificate.backend;

/** Thrown where a backend cannot be used on this machine; the message says in one line why. */
public final class BackendUnavailableException extends RuntimeException {

  public BackendUnavailableException(String message) {
    super(message);
  }

  public BackendUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
