package io.fullrank.certificate.matrix;

import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;

/** Spreads loops over the rows of a matrix over a bounded number of threads. */
public final class RowTiles {

  /** A thread is not worth starting for fewer entries than this. */
  private static final long MIN_ENTRIES_PER_THREAD = 1 << 16;

  private RowTiles() {}

  /** What is done with a tile of rows. */
  public interface Task {
    /**
     * Processes the rows {@code from ≤ i < to}.
     *
     * @param part the number of the part that these rows belong to, counted from 0
     */
    void accept(int part, int from, int to);
  }

  /**
   * Processes all rows, in tiles that are dealt out to the threads in turn: part k gets tiles k, k
   * + threads and so on, always the same ones and in this order. So the rows of a triangle are
   * spread evenly, and sums by part do not change from run to run.
   *
   * <p>If the task throws, the other threads stop at their next tile, and this method throws when
   * all of them have stopped: the caller may then free memory that the task uses.
   *
   * @param threads the largest number of threads to use
   * @param rows the number of rows
   * @param tileRows the number of rows of a tile
   */
  public static void forEach(int threads, int rows, int tileRows, Task task) {
    long tiles = ((long) rows + tileRows - 1) / tileRows;
    int parts = (int) Math.min(threads, tiles);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    IntStream all = IntStream.range(0, parts);
    (parts > 1 ? all.parallel() : all)
        .forEach(
            part -> {
              try {
                for (long tile = part; tile < tiles && failure.get() == null; tile += parts) {
                  long from = tile * tileRows;
                  task.accept(part, (int) from, (int) Math.min(rows, from + tileRows));
                }
              } catch (RuntimeException | Error e) {
                failure.compareAndSet(null, e);
              }
            });
    if (failure.get() instanceof Error error) {
      throw error;
    }
    if (failure.get() instanceof RuntimeException exception) {
      throw exception;
    }
  }

  /** What is done with the consecutive rows of one part. */
  public interface PartTask {
    void accept(int from, int to);
  }

  /**
   * Cuts rows into one part for each thread, or fewer where there is little to do; otherwise the
   * same as {@link #forEach}.
   *
   * @param threads the largest number of threads to use
   * @param from the first row
   * @param to the row after the last
   * @param entriesEach the number of entries of each row that are processed
   */
  public static void forEachPart(int threads, int from, int to, long entriesEach, PartTask task) {
    int rows = to - from;
    int parts = (int) Math.max(1, Math.min(threads, rows * entriesEach / MIN_ENTRIES_PER_THREAD));
    int partRows = Math.max(1, (rows + parts - 1) / parts);
    forEach(parts, rows, partRows, (part, start, end) -> task.accept(from + start, from + end));
  }
}
