package io.fullrank.network.jacobian;

/**
 * A lower bound on the Euclidean norm of the numbers that were added: every operation is rounded
 * down. Not thread-safe.
 */
public final class NormLowerBound {

  private double squares;

  /** Adds one number, or a lower bound on the magnitude of one. */
  public void add(double number) {
    double square = Math.max(0, Math.nextDown(number * number));
    squares = square == 0 ? squares : Math.max(squares, Math.nextDown(squares + square));
  }

  /** Returns the bound on the norm of all numbers so far. */
  public double value() {
    return Math.max(0, Math.nextDown(Math.sqrt(squares)));
  }
}
