package io.fullrank.trainer.queue;

import io.fullrank.proto.v1.RunRequest;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A run that this trainer owns, and whether it still does. */
public final class QueuedRun {

  private static final Logger LOG = LoggerFactory.getLogger(QueuedRun.class);

  /** Whether a run goes on. */
  public enum Stop {
    /** It goes on. */
    NONE,
    /** A client cancelled it: it ends as CANCELLED. */
    CANCELLED,
    /** Another trainer takes it over, or this one shuts down: nothing more is published. */
    GIVEN_UP
  }

  private final TopicPartition partition;
  private final long offset;
  private final RunRequest request;
  private final CompletableFuture<Void> stopped = new CompletableFuture<>();
  private final CompletableFuture<Void> ended = new CompletableFuture<>();
  private volatile Stop stop = Stop.NONE;
  private volatile boolean begun;

  QueuedRun(TopicPartition partition, long offset, RunRequest request) {
    this.partition = partition;
    this.offset = offset;
    this.request = request;
  }

  TopicPartition partition() {
    return partition;
  }

  long offset() {
    return offset;
  }

  public RunRequest request() {
    return request;
  }

  public Stop stop() {
    return stop;
  }

  /** Tells the run to stop at its next step. */
  public void stop(Stop how) {
    stop = how;
    stopped.complete(null);
  }

  /** Calls back when the run is told to stop, at once if that has happened. */
  public void onStop(Runnable action) {
    stopped.thenRun(action);
  }

  /**
   * Says that the run is in training from now on.
   *
   * @return false if it must not be, because it has been given up
   */
  public boolean begin() {
    begun = true;
    if (stop == Stop.GIVEN_UP) {
      end();
    }
    return stop != Stop.GIVEN_UP;
  }

  /** Says that the run is no longer in training. */
  public void end() {
    ended.complete(null);
  }

  /** Waits, up to a limit, until the run is not in training. */
  void awaitEnd(Duration limit) throws InterruptedException {
    try {
      if (begun) {
        ended.get(limit.toMillis(), TimeUnit.MILLISECONDS);
      }
    } catch (TimeoutException late) {
      LOG.warn(
          "run {}: given back before it had stopped, after {} s",
          request.getRun(),
          limit.toSeconds());
    } catch (ExecutionException impossible) {
      throw new IllegalStateException(impossible);
    }
  }
}
