package io.fullrank.service.runtime;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tasks that a part of a service cannot do without: what threads of its own do for as long as it
 * lives, or executors again and again. An executor replaces a thread that a failure has ended, or
 * keeps the failure to itself and does not repeat the task, and nobody hears of it; so each task is
 * guarded, and one failure is for good: the part says that it does not live any more, and the
 * service's liveness with it. Failures that one caller or one message causes are caught inside of
 * tasks, where they end no more than a call.
 */
public final class VitalTasks {

  private static final Logger LOG = LoggerFactory.getLogger(VitalTasks.class);

  private final String part;
  private volatile boolean failed;

  /**
   * Creates tasks of which none has failed.
   *
   * @param part whose tasks they are, for the log
   */
  public VitalTasks(String part) {
    this.part = part;
  }

  /** Returns a task that does the same, and whose failure is noticed. */
  public Runnable guard(Runnable task) {
    return () -> {
      try {
        task.run();
      } catch (Throwable failure) {
        failed = true;
        LOG.error("{} has failed for good, the service has to be started again", part, failure);
        throw failure;
      }
    };
  }

  /** Returns whether no task has failed. */
  public boolean isAlive() {
    return !failed;
  }
}
