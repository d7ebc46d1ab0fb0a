package io.fullrank.certificate.matrix;

import io.fullrank.certificate.result.InsufficientMemoryException;
import java.util.Locale;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;

/**
 * A block of native memory, zero at first, for bytes or for f32 numbers; freed by {@link #close()}
 * and by nothing else, as {@link NativeDoubles} are.
 */
public final class NativeBytes implements AutoCloseable {

  private static final double GIBIBYTE = 1L << 30;

  private final Pointer memory;
  private boolean closed;

  private NativeBytes(Pointer memory) {
    this.memory = memory;
  }

  /**
   * Allocates zeros.
   *
   * @param bytes the number of bytes
   * @param purpose names them in errors
   * @throws InsufficientMemoryException if they do not fit
   */
  public static NativeBytes allocate(long bytes, String purpose) {
    requireMemoryFor(bytes, purpose);
    Pointer memory = Pointer.calloc(Math.max(bytes, 1), 1);
    if (memory == null || memory.isNull()) {
      throw new InsufficientMemoryException(
          String.format(
              Locale.ROOT,
              "%s needs %.1f GiB; not enough of this machine's %.1f GiB is free",
              purpose,
              bytes / GIBIBYTE,
              PhysicalMemory.bytes() / GIBIBYTE));
    }
    return new NativeBytes(memory);
  }

  /**
   * Checks that the machine has enough memory for a computation, before the computation starts.
   *
   * @param bytes the number of bytes that are needed at the same time, including those that are
   *     allocated already
   * @param purpose the computation, for the message
   * @throws InsufficientMemoryException if the machine has less memory than that
   */
  public static void requireMemoryFor(double bytes, String purpose) {
    if (!fit(bytes)) {
      throw new InsufficientMemoryException(
          String.format(
              Locale.ROOT,
              "%s needs %.1f GiB in all; this machine has %.1f GiB",
              purpose,
              bytes / GIBIBYTE,
              PhysicalMemory.bytes() / GIBIBYTE));
    }
  }

  /** Returns the bytes of memory that the machine has for this process, in all. */
  public static long ofMachine() {
    return PhysicalMemory.bytes();
  }

  /** Returns whether the machine has that many bytes of memory. */
  public static boolean fit(double bytes) {
    return bytes <= PhysicalMemory.bytes();
  }

  /** Returns the bytes from an index on; valid until this is closed. */
  public BytePointer bytes(long index) {
    checkOpen();
    return new BytePointer(memory).getPointer(index);
  }

  /** Returns the f32 numbers from an index on; valid until this is closed. */
  public FloatPointer floats(long index) {
    checkOpen();
    return new FloatPointer(memory).getPointer(index);
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the memory has been freed");
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      Pointer.free(memory);
    }
  }
}
