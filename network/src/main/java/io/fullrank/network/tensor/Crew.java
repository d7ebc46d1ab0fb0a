package io.fullrank.network.tensor;

import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Threads that help with tasks of some ten to some hundred microseconds, of which a training step
 * has hundreds. To wake a thread takes as long (measured: 45 µs per task with Java's common pool),
 * so a helper looks out for the next task for a while before it sleeps.
 *
 * <p>The thread that has a task works on it too, and waits only for parts that a helper has begun:
 * without a free processor for the helpers it is as fast as alone. While one task is under way
 * others, such as a task within that task, are done by their callers alone.
 */
final class Crew {

  /** How long a helper looks out: longer than the pauses between the tasks of a training step. */
  private static final long LOOK_OUT_NANOS = 200_000;

  /**
   * After this time, a thread that waits for a helper yields the processor, which that helper may
   * need.
   */
  private static final long PATIENCE_NANOS = 20_000;

  private final AtomicBoolean busy = new AtomicBoolean();
  private final List<Helper> helpers;
  private volatile Task current;

  /**
   * Starts the helpers; as daemons, which end with the process.
   *
   * @param helpers how many
   */
  Crew(int helpers) {
    this.helpers = IntStream.range(0, helpers).mapToObj(Helper::new).toList();
    this.helpers.forEach(helper -> helper.thread.start());
  }

  /**
   * Does all parts of a task.
   *
   * @param parts how many
   * @param work does the part of a number from 0 on; any thread may be asked to, in any order
   */
  void forEach(int parts, IntConsumer work) {
    if (parts == 1 || helpers.isEmpty() || !busy.compareAndSet(false, true)) {
      for (int part = 0; part < parts; part++) {
        work.accept(part);
      }
      return;
    }
    try {
      Task task = new Task(parts, work);
      current = task;
      helpers.forEach(Helper::wake);
      task.work();
      task.await();
    } finally {
      current = null;
      busy.set(false);
    }
  }

  private static final class Task {
    private final int parts;
    private final IntConsumer work;
    private final AtomicInteger begun = new AtomicInteger();
    private final AtomicInteger done = new AtomicInteger();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();

    Task(int parts, IntConsumer work) {
      this.parts = parts;
      this.work = work;
    }

    boolean isOpen() {
      return begun.get() < parts;
    }

    /** Does parts for as long as there are any. */
    void work() {
      for (int part = begun.getAndIncrement(); part < parts; part = begun.getAndIncrement()) {
        try {
          work.accept(part);
        } catch (RuntimeException | Error failed) {
          failure.compareAndSet(null, failed);
        } finally {
          done.incrementAndGet();
        }
      }
    }

    /** Waits for the parts that others have begun. */
    void await() {
      long start = System.nanoTime();
      while (done.get() < parts) {
        if (System.nanoTime() - start < PATIENCE_NANOS) {
          Thread.onSpinWait();
        } else {
          Thread.yield();
        }
      }
      Throwable failed = failure.get();
      if (failed instanceof Error error) {
        throw error;
      }
      if (failed instanceof RuntimeException exception) {
        throw exception;
      }
    }
  }

  private final class Helper {
    private final Thread thread;
    private volatile boolean asleep;

    Helper(int number) {
      thread = new Thread(this::help, "crew-" + number);
      thread.setDaemon(true);
    }

    void wake() {
      if (asleep) {
        LockSupport.unpark(thread);
      }
    }

    private void help() {
      long idleSince = System.nanoTime();
      while (true) {
        if (workIfThereIsAny()) {
          idleSince = System.nanoTime();
        } else if (System.nanoTime() - idleSince < LOOK_OUT_NANOS) {
          Thread.onSpinWait();
        } else {
          sleep();
          idleSince = System.nanoTime();
        }
      }
    }

    private boolean workIfThereIsAny() {
      Task task = current;
      if (task == null || !task.isOpen()) {
        return false;
      }
      task.work();
      return true;
    }

    // A thread that sets a task looks for sleepers afterwards, so none is overlooked.
    private void sleep() {
      asleep = true;
      if (current == null) {
        LockSupport.park(this);
      }
      asleep = false;
    }
  }
}
