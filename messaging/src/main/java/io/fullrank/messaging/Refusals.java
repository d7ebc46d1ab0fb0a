package io.fullrank.messaging;

import java.util.List;
import org.apache.kafka.common.errors.ApplicationRecoverableException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InvalidTxnStateException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TransactionAbortableException;
import org.apache.kafka.common.errors.TransactionAbortedException;

/** What failures of Kafka's clients say. */
public final class Refusals {

  private static final int DEEPEST = 20;

  /**
   * How failures of a producer end that have no type of their own: records were given up, or a
   * transaction could not be aborted in time.
   */
  private static final List<String> ABORTABLE =
      List.of("It is safe to abort the transaction and continue.", "timed out and must be retried");

  /** How Java and RocksDB pass on what the system says. */
  private static final String DISK_FULL = "No space left on device";

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

  /**
   * Returns whether a failure passes by itself, if the same is done again: the broker was away, or
   * another producer has taken this one's place, or a transaction has to be aborted since records
   * of it were not acknowledged in time, or there was no room on the disk of stores.
   */
  public static boolean isPassing(Throwable failure) {
    Throwable each = failure;
    // A chain of causes may be a circle.
    for (int depth = 0; each != null && depth < DEEPEST; depth++) {
      if (each instanceof RetriableException
          || each instanceof ApplicationRecoverableException
          // The broker has aborted the transaction, which took too long.
          || each instanceof InvalidTxnStateException
          || each instanceof TransactionAbortableException
          || each instanceof TransactionAbortedException
          || String.valueOf(each.getMessage()).contains(DISK_FULL)
          || ABORTABLE.stream().anyMatch(String.valueOf(each.getMessage())::endsWith)) {
        return true;
      }
      each = each.getCause();
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
