package io.fullrank.certificate.matrix;

import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;

/** Spreads loops over the rows of a matrix over a bounded number of threads. */
public final class RowTiles {

  /** Less work than this is not worth a thread. */
  private static final long MIN_ENTRIES_PER_THREAD = 1 << 16;

  private RowTiles() {}

  /** What is done with some rows. */
  public interface Task {
    /**
     * Deals with the rows {@code from ≤ i < to}.
     *
     * @param part which of the threads this is, counted from 0
     */
    void accept(int part, int from, int to);
  }

  /**
   * Deals with all rows, in tiles that the threads take in turns: part k gets tiles k, k + threads
   * and so on, always the same ones, and in this order. So triangles are spread evenly, and sums by
   * part do not change from run to run.
   *
   * <p>Where the task throws, the other threads stop at their next tile, and only when all have
   * stopped is it thrown here: nobody reads or writes memory any more that is freed then.
   *
   * @param threads how many to use at most
   * @param rows how many rows there are
   * @param tileRows rows of a tile
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

  /** What is done with some consecutive rows. */
  public interface PartTask {
    void accept(int from, int to);
  }

  /**
   * Cuts rows into one part for each thread, fewer where there is little to do; else as {@link
   * #forEach}.
   *
   * @param threads how many to use at most
   * @param from the first row
   * @param to the row behind the last
   * @param entriesEach how many entries of a row are dealt with
   */
  public static void forEachPart(int threads, int from, int to, long entriesEach, PartTask task) {
    int rows = to - from;
    int parts = (int) Math.max(1, Math.min(threads, rows * entriesEach / MIN_ENTRIES_PER_THREAD));
    int partRows = Math.max(1, (rows + parts - 1) / parts);
    forEach(parts, rows, partRows, (part, start, end) -> task.accept(from + start, from + end));
  }
}
