package io.fullrank.network.training;

/** Training has left the floating-point numbers; the message names step and tensor. */
final class DivergenceException extends Exception {

  private static final long serialVersionUID = 1L;

  DivergenceException(String message) {
    super(message);
  }
}
