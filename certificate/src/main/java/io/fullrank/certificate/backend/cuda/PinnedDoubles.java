package io.fullrank.certificate.backend.cuda;

import static org.bytedeco.cuda.global.cudart.cudaErrorMemoryAllocation;
import static org.bytedeco.cuda.global.cudart.cudaFreeHost;
import static org.bytedeco.cuda.global.cudart.cudaGetLastError;
import static org.bytedeco.cuda.global.cudart.cudaMallocHost;

import io.fullrank.certificate.result.InsufficientMemoryException;
import org.bytedeco.javacpp.DoublePointer;

/** f64 in memory of the host that the device reads and writes by itself, at full speed. */
final class PinnedDoubles implements CudaSession.AutoCloseableMemory {

  private final DoublePointer pointer;
  private boolean closed;

  private PinnedDoubles(DoublePointer pointer) {
    this.pointer = pointer;
  }

  /** Allocates at least one entry. */
  static PinnedDoubles allocate(long count) {
    DoublePointer pointer = new DoublePointer();
    int error = cudaMallocHost(pointer, Math.multiplyExact(count, (long) Double.BYTES));
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      throw new InsufficientMemoryException(
          "a buffer for copies to the device needs "
              + DeviceMemory.of(count)
              + " of page-locked memory of the host, which it does not give");
    }
    CudaSession.check(error, "cudaMallocHost");
    return new PinnedDoubles(pointer);
  }

  /** Returns the address of an entry; valid until this is closed. */
  DoublePointer at(long index) {
    if (closed) {
      throw new IllegalStateException("the page-locked memory has been freed");
    }
    return pointer.getPointer(index);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      CudaSession.check(cudaFreeHost(pointer), "cudaFreeHost");
    }
  }
}
