package io.fullrank.messaging;

import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.WakeupException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The life of a thread that works with Kafka, in which the broker may be absent, go and come back:
 *
 * <pre>
 *   CONNECTING → JOINED, WAITING
 *   JOINED     → WAITING, CONNECTING
 *   WAITING    → CONNECTING
 *   each of these three → STOPPING → ENDED
 * </pre>
 *
 * <p>The work is done in attempts. One that fails because of Kafka is followed by a pause and
 * another attempt. Pauses double up to a limit, until an attempt has stayed joined for longer than
 * that limit; a client that is fenced by another one pauses for the whole limit. A reason is logged
 * once for as long as it stays the same, apart from numbers. Every other failure ends the life, so
 * that the service's liveness can say so.
 *
 * <p>At any time the life can say what it waits for; readiness and the log need to know.
 */
public final class KafkaLife {

  /** What the thread does at present. */
  public enum State {
    /** It connects, or waits to become a member of its group. */
    CONNECTING,
    /** It has all that it needs, and works. */
    JOINED,
    /** It pauses after a failure, before it connects again. */
    WAITING,
    /** It has been told to stop, and finishes its work. */
    STOPPING,
    /** It has ended for good. */
    ENDED;

    /** Returns whether this state may be followed by another. */
    public boolean mayBecome(State next) {
      return switch (this) {
        case CONNECTING -> Set.of(JOINED, WAITING, STOPPING).contains(next);
        case JOINED -> Set.of(CONNECTING, WAITING, STOPPING).contains(next);
        case WAITING -> Set.of(CONNECTING, STOPPING).contains(next);
        case STOPPING -> next == ENDED;
        case ENDED -> false;
      };
    }
  }

  /** The work of a life. */
  @FunctionalInterface
  public interface Work {

    /**
     * Connects as far as it is not connected, says {@link KafkaLife#joined} when it is, and works
     * until the life stops or the work is done: when this returns, the life ends.
     *
     * @throws KafkaException if another attempt is to follow; {@link KafkaUnavailableException} and
     *     {@link FailedAttemptException} mean the same
     */
    void attempt(KafkaLife life) throws InterruptedException;

    /**
     * Lets an attempt that has joined notice that the life stops. Called by the thread that stops
     * it.
     */
    default void wakeUp() {}

    /** Closes what outlives an attempt. Called once, last, by the life's thread. */
    default void end() {}
  }

  /**
   * How long to pause after failures.
   *
   * @param shortest the pause after the first failure
   * @param longest the pause after many failures
   */
  public record Pauses(Duration shortest, Duration longest) {}

  private record Wait(String what, long since) {}

  private static final Logger LOG = LoggerFactory.getLogger(KafkaLife.class);

