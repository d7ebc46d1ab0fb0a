package io.fullrank.network.state;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Which rows each step sees: a new random order in each epoch, cut into batches; the last batch of
 * an epoch may be smaller.
 */
public final class MiniBatches {

  private final int batchSize;
  private final SplittableRandom random;
  private final int[] order;
  private int next;
  private long drawn;
  private long rowsDrawn;

  /**
   * Starts the sequence of a seed.
   *
   * @param rows rows of the training set
   * @param batchSize rows of a batch, at most {@code rows}
   */
  public MiniBatches(int rows, int batchSize, long seed) {
    this.batchSize = batchSize;
    this.random = new SplittableRandom(seed);
    this.order = new int[rows];
    Arrays.setAll(order, i -> i);
    this.next = rows;
  }

  /** How many batches have been drawn. */
  public long drawn() {
    return drawn;
  }

  /** How many rows they had. */
  public long rowsDrawn() {
    return rowsDrawn;
  }

  /** Skips a number of batches: the sequence continues after them. */
  void skip(long batches) {
    for (long i = 0; i < batches; i++) {
      next();
    }
  }

  /** The rows of the next batch. */
  public int[] next() {
    if (next == order.length) {
      shuffle();
      next = 0;
    }
    int[] rows = Arrays.copyOfRange(order, next, Math.min(next + batchSize, order.length));
    next += rows.length;
    drawn++;
    rowsDrawn += rows.length;
    return rows;
  }

  /** Fisher and Yates's shuffle (Knuth, The Art of Computer Programming 2, §3.4.2, algorithm P). */
  private void shuffle() {
    for (int i = order.length - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      int row = order[i];
      order[i] = order[j];
      order[j] = row;
    }
  }
}
