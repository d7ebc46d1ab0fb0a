package io.fullrank.messaging;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * For a loop that reads from Kafka: a broker that refuses a user answers at once and will do so
 * again, so that the loop has to pause, and there is one line for as long as the reason is the
 * same. Not for several threads.
 */
public final class Refusals {

  private static final Logger LOG = LoggerFactory.getLogger(Refusals.class);
  private static final Duration PAUSE = Duration.ofSeconds(5);
  private static final Duration STEP = Duration.ofMillis(100);

  private String last;

  /** Returns whether a failure means that the broker refuses the user. */
  public static boolean isRefusal(KafkaException failure) {
    return failure instanceof AuthenticationException || failure instanceof AuthorizationException;
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

  /**
   * Tells of a refusal, unless that has just been told, and pauses.
   *
   * @param what cannot be done, in words
   * @param stopped whether there is nothing to wait for any more
   */
  public void pause(String what, KafkaException refusal, BooleanSupplier stopped) {
    String reason = reason(refusal);
    if (!reason.equals(last)) {
      LOG.error("{}: the broker refuses it, trying again: {}", what, reason);
      last = reason;
    }
    long end = System.nanoTime() + PAUSE.toNanos();
    while (!stopped.getAsBoolean() && System.nanoTime() < end) {
      LockSupport.parkNanos(STEP.toNanos());
    }
  }
}
