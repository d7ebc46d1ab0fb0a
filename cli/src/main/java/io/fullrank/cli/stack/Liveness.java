package io.fullrank.cli.stack;

import io.fullrank.cli.failure.ExecutionFailedException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Whether the processes that do the work are still alive. */
public interface Liveness {

  /**
   * Waits for the given time, or until one of the processes has ended.
   *
   * @throws ExecutionFailedException as soon as one of them has ended
   * @throws InterruptedException as soon as they are being stopped
   */
  void await(Duration limit) throws InterruptedException;

  /**
   * For a stack that another command has started, of which only its answers tell whether it lives.
   */
  static Liveness unknown() {
    CountDownLatch never = new CountDownLatch(1);
    return limit -> {
      boolean ended = never.await(limit.toNanos(), TimeUnit.NANOSECONDS);
      assert !ended;
    };
  }
}
