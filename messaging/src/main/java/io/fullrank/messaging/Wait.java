package io.fullrank.messaging;

import java.time.Duration;
import java.util.Optional;

/**
 * What a service waits for before it can serve: a call of a Kafka client that blocks, for example.
 * For any threads.
 */
public final class Wait {

  private record Step(String what, long since) {}

  private volatile Optional<Step> step;

  /** Begins to wait. */
  public Wait(String what) {
    step = Optional.of(new Step(what, System.nanoTime()));
  }

  /** Waits for this from now on. */
  public void on(String what) {
    step = Optional.of(new Step(what, System.nanoTime()));
  }

  /** Waits no longer. */
  public void over() {
    step = Optional.empty();
  }

  /** Returns what is waited for and for how long, in words; empty if nothing is. */
  public Optional<String> words() {
    return step.map(
        now ->
            "%s, for %d s"
                .formatted(
                    now.what(), Duration.ofNanos(System.nanoTime() - now.since()).toSeconds()));
  }
}
