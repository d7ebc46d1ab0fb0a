package io.fullrank.trainer.ingest;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * The memory that the snapshots of all streams share, each from its announcement until the broker's
 * producer has all of it. Snapshots for which there is no room wait, in their order. Only the
 * worker's thread uses it.
 */
final class SnapshotMemory {

  private record Waiting(long bytes, Runnable granted) {}

  private final long capacity;
  private final Deque<Waiting> waiting = new ArrayDeque<>();
  // Read by Prometheus, too.
  private volatile long reserved;

  SnapshotMemory(long capacity) {
    this.capacity = capacity;
  }

  /**
   * Reserves bytes.
   *
   * @param bytes at most the capacity
   * @param granted called once they are reserved, at once if there is room
   */
  Reservation reserve(long bytes, Runnable granted) {
    Waiting wish = new Waiting(bytes, granted);
    waiting.add(wish);
    serve();
    return () -> {
      if (!waiting.remove(wish)) {
        reserved = reserved - bytes;
      }
      serve();
    };
  }

  long reserved() {
    return reserved;
  }

  private void serve() {
    while (!waiting.isEmpty() && waiting.peek().bytes() <= capacity - reserved) {
      Waiting next = waiting.remove();
      reserved = reserved + next.bytes();
      next.granted().run();
    }
  }

  /** A wish for memory, granted or not. */
  interface Reservation {
    /** Gives the memory back, or wishes for it no longer. To be called once. */
    void release();
  }
}
