package io.fullrank.certificate.backend.cuda;

import static org.bytedeco.cuda.global.cudart.cudaErrorMemoryAllocation;
import static org.bytedeco.cuda.global.cudart.cudaFree;
import static org.bytedeco.cuda.global.cudart.cudaGetLastError;
import static org.bytedeco.cuda.global.cudart.cudaMalloc;

import io.fullrank.certificate.result.InsufficientMemoryException;
import java.util.Objects;
import org.bytedeco.javacpp.DoublePointer;

/** A block of f64 in the memory of the device, undefined at first, freed by {@link #close()}. */
final class DeviceDoubles implements CudaSession.AutoCloseableMemory {

  private final DoublePointer pointer;
  private final long count;
  private boolean closed;

  private DeviceDoubles(DoublePointer pointer, long count) {
    this.pointer = pointer;
    this.count = count;
  }

  /**
   * Allocates.
   *
   * @param count the number of f64, at least 1
   * @param purpose names them in errors
   * @throws InsufficientMemoryException if there is no block of this size
   */
  static DeviceDoubles allocate(long count, String purpose) {
    DoublePointer pointer = new DoublePointer();
    int error = cudaMalloc(pointer, Math.multiplyExact(count, (long) Double.BYTES));
    if (error == cudaErrorMemoryAllocation) {
      // Clears the error, so that the next call does not report it again.
      cudaGetLastError();
      throw new InsufficientMemoryException(
          purpose + " needs " + DeviceMemory.of(count) + "; " + DeviceMemory.now());
    }
    CudaSession.check(error, "cudaMalloc");
    return new DeviceDoubles(pointer, count);
  }

  /** Returns the number of entries. */
  long count() {
    return count;
  }

  /** Returns the address of an entry, of which {@code length} are to be used. */
  DoublePointer at(long index, long length) {
    if (closed) {
      throw new IllegalStateException("the memory of the device has been freed");
    }
    Objects.checkFromIndexSize(index, length, count);
    return pointer.getPointer(index);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      CudaSession.check(cudaFree(pointer), "cudaFree");
    }
  }
}
