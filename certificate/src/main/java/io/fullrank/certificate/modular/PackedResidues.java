package io.fullrank.certificate.modular;

import io.fullrank.certificate.arithmetic.SmallPrimeField;
import io.fullrank.certificate.matrix.FloatBlock;
import io.fullrank.certificate.matrix.NativeBytes;
import io.fullrank.certificate.matrix.RowTiles;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.indexer.FloatIndexer;

/**
 * A matrix of residues modulo a small prime, row-major, three to an f32.
 *
 * <p>The columns are cut into groups of 3·b. A row has b numbers in each group, and number t holds
 * the residues r_0, r_1 and r_2 of the group's columns t, b + t and 2b + t as x = r_0 + 2^8·r_1 +
 * 2^16·r_2. With |r| ≤ 127, x is an integer below 2^23 and thus exact. It is taken apart by
 * rounding: |r_0 + 2^8·r_1| ≤ 127·257 is less than 2^15, so r_2 is the integer nearest to 2^-16·x,
 * and r_1 the one nearest to 2^-8·(x − 2^16·r_2). Both directions are f32 arithmetic alone, which a
 * compiler turns into vector instructions; conversions from and to bytes it does not.
 */
final class PackedResidues implements AutoCloseable {

  private static final int PARTS = 3;

  /** The largest b. */
  private static final int MAX_RUN = 512;

  private static final float MIDDLE = 0x1p8f;
  private static final float UPPER = 0x1p16f;

  /** Adding and subtracting this rounds to an integer. */
  private static final float ROUNDING = 0x1.8p23f;

  private final int rows;
  private final int columns;
  private final SmallPrimeField field;

  /** b. */
  private final int run;

  /** The numbers of a row. */
  private final int stride;

  private final NativeBytes memory;
  private final FloatIndexer indexer;

  /** Two columns that are swapped. */
  record Swap(int first, int second) {}

  PackedResidues(int rows, int columns, SmallPrimeField field) {
    this.rows = rows;
    this.columns = columns;
    this.field = field;
    this.run = run(columns);
    this.stride = groups(columns) * run;
    long numbers = (long) rows * stride;
    this.memory = NativeBytes.allocate(numbers * Float.BYTES, "a matrix of residues");
    FloatPointer all = memory.floats(0);
    all.capacity(numbers);
    this.indexer = FloatIndexer.create(all);
  }

  /** Returns the number of bytes of a matrix. */
  static double bytes(long rows, long columns) {
    return (double) rows * groups(columns) * run(columns) * Float.BYTES;
  }

  /** Returns the largest number of columns of a group of a matrix. */
  static int groupColumns(long columns) {
    return (int) Math.min(columns, PARTS * run(columns));
  }

  private static int groups(long columns) {
    return (int) ceil(columns, PARTS * MAX_RUN);
  }

  private static int run(long columns) {
    return (int) ceil(columns, (long) PARTS * groups(columns));
  }

  private static long ceil(long dividend, long divisor) {
    return (dividend + divisor - 1) / divisor;
  }

  /** Returns the first column of the group after the one that a column is in. */
  int endOfGroup(int column) {
    return Math.min(columns, (column / (PARTS * run) + 1) * PARTS * run);
  }

  /** Some numbers of a row, packed and not. */
  private final class Group {
    private final float[] packed = new float[run];
    private final float[][] parts = new float[PARTS][run];

    void read(int row, int group) {
      at(row, group).get(packed, 0, run);
      unpack(packed, parts[0], parts[1], parts[2]);
    }

    void write(int row, int group) {
      for (float[] part : parts) {
        field.reduce(part, run);
      }
      pack(packed, parts[0], parts[1], parts[2]);
      at(row, group).put(packed, 0, run);
    }
  }

  private FloatPointer at(int row, int group) {
    return memory.floats((long) row * stride + (long) group * run);
  }

  private static void unpack(float[] packed, float[] lower, float[] middle, float[] upper) {
    for (int t = 0; t < packed.length; t++) {
      float x = packed[t];
      float r2 = (x * (1 / UPPER) + ROUNDING) - ROUNDING;
      float rest = x - r2 * UPPER;
      float r1 = (rest * (1 / MIDDLE) + ROUNDING) - ROUNDING;
      lower[t] = rest - r1 * MIDDLE;
      middle[t] = r1;
      upper[t] = r2;
    }
  }

