package io.fullrank.certificate;

/** Thrown where a backend cannot be used on this machine; the message says in one line why. */
public final class BackendUnavailableException extends RuntimeException {

  BackendUnavailableException(String message) {
    super(message);
  }

  BackendUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
