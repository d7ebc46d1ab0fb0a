package io.fullrank.certificate.matrix;

import io.fullrank.certificate.result.InsufficientMemoryException;
import java.util.Locale;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.indexer.DoubleIndexer;

/**
 * A block of f64 in native memory, zero at first, freed by {@link #close()} and by nothing else: if
 * the garbage collector freed unreachable blocks, it could do so during a native call that uses
 * one.
 *
 * <p>It comes from {@code calloc} and not from JavaCPP's own allocator, which caps native memory at
 * the size of the Java heap.
 */
public final class NativeDoubles implements AutoCloseable {

  private final DoublePointer pointer;
  private final DoubleIndexer indexer;
  private boolean closed;

  private NativeDoubles(Pointer memory, long count) {
    this.pointer = new DoublePointer(memory);
    this.pointer.capacity(count);
    this.indexer = DoubleIndexer.create(pointer);
  }

  /** Allocates {@code rows} × {@code columns} zeros; {@code purpose} names them in errors. */
  public static NativeDoubles allocate(long rows, long columns, String purpose) {
    double gibibytes = (double) rows * (double) columns * Double.BYTES / (1L << 30);
    long count;
    long bytes;
    try {
      count = Math.multiplyExact(rows, columns);
      bytes = Math.multiplyExact(count, (long) Double.BYTES);
    } catch (ArithmeticException e) {
      throw new InsufficientMemoryException(
          doesNotFit(rows, columns, purpose, gibibytes, "more than can be addressed"));
    }
    if (!NativeBytes.fit(bytes)) {
      throw new InsufficientMemoryException(
          doesNotFit(rows, columns, purpose, gibibytes, ofMachine()));
    }
    Pointer memory = Pointer.calloc(Math.max(count, 1), Double.BYTES);
    if (memory == null || memory.isNull()) {
      throw new InsufficientMemoryException(
          doesNotFit(rows, columns, purpose, gibibytes, ofMachine() + ", not enough of it free"));
    }
    return new NativeDoubles(memory, count);
  }

  /**
   * Checks that the machine has enough memory for a computation, before the computation starts.
   *
   * @param entries the number of f64 that are needed at the same time, including those that are
   *     allocated already
   * @param purpose the computation, for the message
   * @throws InsufficientMemoryException if the machine has less memory than that
   */
  public static void requireMemoryFor(double entries, String purpose) {
    NativeBytes.requireMemoryFor(entries * Double.BYTES, purpose);
  }

  private static String ofMachine() {
    return String.format(
        Locale.ROOT, "this machine has %.1f GiB", NativeBytes.ofMachine() / (double) (1L << 30));
  }

  private static String doesNotFit(
      long rows, long columns, String purpose, double gibibytes, String available) {
    return String.format(
        Locale.ROOT,
        "%s of %d x %d f64 needs %.1f GiB; %s",
        purpose,
        rows,
        columns,
        gibibytes,
        available);
  }

  /** Returns the memory; valid until this is closed. */
  public DoublePointer pointer() {
    checkOpen();
    return pointer;
  }

  /** Returns bounds-checked access to single entries; valid until this is closed. */
  public DoubleIndexer indexer() {
    checkOpen();
    return indexer;
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the matrix has been closed");
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      Pointer.free(pointer);
    }
  }
}
