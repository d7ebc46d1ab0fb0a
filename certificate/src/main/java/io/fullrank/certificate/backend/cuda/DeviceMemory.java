package io.fullrank.certificate.backend.cuda;

import static org.bytedeco.cuda.global.cudart.cudaMemGetInfo;

import io.fullrank.certificate.result.InsufficientMemoryException;
import java.util.Locale;
import org.bytedeco.javacpp.SizeTPointer;

/**
 * The size of the memory of the device.
 *
 * @param free bytes that are not in use
 * @param total bytes in all
 */
record DeviceMemory(long free, long total) {

  /** More than cuBLAS and cuSOLVER allocate for themselves. */
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
   * Checks that an allocation fits, before it is made.
   *
   * @param count the number of f64
   * @param purpose the computation that needs them, for the message
   * @throws InsufficientMemoryException if less than that is free
   */
  static void require(double count, String purpose) {
    DeviceMemory memory = now();
    double bytes = count * Double.BYTES + LIBRARIES;
    if (bytes > memory.free) {
      throw new InsufficientMemoryException(
          purpose + " needs " + gibibytes(bytes) + " on the device; " + memory);
    }
  }

  /** Returns the size of {@code count} f64 as text. */
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
