package io.fullrank.certificate.backend;

/**
 * A backend's results contradict exact arithmetic: the backend breaks the contract of {@link
 * DenseLinearAlgebra}, and nothing that it has computed can be trusted.
 */
public final class InexactBackendException extends RuntimeException {

  public InexactBackendException(String message) {
    super(message);
  }
}
