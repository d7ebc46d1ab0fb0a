package io.fullrank.client;

import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.SnapshotCounts;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;

/**
 * What waits to be sent, in order, and what was sent but not yet accepted. It is bounded: of
 * progress the oldest is dropped, of features one matrix waits, the newest, but never in place of a
 * witness. What is put in never waits for anything.
 */
final class Outbox {

  /** Reports that may be sent before one of them is accepted. */
  private static final int WINDOW = 1000;

  private final int capacity;
  private final Deque<Entry> waiting = new ArrayDeque<>();
  private final Deque<Entry> unanswered = new ArrayDeque<>();
  private int waitingProgress;
  private long publishedSnapshots;
  private long droppedSnapshots;
  private long droppedProgress;
  private boolean closed;

  /** Whether something was lost because the queue is closed. */
  private boolean incomplete;

  private boolean woken;

  /** The stream in which reports are sent, counted from 1, and what it has accepted. */
  private int stream;

  private long accepted;

  /** What a report is to the queue. */
  enum Kind {
    PROGRESS,
    SNAPSHOT,
    WITNESS,
    GUARANTEE,
    RESULT;

    boolean hasFeatures() {
      return this == SNAPSHOT || this == WITNESS;
    }
  }

  /** A report, with the features that follow it. */
  static final class Entry {

    private final Kind kind;
    private final ReportRequest report;
    private final Optional<Features> features;
    private long lastSequence = Long.MAX_VALUE;

    Entry(Kind kind, ReportRequest report, Optional<Features> features) {
      this.kind = kind;
      this.report = report;
      this.features = features;
    }

    Kind kind() {
      return kind;
    }

    ReportRequest report() {
      return report;
    }

    Optional<Features> features() {
      return features;
    }
  }

  /**
   * Creates an empty queue.
   *
   * @param capacity most progress that waits
   */
  Outbox(int capacity) {
    this.capacity = capacity;
  }

  /**
   * Puts a report in; what it displaces, itself perhaps, is counted as dropped.
   *
   * @return whether it is in
   */
  synchronized boolean offer(Entry entry) {
    if (entry.kind().hasFeatures()) {
      publishedSnapshots++;
    }
    incomplete |= closed;
    if (closed || !makeRoomFor(entry.kind())) {
      countDropped(entry);
      return false;
    }
    waiting.add(entry);
    if (entry.kind() == Kind.PROGRESS) {
      waitingProgress++;
    }
    notifyAll();
    return true;
  }

  /**
   * Counts a snapshot as dropped that cannot be sent.
   *
   * @return false, as it is not in
   */
  synchronized boolean refuse(Entry snapshot) {
    publishedSnapshots++;
    countDropped(snapshot);
    return false;
  }

  /**
   * Returns the next report to be sent, once there is one and the server is not too far behind.
   *
   * @return empty if there is none within the limit, or {@link #wake} was called
   */
  synchronized Optional<Entry> take(Duration limit) throws InterruptedException {
    long deadline = System.nanoTime() + limit.toNanos();
    while (!woken && !mayTake()) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        return Optional.empty();
      }
      wait(left / 1_000_000 + 1);
    }
    if (woken) {
      woken = false;
      return Optional.empty();
    }
    Entry next = waiting.remove();
    if (next.kind() == Kind.PROGRESS) {
      waitingProgress--;
    }
    unanswered.add(next);
    return Optional.of(next);
  }

  /** Makes {@link #take} return at once, now or the next time. */
  synchronized void wake() {
    woken = true;
    notifyAll();
  }

  /**
   * Notes that a report that was taken is sent.
   *
   * @param lastSequence of the report, or of its last piece
   */
  synchronized void sent(Entry entry, long lastSequence) {
    entry.lastSequence = lastSequence;
    forgetAccepted();
  }

  /** Gives up a report that was taken and cannot be sent. */
  synchronized void discard(Entry entry) {
    unanswered.remove(entry);
    countDropped(entry);
    notifyAll();
  }

  /**
   * Forgets what is accepted.
   *
   * @param of the stream that accepts it; nothing happens if it is not the last one
   */
  synchronized void accepted(int of, long sequence) {
    if (of == stream) {
      accepted = sequence;
      forgetAccepted();
    }
  }

  /**
   * Puts what was not accepted before all that waits, to be sent in a new stream.
   *
   * @return the stream's number
   */
  synchronized int startAgain() {
    woken = false;
    accepted = 0;
    while (!unanswered.isEmpty()) {
      Entry last = unanswered.removeLast();
      last.lastSequence = Long.MAX_VALUE;
      waiting.addFirst(last);
      if (last.kind() == Kind.PROGRESS) {
        waitingProgress++;
      }
    }
    return ++stream;
  }

  /** Returns whether something was sent that is not accepted. */
  synchronized boolean hasUnanswered() {
    return !unanswered.isEmpty();
  }

  /**
   * Waits until everything is accepted, or nothing will be any more.
   *
   * @return whether everything is accepted
   */
  synchronized boolean awaitAccepted(Duration limit) throws InterruptedException {
    long deadline = System.nanoTime() + limit.toNanos();
    while (!closed && !(waiting.isEmpty() && unanswered.isEmpty())) {
      long left = deadline - System.nanoTime();
      if (left <= 0) {
        return false;
      }
      wait(left / 1_000_000 + 1);
    }
    return !incomplete;
  }

  /** Drops everything, now and from now on. */
  synchronized void close() {
    closed = true;
    List<Entry> lost = new ArrayList<>(unanswered);
    lost.addAll(waiting);
    incomplete |= !lost.isEmpty();
    lost.forEach(this::countDropped);
    unanswered.clear();
    waiting.clear();
    waitingProgress = 0;
    notifyAll();
  }

  /** Returns how many snapshots were put in, and how many of them were dropped. */
  synchronized SnapshotCounts snapshots() {
    return SnapshotCounts.newBuilder()
        .setPublished(publishedSnapshots)
        .setDropped(droppedSnapshots)
        .build();
  }

  /** Returns how many reports of progress were dropped. */
  synchronized long droppedProgress() {
    return droppedProgress;
  }

  private void forgetAccepted() {
    while (!unanswered.isEmpty() && unanswered.element().lastSequence <= accepted) {
      unanswered.remove();
    }
    notifyAll();
  }

  // One matrix travels at a time.
  private boolean mayTake() {
    return !waiting.isEmpty()
        && unanswered.size() < WINDOW
        && !(waiting.element().kind().hasFeatures()
            && unanswered.stream().anyMatch(entry -> entry.kind().hasFeatures()));
  }

  private boolean makeRoomFor(Kind kind) {
    if (kind == Kind.PROGRESS && waitingProgress >= capacity) {
      drop(Kind.PROGRESS);
      waitingProgress--;
    }
    if (kind.hasFeatures()) {
      drop(Kind.SNAPSHOT);
      return waiting.stream().noneMatch(entry -> entry.kind() == Kind.WITNESS);
    }
    return true;
  }

  private void drop(Kind kind) {
    for (Iterator<Entry> each = waiting.iterator(); each.hasNext(); ) {
      Entry oldest = each.next();
      if (oldest.kind() == kind) {
        each.remove();
        countDropped(oldest);
        return;
      }
    }
  }

  private void countDropped(Entry entry) {
    if (entry.kind().hasFeatures()) {
      droppedSnapshots++;
    } else if (entry.kind() == Kind.PROGRESS) {
      droppedProgress++;
    }
  }
}
