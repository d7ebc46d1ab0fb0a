package io.fullrank.certificate;

/** A matrix does not fit; the message says how much memory it needs and how much there is. */
public final class InsufficientMemoryException extends RuntimeException {

  InsufficientMemoryException(String message) {
    super(message);
  }
}
