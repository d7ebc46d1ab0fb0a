package io.fullrank.messaging;

import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;

/** What failures of Kafka's clients say. */
public final class Refusals {

  private Refusals() {}

  /** Returns whether a failure means that the broker refuses the user. */
  public static boolean isRefusal(Throwable failure) {
    for (Throwable each = failure; each != null; each = each.getCause()) {
      if (each instanceof AuthenticationException || each instanceof AuthorizationException) {
        return true;
      }
    }
    return false;
  }

  /** Returns what a failure and its causes say: some say what failed, and only their causes why. */
  public static String reason(Throwable failure) {
    String reason = String.valueOf(failure.getMessage());
    for (Throwable cause = failure.getCause(); cause != null; cause = cause.getCause()) {
      if (cause.getMessage() != null && !reason.contains(cause.getMessage())) {
        reason += ": " + cause.getMessage();
      }
    }
    return reason;
  }
}
