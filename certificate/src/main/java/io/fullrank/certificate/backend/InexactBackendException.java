package io.fullrank.certificate.backend;

/**
 * A backend's results contradict exact arithmetic: it does not keep the contract of {@link
 * DenseLinearAlgebra}, and nothing it computed can be trusted.
 */
public final class InexactBackendException extends RuntimeException {

  public InexactBackendException(String message) {
    super(message);
  }
}
