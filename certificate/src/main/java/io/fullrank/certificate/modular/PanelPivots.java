package io.fullrank.certificate.modular;

import io.fullrank.certificate.arithmetic.SmallPrimeField;
import io.fullrank.certificate.backend.SmallProducts;
import io.fullrank.certificate.matrix.FloatBlock;
import io.fullrank.certificate.matrix.NativeBytes;
import io.fullrank.certificate.modular.PackedResidues.Swap;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.indexer.FloatIndexer;

/**
 * A nonsingular submatrix modulo a small prime, of the largest possible order, of the first columns
 * of a panel of rows; and its inverse. As {@link PivotBlock}, in blocks of which this is made.
 *
 * <p>Gauss-Jordan elimination in place: where a block of pivots is, and in the rows above and below
 * it, the inverse takes the place of the identity. Sums are reduced when they are used, and at the
 * end: no entry sums up more products than there are pivots.
 */
final class PanelPivots {

  private static final int BLOCK = 64;

  /** Columns besides those of a block, in case that these are dependent. */
  private static final int SPARE = 32;

  private final SmallPrimeField field;
  private final SmallProducts products;
  private final FloatBlock window;
  private final FloatBlock factors;
  private final FloatBlock pivotRows;
  private final FloatBlock inverse;
  private final float[] row;
  private final List<Swap> rowSwaps = new ArrayList<>();
  private final List<Swap> columnSwaps = new ArrayList<>();
  private int rank;

  private PanelPivots(
      FloatBlock window, SmallPrimeField field, SmallProducts products, NativeBytes scratch) {
    int height = window.rows();
    int width = window.columns();
    this.field = field;
    this.products = products;
    this.window = window;
    this.factors = new FloatBlock(scratch.floats(0), height, BLOCK, BLOCK);
    this.pivotRows = new FloatBlock(scratch.floats((long) height * BLOCK), BLOCK, width, width);
    this.inverse =
        new FloatBlock(scratch.floats((long) (height + width) * BLOCK), BLOCK, BLOCK, BLOCK);
    this.row = new float[width];
  }

  /**
   * Finds the submatrix.
   *
   * @param window (modified) residues, at most {@link SmallPrimeField#MAX_PRODUCTS} rows; when the
   *     rows and columns have been swapped, its inverse is in the upper left corner
   */
  static PanelPivots of(FloatBlock window, SmallPrimeField field, SmallProducts products) {
    long entries = (long) BLOCK * (window.rows() + window.columns() + BLOCK);
    try (NativeBytes scratch = NativeBytes.allocate(entries * Float.BYTES, "a block of pivots")) {
      PanelPivots pivots = new PanelPivots(window, field, products, scratch);
      pivots.find();
      return pivots;
    }
  }

  /** Returns the order of the submatrix. */
  int rank() {
    return rank;
  }

  /** Returns the pairs of rows to swap, in this order. */
  List<Swap> rowSwaps() {
    return rowSwaps;
  }

  /** Returns the pairs of columns to swap, in this order. */
  List<Swap> columnSwaps() {
    return columnSwaps;
  }

  private void find() {
    int bottom = window.rows();
    while (rank < bottom && rank < window.columns()) {
      int height = Math.min(BLOCK, bottom - rank);
      PivotBlock block = PivotBlock.of(copy(height), field.wide());
      int found = block.rank();
      for (int i = 0; i < found; i++) {
        swapRows(rank + i, rank + block.rowSwap(i));
        swapColumns(rank + i, rank + block.columnSwap(i));
      }
      if (found > 0) {
        eliminate(block);
        rank += found;
      }
      bottom = settle(height - found, bottom);
    }
    for (int i = 0; i < window.rows(); i++) {
      reduce(window, i);
    }
  }

  private double[][] copy(int height) {
    int width = Math.min(height + SPARE, window.columns() - rank);
    double[][] block = new double[height][width];
    for (int i = 0; i < height; i++) {
      window.getRow(rank + i, rank, row, width);
      for (int j = 0; j < width; j++) {
        block[i][j] = row[j];
      }
    }
    return block;
  }

