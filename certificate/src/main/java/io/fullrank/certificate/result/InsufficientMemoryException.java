package io.fullrank.certificate.result;

/** A matrix does not fit; the message says how much memory it needs and how much there is. */
public final class InsufficientMemoryException extends RuntimeException {

  public InsufficientMemoryException(String message) {
    super(message);
  }
}
