package io.fullrank.checker.check;

/** Nothing can be found out about a snapshot; the message says why, in one sentence. */
public final class NotCheckableException extends Exception {

  private static final long serialVersionUID = 1L;

  public NotCheckableException(String reason) {
    super(reason);
  }

  public NotCheckableException(String reason, Throwable cause) {
    super(reason, cause);
  }
}
