package io.fullrank.checker.check;

/** There is no matrix to judge; the message is the verdict's reason, one sentence. */
final class NotCheckableException extends Exception {

  private static final long serialVersionUID = 1L;

  NotCheckableException(String reason) {
    super(reason);
  }

  NotCheckableException(String reason, Throwable cause) {
    super(reason, cause);
  }
}