  private static void pack(float[] packed, float[] lower, float[] middle, float[] upper) {
    for (int t = 0; t < packed.length; t++) {
      packed[t] = lower[t] + middle[t] * MIDDLE + upper[t] * UPPER;
    }
  }

  /** Copies the residues of a part of a row, from a column on, to index 0 and what follows. */
  void getRow(int row, int fromColumn, int length, float[] into) {
    getRow(new Group(), row, fromColumn, length, into);
  }

  private void getRow(Group group, int row, int fromColumn, int length, float[] into) {
    int to = fromColumn + length;
    for (int g = fromColumn / (PARTS * run); g * PARTS * run < to; g++) {
      group.read(row, g);
      for (int p = 0; p < PARTS; p++) {
        int start = (g * PARTS + p) * run;
        int low = Math.max(fromColumn, start);
        int high = Math.min(to, start + run);
        if (low < high) {
          System.arraycopy(group.parts[p], low - start, into, low - fromColumn, high - low);
        }
      }
    }
  }

  /**
   * Replaces a part of a row by residues.
   *
   * @param integers (input) integers of their classes, at most {@link SmallPrimeField#MAX_SUM}
   */
  void setRow(int row, int fromColumn, int length, float[] integers) {
    setRow(new Group(), row, fromColumn, length, integers);
  }

  private void setRow(Group group, int row, int fromColumn, int length, float[] integers) {
    int to = fromColumn + length;
    for (int g = fromColumn / (PARTS * run); g * PARTS * run < to; g++) {
      int first = g * PARTS * run;
      if (first < fromColumn || to < endOfGroup(first)) {
        group.read(row, g);
      }
      for (int p = 0; p < PARTS; p++) {
        int start = first + p * run;
        int low = Math.max(fromColumn, start);
        int high = Math.min(to, start + run);
        if (low < high) {
          System.arraycopy(integers, low - fromColumn, group.parts[p], low - start, high - low);
        }
      }
      group.write(row, g);
    }
  }

  /** Copies the residues of a rectangle, from a row and a column on, into a block. */
  void get(int fromRow, int fromColumn, FloatBlock into) {
    Group group = new Group();
    float[] row = new float[into.columns()];
    for (int i = 0; i < into.rows(); i++) {
      getRow(group, fromRow + i, fromColumn, row.length, row);
      into.setRow(i, 0, row, row.length);
    }
  }

  /**
   * Replaces a rectangle by residues.
   *
   * @param integers (input) integers of their classes, at most {@link SmallPrimeField#MAX_SUM}
   */
  void set(int fromRow, int fromColumn, FloatBlock integers) {
    Group group = new Group();
    float[] row = new float[integers.columns()];
    for (int i = 0; i < integers.rows(); i++) {
      integers.getRow(i, 0, row, row.length);
      setRow(group, fromRow + i, fromColumn, row.length, row);
    }
  }

  void swapRows(int i, int k) {
    float[] first = new float[stride];
    float[] second = new float[stride];
    at(i, 0).get(first, 0, stride);
    at(k, 0).get(second, 0, stride);
    at(i, 0).put(second, 0, stride);
    at(k, 0).put(first, 0, stride);
  }

  /** Swaps columns in all rows, one pair after the other. */
  void swapColumns(List<Swap> swaps, int threads) {
    RowTiles.forEachPart(
        threads,
        0,
        rows,
        64L * swaps.size(),
        (from, to) -> {
          for (int i = from; i < to; i++) {
            for (Swap swap : swaps) {
              swapColumns(i, swap);
            }
          }
        });
  }

  private void swapColumns(int row, Swap swap) {
    int difference = residue(row, swap.second) - residue(row, swap.first);
    add(row, swap.first, difference);
    add(row, swap.second, -difference);
  }

  private long index(int row, int column) {
    return (long) row * stride + (long) (column / (PARTS * run)) * run + column % run;
  }

  private int part(int column) {
    return column / run % PARTS;
  }

  private int residue(int row, int column) {
    int x = (int) indexer.get(index(row, column));
    for (int p = part(column); p > 0; p--) {
      x = (x - (byte) x) >> Byte.SIZE;
    }
    return (byte) x;
  }

  private void add(int row, int column, int difference) {
    long index = index(row, column);
    indexer.put(index, indexer.get(index) + (difference << Byte.SIZE * part(column)));
  }

  @Override
  public void close() {
    memory.close();
  }
}
