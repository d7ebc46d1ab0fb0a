package io.fullrank.certificate.examination;

import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** The time that the stages of a computation take, one after the other. */
public final class Stopwatch {

  private final long start = System.nanoTime();
  private final Map<String, Duration> stages = new LinkedHashMap<>();
  private long last = start;

  /** Ends a stage: adds to its time what has passed since the stage before it ended. */
  public void stage(String name) {
    long now = System.nanoTime();
    stages.merge(name, Duration.ofNanos(now - last), Duration::plus);
    last = now;
  }

  /** Returns the stages so far, in the order in which they first ended. */
  public Map<String, Duration> stages() {
    return Collections.unmodifiableMap(new LinkedHashMap<>(stages));
  }

  /** Returns the time since this stopwatch was made. */
  public Duration elapsed() {
    return Duration.ofNanos(System.nanoTime() - start);
  }
}