  /** How long a thread that has been interrupted may take to close its clients. */
  private static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);

  private final String failure;
  private final Pauses pauses;
  private final Work work;
  private final Thread thread;
  private final CountDownLatch stopping = new CountDownLatch(1);

  private volatile State state = State.CONNECTING;
  private volatile Optional<Wait> wait = Optional.of(new Wait("its start", System.nanoTime()));

  // Only the thread uses these.
  private Duration pause;
  private long joinedAt;
  private String told = "";

  /**
   * Creates a life that has yet to be started.
   *
   * @param name of the thread
   * @param failure what a failure of Kafka means here, in words that the reason follows
   */
  public KafkaLife(String name, String failure, Pauses pauses, Work work) {
    this.failure = failure;
    this.pauses = pauses;
    this.work = work;
    this.pause = pauses.shortest();
    this.thread = new Thread(this::live, name);
  }

  /** Begins the first attempt, unless the life has been stopped. */
  public synchronized void start() {
    if (!isStopping()) {
      thread.start();
    }
  }

  /**
   * Stops. A life that is not joined has no work, and may wait for a broker that is not there, so
   * it is interrupted at once.
   *
   * @param limit how long one that is joined may take to finish before it is interrupted, too
   */
  public void stop(Duration limit) throws InterruptedException {
    State before = beginToStop();
    if (before == State.JOINED) {
      work.wakeUp();
    } else if (before == State.CONNECTING || before == State.WAITING) {
      thread.interrupt();
    }
    // join(0) would wait without a limit.
    thread.join(Math.max(1, limit.toMillis()));
    if (thread.isAlive()) {
      // It waits for a broker that does not answer any more.
      thread.interrupt();
      thread.join(CLOSE_LIMIT.toMillis());
    }
  }

  /** Returns what the thread does at present. */
  public State state() {
    return state;
  }

  /** Returns whether the work goes on, as far as the thread knows. */
  public boolean hasJoined() {
    return state == State.JOINED;
  }

  /** Returns whether the life has not ended. */
  public boolean isAlive() {
    return state != State.ENDED;
  }

  /** Returns whether the life is stopping or has ended. */
  public boolean isStopping() {
    return stopping.getCount() == 0;
  }

  /** Returns what the life waits for and for how long, in words; empty if for nothing. */
  public Optional<String> waitsFor() {
    return wait.map(
        now ->
            "%s, for %d s"
                .formatted(
                    now.what(), Duration.ofNanos(System.nanoTime() - now.since()).toSeconds()));
  }

  /** Says what an attempt is going to wait for, in words; one that has joined waits for nothing. */
  public synchronized void waitFor(String what) {
    if (state != State.JOINED) {
      wait = Optional.of(new Wait(what, System.nanoTime()));
    }
  }

  /**
   * Says that an attempt has all that it needs. An attempt may say so repeatedly.
   *
   * @return false if the life stops, so that there is nothing to begin any more
   */
  public synchronized boolean joined() {
    if (isStopping()) {
      return false;
    }
    if (state != State.JOINED) {
      joinedAt = System.nanoTime();
      told = "";
      wait = Optional.empty();
      become(State.JOINED);
    }
    return true;
  }

  /** Pauses an attempt for a time, or until the life stops. */
  public void pause(Duration limit) throws InterruptedException {
    boolean unused = stopping.await(limit.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** Keeps an attempt joined until the life stops, for work that other threads do. */
  public void awaitStop() throws InterruptedException {
    stopping.await();
  }

  /** Says that an attempt has lost what it needs, and asks for it again by itself. */
  public synchronized void lost(String what) {
    if (state == State.JOINED) {
      wait = Optional.of(new Wait(what, System.nanoTime()));
      become(State.CONNECTING);
    }
  }

  private void live() {
    try {
      while (!isStopping()) {
        try {
          work.attempt(this);
          return;
        } catch (InterruptException stopped) {
          throw stopped;
        } catch (WakeupException woken) {
          LOG.debug("Woken up");
        } catch (KafkaException | KafkaUnavailableException | FailedAttemptException failed) {
          tell(failed);
          pauseAfter(failed);
        }
      }
    } catch (InterruptedException | InterruptException stopped) {
      LOG.info("{} stopped while it waited for Kafka", thread.getName());
    } catch (RuntimeException fault) {
      LOG.error("{} ends", thread.getName(), fault);
    } finally {
      end();
    }
  }

  private void tell(RuntimeException failed) {
    String line =
        failed instanceof FailedAttemptException
            ? failed.getMessage()
            : "%s: %s".formatted(failure, Refusals.reason(failed));
    // Messages hold times and counts, which change with each attempt.
    String withoutNumbers = line.replaceAll("\\d+", "");
    if (!withoutNumbers.equals(told)) {
      if (failed instanceof FailedAttemptException || Refusals.isRefusal(failed)) {
        LOG.error(line);
      } else {
        LOG.warn(line);
      }
    }
    told = withoutNumbers;
  }

  private void pauseAfter(RuntimeException failed) throws InterruptedException {
    if (isFenced(failed)) {
      pause = pauses.longest();
    } else if (state == State.JOINED
        && System.nanoTime() - joinedAt >= pauses.longest().toNanos()) {
      pause = pauses.shortest();
    }
    synchronized (this) {
      if (isStopping()) {
        return;
      }
      wait =
          Optional.of(
              new Wait(
                  "the next attempt, because of: " + Refusals.reason(failed), System.nanoTime()));
      become(State.WAITING);
    }
    boolean stopped = stopping.await(pause.toMillis(), TimeUnit.MILLISECONDS);
    synchronized (this) {
      if (stopped || isStopping()) {
        return;
      }
      become(State.CONNECTING);
    }
    Duration twice = pause.multipliedBy(2);
    pause = twice.compareTo(pauses.longest()) < 0 ? twice : pauses.longest();
  }

  private static boolean isFenced(Throwable failed) {
    for (Throwable each = failed; each != null; each = each.getCause()) {
      if (each instanceof FencedInstanceIdException || each instanceof ProducerFencedException) {
        return true;
      }
    }
    return false;
  }

  /** Goes on to the state STOPPING where that may be, and returns the state before. */
  private synchronized State beginToStop() {
    State before = state;
    if (before.mayBecome(State.STOPPING)) {
      become(State.STOPPING);
      stopping.countDown();
    }
    if (state == State.STOPPING && thread.getState() == Thread.State.NEW) {
      become(State.ENDED);
    }
    return before;
  }

  private void end() {
    beginToStop();
    // If it stayed set, the interruption of stop() would keep clients from closing their
    // connections.
    if (Thread.interrupted()) {
      LOG.debug("{} was interrupted", thread.getName());
    }
    try {
      work.end();
    } catch (KafkaException failed) {
      LOG.warn("{} did not close cleanly: {}", thread.getName(), Refusals.reason(failed));
    } finally {
      become(State.ENDED);
    }
  }

  private synchronized void become(State next) {
    if (!state.mayBecome(next)) {
      throw new IllegalStateException("%s cannot become %s".formatted(state, next));
    }
    state = next;
  }
}
