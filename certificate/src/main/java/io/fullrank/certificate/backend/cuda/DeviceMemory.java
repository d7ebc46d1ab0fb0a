package io.fullrank.certificate.backend.cuda;

import static org.bytedeco.cuda.global.cudart.cudaMemGetInfo;

import io.fullrank.certificate.result.InsufficientMemoryException;
import java.util.Locale;
import org.bytedeco.javacpp.SizeTPointer;

/**
 * How much memory the device has.
 *
 * @param free bytes that nobody uses
 * @param total bytes in all
 */
record DeviceMemory(long free, long total) {

  /** What cuBLAS and cuSOLVER allocate for themselves, and to spare. */
  private static final long LIBRARIES = 256L << 20;

  /** Asks the device. */
  static DeviceMemory now() {
    try (SizeTPointer free = new SizeTPointer(1);
        SizeTPointer total = new SizeTPointer(1)) {
      CudaSession.check(cudaMemGetInfo(free, total), "cudaMemGetInfo");
      return new DeviceMemory(free.get(), total.get());
    }
  }

  /**
   * Makes sure that something fits, before anything of it is allocated.
   *
   * @param count how many f64
   * @param purpose what needs them
   * @throws InsufficientMemoryException if so much is not free
   */
  static void require(double count, String purpose) {
    DeviceMemory memory = now();
    double bytes = count * Double.BYTES + LIBRARIES;
    if (bytes > memory.free) {
      throw new InsufficientMemoryException(
          purpose + " needs " + gibibytes(bytes) + " on the device; " + memory);
    }
  }

  /** Returns the size of some f64, to be shown. */
  static String of(double count) {
    return gibibytes(count * Double.BYTES);
  }

  private static String gibibytes(double bytes) {
    return String.format(Locale.ROOT, "%.1f GiB", bytes / (1L << 30));
  }

  @Override
  public String toString() {
    return "it has " + gibibytes(total) + ", of which " + gibibytes(free) + " are free";
  }
}
