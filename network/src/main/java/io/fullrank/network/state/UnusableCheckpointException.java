package io.fullrank.network.state;

/** A run cannot go on from a checkpoint; the message says why, in one line. */
public final class UnusableCheckpointException extends RuntimeException {

  private static final long serialVersionUID = 1;

  /** Gives the reason. */
  public UnusableCheckpointException(String message) {
    super(message);
  }

  /** Gives the reason and its cause. */
  public UnusableCheckpointException(String message, Throwable cause) {
    super(message, cause);
  }
}
