package io.fullrank.metrics.prometheus;

import java.util.concurrent.CompletableFuture;

/**
 * Whether the state has caught up with what was in the topics when the service started. Before,
 * answers would miss runs that exist.
 */
public final class CatchUp {

  private final CompletableFuture<Void> done = new CompletableFuture<>();
  private volatile String waitingFor = "the Kafka broker";

  /** Takes note of what is still to come, in words. */
  public void waitFor(String what) {
    waitingFor = what;
  }

  /** Declares the state complete; it stays so. */
  public void complete() {
    done.complete(null);
  }

  /** Returns whether the state is complete. */
  public boolean isDone() {
    return done.isDone();
  }

  /** Returns what is still to come, in words. */
  public String waitingFor() {
    return done.isDone() ? "nothing" : waitingFor;
  }

  /** Runs an action once the state is complete, at once if it is. */
  public void whenDone(Runnable action) {
    CompletableFuture<Void> unused = done.thenRun(action);
  }
}
