package io.fullrank.checker.judgement;

import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * Lets one computation at a time use the native threads of the process, in the order of asking.
 * Concurrent decompositions are far slower than one after the other, need more memory, and the
 * features must be computed with a number of threads that no other computation changes meanwhile.
 */
public final class OneAtATime {

  private final ReentrantLock turn = new ReentrantLock(true);

  public <T> T compute(Supplier<T> computation) {
    turn.lock();
    try {
      return computation.get();
    } finally {
      turn.unlock();
    }
  }
}