  /** Makes the next columns those of the inverse, in all rows. */
  private void eliminate(PivotBlock block) {
    int found = block.rank();
    int width = window.columns();
    FloatBlock t = inverse.block(0, 0, found, found);
    for (int i = 0; i < found; i++) {
      double[] residues = block.inverseRow(i);
      for (int j = 0; j < found; j++) {
        row[j] = (float) residues[j];
      }
      t.setRow(i, 0, row, found);
      window.getRow(rank + i, 0, row, width);
      field.reduce(row, width);
      pivotRows.setRow(i, 0, row, width);
    }
    products.multiply(window.block(rank, 0, found, width), t, pivotRows.block(0, 0, found, width));
    for (int i = 0; i < found; i++) {
      reduce(window, rank + i);
      t.getRow(i, 0, row, found);
      window.setRow(rank + i, rank, row, found);
    }
    subtractMultiples(0, rank, found);
    subtractMultiples(rank + found, window.rows(), found);
  }

  /** Eliminates the columns of the last pivots from other rows. */
  private void subtractMultiples(int from, int to, int found) {
    float[] zeros = new float[found];
    for (int i = from; i < to; i++) {
      window.getRow(i, rank, row, found);
      field.reduce(row, found);
      factors.setRow(i - from, 0, row, found);
      window.setRow(i, rank, zeros, found);
    }
    products.subtract(
        window.block(from, 0, to - from, window.columns()),
        factors.block(0, 0, to - from, found),
        window.block(rank, 0, found, window.columns()));
  }

  /** Moves rows that have become zero to the end, and brings a column where others are not. */
  private int settle(int rows, int bottom) {
    int active = bottom;
    for (int i = rank + rows - 1; i >= rank; i--) {
      reduce(window, i);
      window.getRow(i, 0, row, window.columns());
      int nonzero = window.columns() - 1;
      while (nonzero >= rank && row[nonzero] == 0) {
        nonzero--;
      }
      if (nonzero < rank) {
        swapRows(i, --active);
      } else {
        swapColumns(Math.min(i, window.columns() - 1), nonzero);
      }
    }
    return active;
  }

  private void reduce(FloatBlock block, int i) {
    block.getRow(i, 0, row, block.columns());
    field.reduce(row, block.columns());
    block.setRow(i, 0, row, block.columns());
  }

  private void swapRows(int i, int k) {
    if (i != k) {
      rowSwaps.add(new Swap(i, k));
      swapRows(window, i, k);
    }
  }

  private void swapColumns(int i, int k) {
    if (i != k) {
      columnSwaps.add(new Swap(i, k));
      swapColumns(window, List.of(new Swap(i, k)));
    }
  }

  /** Swaps two rows of a block. */
  static void swapRows(FloatBlock block, int i, int k) {
    float[] first = new float[block.columns()];
    float[] second = new float[block.columns()];
    block.getRow(i, 0, first, first.length);
    block.getRow(k, 0, second, second.length);
    block.setRow(i, 0, second, second.length);
    block.setRow(k, 0, first, first.length);
  }

  /** Swaps columns of a block, one pair after the other. */
  static void swapColumns(FloatBlock block, List<Swap> swaps) {
    if (swaps.isEmpty() || block.rows() == 0) {
      return;
    }
    FloatPointer data = block.at(0, 0);
    data.capacity((long) (block.rows() - 1) * block.stride() + block.columns());
    FloatIndexer entries = FloatIndexer.create(data);
    for (int i = 0; i < block.rows(); i++) {
      long start = (long) i * block.stride();
      for (Swap swap : swaps) {
        float residue = entries.get(start + swap.first());
        entries.put(start + swap.first(), entries.get(start + swap.second()));
        entries.put(start + swap.second(), residue);
      }
    }
  }
}
