package io.fullrank.certificate.modular;

import io.fullrank.certificate.arithmetic.SmallPrimeField;
import io.fullrank.certificate.matrix.FloatBlock;
import io.fullrank.certificate.matrix.NativeBytes;
import io.fullrank.certificate.matrix.RowTiles;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.indexer.FloatIndexer;

/**
 * A matrix of residues modulo a small prime, three to an f32.
 *
 * <p>The columns are cut into groups of 3·b, which lie one after the other, each of them row-major.
 * A row has b numbers in each group, and number t holds the residues r_0, r_1 and r_2 of the
 * group's columns t, b + t and 2b + t as x = r_0 + 2^8·r_1 + 2^16·r_2. With |r| ≤ 127, x is an
 * integer below 2^23 and thus exact. It is taken apart by rounding: |r_0 + 2^8·r_1| ≤ 127·257 is
 * less than 2^15, so r_2 is the integer nearest to 2^-16·x, and r_1 the one nearest to 2^-8·(x −
 * 2^16·r_2). Both directions are f32 arithmetic alone, which a compiler turns into vector
 * instructions; conversions from and to bytes it does not.
 */
final class PackedResidues implements AutoCloseable {

  private static final int PARTS = 3;

  /** The largest b. */
  private static final int MAX_RUN = 256;

  /** Rows that are copied at a time. */
  private static final int BATCH = 16;

  private static final float MIDDLE = 0x1p8f;
  private static final float UPPER = 0x1p16f;

  /** Adding and subtracting this rounds to an integer. */
  private static final float ROUNDING = 0x1.8p23f;

  private final int rows;
  private final int columns;
  private final SmallPrimeField field;

  /** b. */
  private final int run;

  private final int groups;

  private final NativeBytes memory;
  private final FloatIndexer indexer;

  /** Two columns that are swapped. */
  record Swap(int first, int second) {}

  PackedResidues(int rows, int columns, SmallPrimeField field) {
    this.rows = rows;
    this.columns = columns;
    this.field = field;
    this.run = run(columns);
    this.groups = groups(columns);
    long numbers = (long) rows * groups * run;
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

  /** The numbers of a group in a few rows, packed and not. */
  private final class Batch {
    private final int firstRow;
    private final int count;
    private final float[] packed;
    private final float[][] parts;

    Batch(int firstRow, int count) {
      this.firstRow = firstRow;
      this.count = count;
      this.packed = new float[count * run];
      this.parts = new float[PARTS][count * run];
    }

    private void read(int group) {
      at(firstRow, group).get(packed, 0, packed.length);
      unpack(packed, parts[0], parts[1], parts[2]);
    }

    private void write(int group) {
      for (float[] part : parts) {
        field.reduce(part, part.length);
      }
      pack(packed, parts[0], parts[1], parts[2]);
      at(firstRow, group).put(packed, 0, packed.length);
    }

    /** Copies the residues in some columns to rows of an array. */
    void get(int fromColumn, int toColumn, float[] into, int stride) {
      for (int g = fromColumn / (PARTS * run); g * PARTS * run < toColumn; g++) {
        read(g);
        for (int p = 0; p < PARTS; p++) {
          int start = (g * PARTS + p) * run;
          int low = Math.max(fromColumn, start);
          int length = Math.min(toColumn, start + run) - low;
          for (int i = 0; i < count && length > 0; i++) {
            int to = i * stride + low - fromColumn;
            System.arraycopy(parts[p], i * run + low - start, into, to, length);
          }
        }
      }
    }

    /** Replaces the residues in some columns by those of integers in rows of an array. */
    void set(int fromColumn, int toColumn, float[] integers, int stride) {
      for (int g = fromColumn / (PARTS * run); g * PARTS * run < toColumn; g++) {
        int first = g * PARTS * run;
        if (first < fromColumn || toColumn < endOfGroup(first)) {
          read(g);
        }
        for (int p = 0; p < PARTS; p++) {
          int start = first + p * run;
          int low = Math.max(fromColumn, start);
          int length = Math.min(toColumn, start + run) - low;
          for (int i = 0; i < count && length > 0; i++) {
            int from = i * stride + low - fromColumn;
            System.arraycopy(integers, from, parts[p], i * run + low - start, length);
          }
        }
        write(g);
      }
    }
  }

  private FloatPointer at(int row, int group) {
    return memory.floats(((long) group * rows + row) * run);
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
    new Batch(row, 1).get(fromColumn, fromColumn + length, into, length);
  }

  /** Copies the residues of some rows in some columns into an array, row by row. */
  void getRows(int fromRow, int toRow, int fromColumn, int toColumn, float[] into) {
    new Batch(fromRow, toRow - fromRow).get(fromColumn, toColumn, into, toColumn - fromColumn);
  }

  /**
   * Replaces a part of a row by residues.
   *
   * @param integers (input) integers of their classes, at most {@link SmallPrimeField#MAX_SUM}
   */
  void setRow(int row, int fromColumn, int length, float[] integers) {
    new Batch(row, 1).set(fromColumn, fromColumn + length, integers, length);
  }

  /** Copies the residues of a rectangle, from a row and a column on, into a block. */
  void get(int fromRow, int fromColumn, FloatBlock into) {
    int columns = into.columns();
    float[] block = new float[Math.min(BATCH, into.rows()) * columns];
    for (int i = 0; i < into.rows(); i += BATCH) {
      int count = Math.min(BATCH, into.rows() - i);
      new Batch(fromRow + i, count).get(fromColumn, fromColumn + columns, block, columns);
      into.setRows(i, count, block);
    }
  }

  /**
   * Replaces a rectangle by residues.
   *
   * @param integers (input) integers of their classes, at most {@link SmallPrimeField#MAX_SUM}
   */
  void set(int fromRow, int fromColumn, FloatBlock integers) {
    int columns = integers.columns();
    float[] block = new float[Math.min(BATCH, integers.rows()) * columns];
    for (int i = 0; i < integers.rows(); i += BATCH) {
      int count = Math.min(BATCH, integers.rows() - i);
      integers.getRows(i, count, block);
      new Batch(fromRow + i, count).set(fromColumn, fromColumn + columns, block, columns);
    }
  }

  void swapRows(int i, int k) {
    float[] first = new float[run];
    float[] second = new float[run];
    for (int group = 0; group < groups; group++) {
      at(i, group).get(first, 0, run);
      at(k, group).get(second, 0, run);
      at(i, group).put(second, 0, run);
      at(k, group).put(first, 0, run);
    }
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
    return ((long) (column / (PARTS * run)) * rows + row) * run + column % run;
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
