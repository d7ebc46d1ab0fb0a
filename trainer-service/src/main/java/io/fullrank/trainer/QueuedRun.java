package io.fullrank.trainer;

import io.fullrank.proto.v1.RunRequest;
import org.apache.kafka.common.TopicPartition;

/** A run that this trainer owns, and whether it still does. */
final class QueuedRun {

  /** Whether a run goes on. */
  enum Stop {
    /** It does. */
    NONE,
    /** A client cancelled it: it ends as CANCELLED. */
    CANCELLED,
    /** Another trainer takes it over, or this one shuts down: nothing more is published. */
    GIVEN_UP
  }

  private final TopicPartition partition;
  private final long offset;
  private final RunRequest request;
  private volatile Stop stop = Stop.NONE;

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

  RunRequest request() {
    return request;
  }

  Stop stop() {
    return stop;
  }

  /** Tells the run to stop at its next step. */
  void stop(Stop how) {
    stop = how;
  }
}
