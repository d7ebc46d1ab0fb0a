package io.fullrank.network.loss;

/**
 * Training cannot go on in floating-point numbers: it has left them, or a system has no solution in
 * them. The message says where, and what to do.
 */
public final class DivergenceException extends Exception {

  private static final long serialVersionUID = 1L;

  public DivergenceException(String message) {
    super(message);
  }
}
