package io.fullrank.network.tensor;

import io.fullrank.certificate.backend.openblas.BlasThreads;
import java.util.function.Supplier;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Runs work while BLAS has one thread in this process, see {@link BlasThreads}.
 *
 * <p>Features are computed so because their bits must not depend on a thread count. Training runs
 * so because products of one mini-batch are so small that OpenBLAS's threads, which wait for each
 * other actively, gain little on an idle machine and lose tenfold on a busy one (measured: 640
 * steps of 256-64-64-1280-10, two busy cores, 150 s against 13 s); {@link Parts} of the work go to
 * other threads, each of which calls BLAS for itself.
 */
public final class SingleBlasThread {

  private SingleBlasThread() {}

  /**
   * Loads the native libraries, which otherwise happens when they are first used.
   *
   * @throws LinkageError naming the library that cannot be loaded
   */
  public static void loadLibraries() {
    during(() -> null);
  }

  /** Does the work, and gives BLAS the number of threads back that it had. */
  public static <T> T during(Supplier<T> work) {
    // ND4J sets a number of threads of its own when it starts, so it has to start first.
    Nd4j.getNDArrayFactory().blas();
    return BlasThreads.ofProcess().onOneThread(work);
  }
}
