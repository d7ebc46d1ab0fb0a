package io.fullrank.certificate.backend.openblas;

import static org.bytedeco.openblas.global.openblas.blas_get_num_threads;
import static org.bytedeco.openblas.global.openblas.blas_set_num_threads;

import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntSupplier;
import java.util.function.Supplier;

/**
 * The one owner of the number of threads that BLAS uses in this process. OpenBLAS has a single pool
 * of threads for the process, which ND4J uses too; nothing else sets its size, except ND4J once
 * when it starts.
 *
 * <p>There are two kinds of work. <i>Exclusive</i> work calls BLAS on several threads, one piece of
 * work at a time, since concurrent calls only compete for the pool. <i>Single-threaded</i> work,
 * such as a training run, calls BLAS from threads of its own and may last long; while there is any,
 * BLAS has one thread, for exclusive work too.
 */
public final class BlasThreads {

  private static final BlasThreads OF_PROCESS = new BlasThreads();

  /** Is held while the number of threads is changed, and during exclusive work. */
  private final ReentrantLock lock = new ReentrantLock();

  /** The number of pieces of single-threaded work that have begun and not ended. */
  private int singleThreaded;

  /** The number of threads before the first of them. */
  private int before;

  private BlasThreads() {}

  /** Returns the owner of this process's threads. */
  public static BlasThreads ofProcess() {
    return OF_PROCESS;
  }

  /**
   * Does single-threaded work, and gives BLAS the number of threads back that it had. Several
   * threads may be in such work at the same time, and it may be nested.
   */
  public <T> T onOneThread(Supplier<T> work) {
    enter();
    try {
      return work.get();
    } finally {
      leave();
    }
  }

  private void enter() {
    lock.lock();
    try {
      if (singleThreaded == 0) {
        before = blas_get_num_threads();
        use(1);
      }
      singleThreaded++;
    } finally {
      lock.unlock();
    }
  }

  private void leave() {
    lock.lock();
    try {
      singleThreaded--;
      if (singleThreaded == 0) {
        use(before);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Does exclusive work, when no other is being done. */
  void exclusively(int threads, Runnable work) {
    lock.lock();
    try {
      use(singleThreaded > 0 ? 1 : threads);
      work.run();
    } finally {
      lock.unlock();
    }
  }

  /** Does a part of exclusive work on one thread; to be called from such work only. */
  int partOnOneThread(IntSupplier work) {
    int threads = blas_get_num_threads();
    use(1);
    try {
      return work.getAsInt();
    } finally {
      use(threads);
    }
  }

  private static void use(int threads) {
    if (blas_get_num_threads() != threads) {
      blas_set_num_threads(threads);
    }
  }
}
