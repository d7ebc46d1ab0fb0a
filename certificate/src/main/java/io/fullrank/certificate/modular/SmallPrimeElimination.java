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
import java.util.Arrays;
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
 * these, in panels of 512 rows. The rows below are updated by two panels at a time: with the blocks
 * C_1 and C_2 of L in a row, and V_1 and V_2 of U, its remaining entries lose [C_1 C_2]·[V_1; V_2],
 * a sum of at most 1024 products, which is reduced once. Between updates residues are packed, see
 * {@link PackedResidues}. Each thread updates tiles of its own.
 *
 * <p><b>Check.</b> If all n rows have pivots, in columns Q, a row vector β is drawn at random, ξ =
 * βU^{-1}L^{-1} is computed, and ξA_Q = β is verified with residues of the matrix itself, read
 * anew, in Java and exactly. If A_Q were singular modulo p, at most one β in p would be of that
 * form. {@value #CHECK_VECTORS} of them let a wrong rank pass with probability below 2^-62.
 */
final class SmallPrimeElimination implements AutoCloseable {

  /** Rows of a panel; two panels and a residue stay below the largest exact sum. */
  private static final int PANEL = 512;

  /** Columns of a panel besides PANEL of them, in case that these are dependent. */
  private static final int SPARE = 32;

  /** The largest number of rows of a tile: for fewer, products take longer to prepare. */
  private static final int TILE_ROWS = 1024;

  private static final int CHECK_VECTORS = 8;

  private final ResidueRows matrix;
  private final SmallPrimeField field;
  private final DenseLinearAlgebra algebra;
  private final SplittableRandom random;
  private final Progress progress;
  private final Cancellation cancellation;
  private final int n;
  private final int width;
  private final PackedResidues work;
  private final NativeBytes memory;

  /** V of two panels, in the columns of {@link #work}. */
  private final FloatBlock v;

  /** The rows of a panel while its pivots are looked for, in the columns of {@link #work}. */
  private final FloatBlock panel;

  /** C of the rows of a panel. */
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
    this.random = random;
    this.progress = progress;
    this.cancellation = cancellation;
    this.n = matrix.rows();
    this.width = matrix.columns();
    this.rowOf = IntStream.range(0, n).toArray();
    this.columnOf = IntStream.range(0, width).toArray();
    int threads = algebra.threads();
    int panelRows = Math.min(PANEL, n);
    int tileRows = Math.min(TILE_ROWS, n);
    int tileColumns = PackedResidues.groupColumns(width);
    NativeBytes.requireMemoryFor(
        bytes(n, width, threads), "the rank of " + n + " rows modulo a small prime");
    this.memory =
        NativeBytes.allocate(floats(n, width, threads) * Float.BYTES, "panels of residues");
    this.v = block(0, 2 * panelRows, width);
    this.panel = block(2L * panelRows * width, panelRows, width);
    long next = 3L * panelRows * width;
    this.panelFactors = block(next, panelRows, panelRows);
    next += (long) panelRows * panelRows;
    this.window = block(next, panelRows, panelRows + SPARE);
    next += (long) panelRows * (panelRows + SPARE);
    this.tiles = new FloatBlock[threads];
    this.factors = new FloatBlock[threads];
    for (int t = 0; t < threads; t++) {
      tiles[t] = block(next, tileRows, tileColumns);
      next += (long) tileRows * tileColumns;
      factors[t] = block(next, tileRows, 2 * panelRows);
      next += 2L * tileRows * panelRows;
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
    long tileRows = Math.min(TILE_ROWS, rows);
    return panelRows * (3 * columns + 2 * panelRows + SPARE)
        + threads * tileRows * (PackedResidues.groupColumns(columns) + 2 * panelRows);
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
      elimination.load();
      if (!elimination.eliminate()) {
        return false;
      }
      elimination.check();
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

  private void load() {
    AtomicInteger loaded = new AtomicInteger();
    matrix.forEach(
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
      if (!findPivots(start)) {
        return false;
      }
      int first = rank - start;
      if (rank < n && !findPivots(start)) {
        return false;
      }
      update(start, first, rank - start - first);
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
   * @param start the first row of the last panel, by which the rows after it have still to be
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

  /** Copies the next rows, less what the last panel eliminates from them. */
  private void loadPanel(FloatBlock rows, int start) {
    int pending = rank - start;
    FloatBlock c = panelFactors.block(0, 0, rows.rows(), pending);
    work.get(rank, start, c);
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

  /** Replaces the rows with pivots, [D R], by [T V] with T = D^{-1} and V = T·R. */
  private void multiplyByInverse(FloatBlock rows, int found, int at, int start) {
    int above = at - start;
    FloatBlock inverse = window.block(0, 0, found, found);
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

  /**
   * Subtracts [C_1 C_2]·[V_1; V_2] from the rows that are left, where C_2 has to be found first.
   */
  private void update(int start, int first, int second) {
    int found = first + second;
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
                  FloatBlock c = factors[part].block(0, 0, to - from, found);
                  work.get(row, start, c);
                  if (second > 0) {
                    FloatBlock c2 = c.block(0, first, to - from, second);
                    products.subtract(
                        c2,
                        c.block(0, 0, to - from, first),
                        v.block(0, start + first, first, second));
                    reduce(c2);
                    work.set(row, start + first, c2);
                  }
                  int end;
                  for (int column = rank; column < width; column = end) {
                    cancellation.check();
                    end = work.endOfGroup(column);
                    FloatBlock tile = tiles[part].block(0, 0, to - from, end - column);
                    work.get(row, column, tile);
                    products.subtract(tile, c, v.block(0, column, found, end - column));
                    work.set(row, column, tile);
                  }
                }));
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

  /** Verifies that the columns with pivots form a nonsingular matrix modulo p. */
  private void check() {
    float[][] drawn = new float[CHECK_VECTORS][n];
    ResidueSums[] sums = new ResidueSums[CHECK_VECTORS];
    for (int k = 0; k < CHECK_VECTORS; k++) {
      for (int j = 0; j < n; j++) {
        drawn[k][j] = random.nextInt(field.modulus()) - field.modulus() / 2;
      }
      sums[k] = new ResidueSums(field, drawn[k].clone());
    }
    int each = (CHECK_VECTORS + algebra.threads() - 1) / algebra.threads();
    RowTiles.forEach(
        algebra.threads(),
        CHECK_VECTORS,
        each,
        (part, from, to) -> {
          ResidueSums[] some = Arrays.copyOfRange(sums, from, to);
          solveU(some);
          solveL(some);
        });
    float[][] products = combineRows(sums);
    float[] difference = new float[n];
    for (int k = 0; k < CHECK_VECTORS; k++) {
      for (int j = 0; j < n; j++) {
        difference[j] = products[k][j] - drawn[k][j];
      }
      field.reduce(difference, n);
      for (float entry : difference) {
        if (entry != 0) {
          throw new InexactBackendException(
              "elimination modulo "
                  + field.modulus()
                  + " failed its check in exact arithmetic: products of integers by the backend "
                  + algebra.name()
                  + " are not exact, so it cannot be used for certificates");
        }
      }
    }
  }

  /** Replaces each row vector y by the x with xU = y. */
  private void solveU(ResidueSums[] ys) {
    float[] row = new float[n];
    for (int k = 0; k < panelStarts.size(); k++) {
      cancellation.check();
      int to = panelEnd(k);
      Arrays.stream(ys).forEach(ResidueSums::reduce);
      for (int i = panelStarts.get(k); i < to; i++) {
        work.getRow(i, to, n - to, row);
        for (ResidueSums y : ys) {
          y.subtractMultiple(y.values[i], row, to, n - to);
        }
      }
    }
  }

  /** Replaces each row vector y by the x with xL = y. */
  private void solveL(ResidueSums[] ys) {
    float[] row = new float[n];
    for (int k = panelStarts.size() - 1; k >= 0; k--) {
      cancellation.check();
      int from = panelStarts.get(k);
      int size = panelEnd(k) - from;
      ResidueSums[] xs = new ResidueSums[ys.length];
      for (int v = 0; v < ys.length; v++) {
        ys[v].reduce();
        xs[v] = new ResidueSums(field, new float[size]);
      }
      for (int i = from; i < from + size; i++) {
        work.getRow(i, from, size, row);
        for (int v = 0; v < ys.length; v++) {
          xs[v].subtractMultiple(-ys[v].values[i], row, 0, size);
        }
      }
      for (int v = 0; v < ys.length; v++) {
        xs[v].reduce();
        System.arraycopy(xs[v].values, 0, ys[v].values, from, size);
      }
      for (int i = from; i < from + size; i++) {
        work.getRow(i, 0, from, row);
        for (ResidueSums y : ys) {
          y.subtractMultiple(y.values[i], row, 0, from);
        }
      }
    }
    Arrays.stream(ys).forEach(ResidueSums::reduce);
  }

  private int panelEnd(int k) {
    return k + 1 < panelStarts.size() ? panelStarts.get(k + 1) : n;
  }

  /** Combines the rows of the matrix, read anew, in the columns with pivots. */
  private float[][] combineRows(ResidueSums[] combinations) {
    float[][] coefficients = new float[CHECK_VECTORS][n];
    for (int k = 0; k < CHECK_VECTORS; k++) {
      for (int i = 0; i < n; i++) {
        coefficients[k][rowOf[i]] = combinations[k].values[i];
      }
    }
    return matrix.combine(coefficients, Arrays.copyOf(columnOf, n), progress, cancellation);
  }

  @Override
  public void close() {
    work.close();
    memory.close();
  }
}
