package io.fullrank.certificate.result;

/** A matrix does not fit into memory; the message says how much it needs and how much there is. */
public final class InsufficientMemoryException extends RuntimeException {

  public InsufficientMemoryException(String message) {
    super(message);
  }
}
