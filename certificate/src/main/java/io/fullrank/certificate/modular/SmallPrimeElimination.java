package io.fullrank.certificate.modular;

import io.fullrank.certificate.arithmetic.SmallPrimeField;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.backend.SmallProducts;
import io.fullrank.certificate.matrix.FloatBlock;
import io.fullrank.certificate.matrix.NativeBytes;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.modular.PackedResidues.Swap;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.InsufficientMemoryException;
import io.fullrank.certificate.result.Progress;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * Gaussian elimination of all rows of a matrix over GF(p), p ≤ 251, on f32 products and with three
 * residues in an f32. It finds whether the rows are independent modulo p, and if so, checks it
 * without trusting the backend.
 *
 * <p><b>Elimination.</b> The residues of the first columns are factorised as {@link
 * ModularElimination} does, A = L·U, with inverses T_k of the diagonal blocks of L in the place of
 * these, in panels of rows. The rows below are updated by {@value #PANELS} panels at a time: with
 * the blocks C_1 to C_4 of L in a row, and V_1 to V_4 of U, its remaining entries lose [C_1 … C_4]·
 * [V_1; …; V_4], a sum of at most 1024 products, which is reduced once. Between updates residues
 * are packed, see {@link PackedResidues}. Each thread updates tiles of its own.
 *
 * <p><b>Check.</b> If all n rows have pivots, {@link EliminationCheck} verifies that the columns
 * with pivots form a nonsingular matrix modulo p.
 */
final class SmallPrimeElimination implements AutoCloseable {

  /** Panels by which the rows below are updated at a time. */
  private static final int PANELS = 4;

  /** Rows of a panel; four panels and a residue stay below the largest exact sum. */
  private static final int PANEL = 256;

  /** Columns of a panel besides PANEL of them, in case that these are dependent. */
  private static final int SPARE = 32;

  /** The largest number of rows of a tile: for fewer, products take longer to prepare. */
  private static final int TILE_ROWS = 1024;

  private final ResidueRows matrix;
  private final SmallPrimeField field;
  private final DenseLinearAlgebra algebra;
  private final EliminationCheck check;
  private final Progress progress;
  private final Cancellation cancellation;
  private final int n;
  private final int width;
  private final PackedResidues work;
  private final NativeBytes memory;

  /** V of the last panels, in the columns of {@link #work}. */
  private final FloatBlock v;

  /** The rows of a panel while its pivots are looked for, in the columns of {@link #work}. */
  private final FloatBlock panel;

  /** C of the rows of a panel, for the last panels. */
  private final FloatBlock panelFactors;

  /** The columns of a panel in which its pivots are looked for. */
  private final FloatBlock window;

  /** Tiles, and C of their rows, of each thread. */
  private final FloatBlock[] tiles;

  private final FloatBlock[] factors;

  /** The row of the matrix in each row of {@link #work}. */
  private final int[] rowOf;

  /** The column of the matrix in each column of {@link #work}. */
  private final int[] columnOf;

  /** The first row and column of each panel. */
  private final List<Integer> panelStarts = new ArrayList<>();

  private int rank;

  private SmallPrimeElimination(
      ResidueRows matrix,
      SmallPrimeField field,
      DenseLinearAlgebra algebra,
      SplittableRandom random,
      Progress progress,
      Cancellation cancellation) {
    this.matrix = matrix;
    this.field = field;
    this.algebra = algebra;
    this.progress = progress;
    this.cancellation = cancellation;
    this.n = matrix.rows();
    this.width = matrix.columns();
    this.check = new EliminationCheck(field, n, random);
    this.rowOf = IntStream.range(0, n).toArray();
    this.columnOf = IntStream.range(0, width).toArray();
    int threads = algebra.threads();
    int panelRows = Math.min(PANEL, n);
    int updateRows = PANELS * panelRows;
    int tileRows = Math.min(TILE_ROWS, n);
    int tileColumns = PackedResidues.groupColumns(width);
    NativeBytes.requireMemoryFor(
        bytes(n, width, threads), "the rank of " + n + " rows modulo a small prime");
    this.memory =
        NativeBytes.allocate(floats(n, width, threads) * Float.BYTES, "panels of residues");
    this.v = block(0, updateRows, width);
    long next = (long) updateRows * width;
    this.panel = block(next, panelRows, width);
    next += (long) panelRows * width;
    this.panelFactors = block(next, panelRows, updateRows);
    next += (long) panelRows * updateRows;
    this.window = block(next, panelRows, panelRows + SPARE);
    next += (long) panelRows * (panelRows + SPARE);
    this.tiles = new FloatBlock[threads];
    this.factors = new FloatBlock[threads];
    for (int t = 0; t < threads; t++) {
      tiles[t] = block(next, tileRows, tileColumns);
      next += (long) tileRows * tileColumns;
      factors[t] = block(next, tileRows, updateRows);
      next += (long) tileRows * updateRows;
    }
    try {
      this.work = new PackedResidues(n, width, field);
    } catch (RuntimeException | Error e) {
      memory.close();
      throw e;
    }
  }

  private FloatBlock block(long start, int rows, int columns) {
    return new FloatBlock(memory.floats(start), rows, columns, columns);
  }

  private static long floats(long rows, long columns, int threads) {
    long panelRows = Math.min(PANEL, rows);
    long updateRows = PANELS * panelRows;
    long tileRows = Math.min(TILE_ROWS, rows);
    return updateRows * columns
        + panelRows * columns
        + panelRows * (updateRows + panelRows + SPARE)
        + threads * tileRows * (PackedResidues.groupColumns(columns) + updateRows);
  }

  /** Returns the number of bytes that the elimination of n rows in some columns takes. */
  static double bytes(long rows, long columns, int threads) {
    return PackedResidues.bytes(rows, columns)
        + (double) floats(rows, columns, threads) * Float.BYTES;
  }

  /**
   * Eliminates the rows of a matrix.
   *
   * @param matrix (input) residues modulo p
   * @param field GF(p)
   * @param random draws the vectors of the check
   * @param progress is told how much has been done
   * @param proven is given the factors if the rows are independent; they may be read until it
   *     returns
   * @return whether the rows are independent modulo p in these columns, which is verified
   * @throws InexactBackendException if the check fails
   * @throws InsufficientMemoryException if the residues do not fit
   * @throws CertificationCancelledException if cancelled
   */
  static boolean isOfFullRank(
      ResidueRows matrix,
      SmallPrimeField field,
      DenseLinearAlgebra algebra,
      SplittableRandom random,
      Progress progress,
      Cancellation cancellation,
      Consumer<ModularFactors> proven) {
    try (SmallPrimeElimination elimination =
        new SmallPrimeElimination(matrix, field, algebra, random, progress, cancellation)) {
      float[][] combined = elimination.load();
      if (!elimination.eliminate()) {
        return false;
      }
      elimination.verify(combined);
      proven.accept(elimination.factors());
      return true;
    }
  }

  private ModularFactors factors() {
    float[] row = new float[n];
    return ModularFactors.of(
        field.modulus(),
        n,
        rowOf,
        columnOf,
        panelStarts,
        (i, into) -> {
          work.getRow(i, 0, n, row);
          for (int j = 0; j < n; j++) {
            into[j] = (int) row[j];
          }
        });
  }

  /** Reads the residues, and returns their combinations for the check. */
  private float[][] load() {
    AtomicInteger loaded = new AtomicInteger();
    return matrix.forEach(
        check.drawn(),
        cancellation,
        new ResidueRows.Target() {
          @Override
          public int endOfPiece(int fromColumn) {
            return work.endOfGroup(fromColumn);
          }

          @Override
          public void residues(int i, int fromColumn, float[] residues, int length) {
            work.setRow(i, fromColumn, length, residues);
            if (fromColumn + length == width) {
              progress.report("residues", loaded.incrementAndGet(), n);
            }
          }
        });
  }

  /** Returns whether every row has a pivot. */
  private boolean eliminate() {
    double all = products(n);
    while (rank < n) {
      int start = rank;
      for (int k = 0; k < PANELS && rank < n; k++) {
        if (!findPivots(start)) {
          return false;
        }
      }
      update(start);
      progress.report("elimination", all - products(n - rank), all);
    }
    return true;
  }

  /** Returns about how many products it takes to eliminate what is left when some rows are. */
  private double products(int rows) {
    double columns = width - n + rows;
    return (double) rows * rows * (columns - rows / 3.0);
  }

  /**
   * Finds pivots in the next rows.
   *
   * @param start the first row of the last panels, by which the rows after them have still to be
   *     updated; if it is the next row, there is no such panel
   * @return false if one of them is 0 in all columns that are left
   */
  private boolean findPivots(int start) {
    int at = rank;
    int height = Math.min(PANEL, n - at);
    FloatBlock rows = panel.block(0, at, height, width - at);
    loadPanel(rows, start);
    if (anyZero(rows)) {
      return false;
    }
    PanelPivots pivots = pivots(rows, at, start);
    if (pivots.rank() < height && bringColumns(rows, pivots.rank(), at, start)) {
      pivots = pivots(rows, at, start);
    }
    if (pivots.rank() == 0) {
      return false;
    }
    multiplyByInverse(rows, pivots.rank(), at, start);
    panelStarts.add(at);
    rank = at + pivots.rank();
    return true;
  }

  /** Copies the next rows, less what the last panels eliminate from them. */
  private void loadPanel(FloatBlock rows, int start) {
    int pending = rank - start;
    FloatBlock c = panelFactors.block(0, 0, rows.rows(), pending);
    algebra.withSmallProducts(products -> getFactors(products, rank, start, c));
    inColumnTiles(
        rank,
        (products, from, length) -> {
          FloatBlock tile = rows.block(0, from - rank, rows.rows(), length);
          work.get(rank, from, tile);
          if (pending > 0) {
            products.subtract(tile, c, v.block(0, from, pending, length));
            reduce(tile);
          }
        });
  }

  /**
   * Computes C of rows that the last panels have not been eliminated from, from the first panel,
   * whose C is in its columns, to the last, whose columns have to lose what the others before it
   * eliminate.
   */
  private void getFactors(SmallProducts products, int row, int start, FloatBlock c) {
    work.get(row, start, c);
    if (start == rank) {
      return;
    }
    for (int k = panelStarts.lastIndexOf(start) + 1; k < panelStarts.size(); k++) {
      int before = panelStarts.get(k) - start;
      int size = panelEnd(k) - panelStarts.get(k);
      FloatBlock own = c.block(0, before, c.rows(), size);
      products.subtract(
          own, c.block(0, 0, c.rows(), before), v.block(0, start + before, before, size));
      reduce(own);
    }
  }

  private boolean anyZero(FloatBlock rows) {
    float[] piece = new float[Math.min(PANEL, rows.columns())];
    for (int i = 0; i < rows.rows(); i++) {
      boolean zero = true;
      for (int from = 0; from < rows.columns() && zero; from += piece.length) {
        int length = Math.min(piece.length, rows.columns() - from);
        rows.getRow(i, from, piece, length);
        for (int j = 0; j < length; j++) {
          zero &= piece[j] == 0;
        }
      }
      if (zero) {
        return true;
      }
    }
    return false;
  }

  /** Finds pivots in the first columns of some rows, and swaps rows and columns accordingly. */
  private PanelPivots pivots(FloatBlock rows, int at, int start) {
    int length = Math.min(rows.columns(), rows.rows() + SPARE);
    FloatBlock first = window.block(0, 0, rows.rows(), length);
    float[] row = new float[length];
    for (int i = 0; i < rows.rows(); i++) {
      rows.getRow(i, 0, row, length);
      first.setRow(i, 0, row, length);
    }
    PanelPivots[] pivots = new PanelPivots[1];
    algebra.withSmallProducts(products -> pivots[0] = PanelPivots.of(first, field, products));
    for (Swap swap : pivots[0].rowSwaps()) {
      PanelPivots.swapRows(rows, swap.first(), swap.second());
      PanelPivots.swapRows(panelFactors, swap.first(), swap.second());
      work.swapRows(at + swap.first(), at + swap.second());
      int moved = rowOf[at + swap.first()];
      rowOf[at + swap.first()] = rowOf[at + swap.second()];
      rowOf[at + swap.second()] = moved;
    }
    swapColumns(rows, pivots[0].columnSwaps(), at, start);
    return pivots[0];
  }

  /** Swaps columns wherever they are kept; the swaps count columns from {@code at} on. */
  private void swapColumns(FloatBlock rows, List<Swap> swaps, int at, int start) {
    if (swaps.isEmpty()) {
      return;
    }
    PanelPivots.swapColumns(rows, swaps);
    PanelPivots.swapColumns(v.block(0, at, at - start, width - at), swaps);
    work.swapColumns(
        swaps.stream().map(each -> new Swap(at + each.first(), at + each.second())).toList(),
        algebra.threads());
    for (Swap swap : swaps) {
      int moved = columnOf[at + swap.first()];
      columnOf[at + swap.first()] = columnOf[at + swap.second()];
      columnOf[at + swap.second()] = moved;
    }
  }

  /**
   * Swaps columns without pivots of the window for columns outside of it in which rows without
   * pivots are not 0.
   *
   * @param found the number of pivots
   * @return false if there are none
   */
  private boolean bringColumns(FloatBlock rows, int found, int at, int start) {
    int length = Math.min(rows.columns(), rows.rows() + SPARE);
    List<Swap> swaps = new ArrayList<>();
    float[] row = new float[rows.columns()];
    boolean[] taken = new boolean[row.length];
    for (int i = found; i < rows.rows() && found + swaps.size() < length; i++) {
      rows.getRow(i, 0, row, row.length);
      int j = length;
      while (j < row.length && (row[j] == 0 || taken[j])) {
        j++;
      }
      if (j < row.length) {
        taken[j] = true;
        swaps.add(new Swap(found + swaps.size(), j));
      }
    }
    swapColumns(rows, swaps, at, start);
    return !swaps.isEmpty();
  }

  /** Replaces the rows with pivots, [C D R], by [C T V] with T = D^{-1} and V = T·R. */
  private void multiplyByInverse(FloatBlock rows, int found, int at, int start) {
    int above = at - start;
    FloatBlock inverse = window.block(0, 0, found, found);
    work.set(at, start, panelFactors.block(0, 0, found, above));
    inColumnTiles(
        at,
        (products, from, length) -> {
          FloatBlock tile = v.block(above, from, found, length);
          products.multiply(tile, inverse, rows.block(0, from - at, found, length));
          reduce(tile);
          int ofInverse = Math.min(length, at + found - from);
          if (ofInverse > 0) {
            copy(inverse.block(0, from - at, found, ofInverse), tile);
          }
          work.set(at, from, tile);
        });
  }

  /** Subtracts [C_1 … C_4]·[V_1; …; V_4] from the rows that are left. */
  private void update(int start) {
    int found = rank - start;
    if (rank == n) {
      return;
    }
    algebra.withSmallProducts(
        products ->
            RowTiles.forEach(
                algebra.threads(),
                n - rank,
                tileRows(n - rank),
                (part, from, to) -> {
                  int row = rank + from;
                  FloatBlock c = contiguous(factors[part], to - from, found);
                  getFactors(products, row, start, c);
                  work.set(row, start, c);
                  int end;
                  for (int column = rank; column < width; column = end) {
                    cancellation.check();
                    end = work.endOfGroup(column);
                    FloatBlock tile = contiguous(tiles[part], to - from, end - column);
                    work.get(row, column, tile);
                    products.subtract(tile, c, v.block(0, column, found, end - column));
                    work.set(row, column, tile);
                  }
                }));
  }

  /** Returns a block without gaps between its rows, in the place of a larger one. */
  private static FloatBlock contiguous(FloatBlock place, int rows, int columns) {
    return new FloatBlock(place.data(), rows, columns, columns);
  }

  /** Returns the number of rows of a tile that gives each thread as many of them. */
  private int tileRows(int rows) {
    int threads = algebra.threads();
    int tiles = threads * ((rows + threads * TILE_ROWS - 1) / (threads * TILE_ROWS));
    return (rows + tiles - 1) / tiles;
  }

  private void reduce(FloatBlock tile) {
    float[] residues = new float[tile.columns()];
    for (int i = 0; i < tile.rows(); i++) {
      tile.getRow(i, 0, residues, residues.length);
      field.reduce(residues, residues.length);
      tile.setRow(i, 0, residues, residues.length);
    }
  }

  /** Copies a block into the upper left corner of another one. */
  private static void copy(FloatBlock from, FloatBlock to) {
    float[] row = new float[from.columns()];
    for (int i = 0; i < from.rows(); i++) {
      from.getRow(i, 0, row, row.length);
      to.setRow(i, 0, row, row.length);
    }
  }

  /** What is done with some columns of a panel: those of a group, or its last ones. */
  private interface ColumnTask {
    void accept(SmallProducts products, int from, int length);
  }

  private void inColumnTiles(int firstColumn, ColumnTask task) {
    List<Integer> starts = new ArrayList<>();
    for (int column = firstColumn; column < width; column = work.endOfGroup(column)) {
      starts.add(column);
    }
    algebra.withSmallProducts(
        products ->
            RowTiles.forEach(
                algebra.threads(),
                starts.size(),
                1,
                (part, tile, next) -> {
                  cancellation.check();
                  int from = starts.get(tile);
                  task.accept(products, from, work.endOfGroup(from) - from);
                }));
  }

  private void verify(float[][] combined) {
    List<Integer> panels = new ArrayList<>(panelStarts);
    panels.add(n);
    check.verify(
        combined,
        new EliminationCheck.Factors(work, rowOf, columnOf, panels),
        algebra.threads(),
        algebra.name(),
        progress,
        cancellation);
  }

  private int panelEnd(int k) {
    return k + 1 < panelStarts.size() ? panelStarts.get(k + 1) : rank;
  }

  @Override
  public void close() {
    work.close();
    memory.close();
  }
}
