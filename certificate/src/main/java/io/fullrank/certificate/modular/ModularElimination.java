package io.fullrank.certificate.modular;

import io.fullrank.certificate.arithmetic.PrimeField;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.backend.ResidueMatrix;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.InsufficientMemoryException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * Gaussian elimination over GF(p) of some rows of a matrix. It finds their rank modulo p, and
 * checks it without trusting the backend.
 *
 * <p><b>Elimination.</b> The residues of the first n columns are eliminated in panels of rows, with
 * column pivoting (any nonzero pivot is as good as another), and the products are the backend's
 * (DGP08). With rows and columns in pivot order, panel k of r_k rows leaves the factors of
 *
 * <pre>
 *   A = L·U,  L block lower triangular with diagonal blocks D_k and blocks C_ik below,
 *             U block upper triangular with diagonal blocks I and blocks V_kj to the right,
 * </pre>
 *
 * in place of A, but with T_k = D_k^{-1} in the place of D_k: panels are reduced by Gauss-Jordan
 * steps, so T_k and V_k come from the same products and no triangular system is ever solved. A row
 * that becomes zero within the loaded columns has no pivot; it moves to the end, keeping its C. If
 * such rows are left at the end, a random combination of them shows which further columns of the
 * matrix are useful, and these replace columns without pivots, until there are none.
 *
 * <p><b>Check.</b> With rank r found in rows P and columns Q, a row vector β is drawn at random, ξ
 * = βU^{-1}L^{-1} is computed, and ξA_PQ = β is verified with the residues of the matrix itself, in
 * Java and exactly. If A_PQ were singular modulo p, at most one β in p would be of that form. If r
 * is less than the number of rows, a relation ν between the rows is computed, not zero, and νA = 0
 * is verified for all columns in the same way; this needs no probability.
 */
public final class ModularElimination implements AutoCloseable {

  /** Rows eliminated at a time; the inner dimension of the large products. */
  static final int PANEL_ROWS = 128;

  /** Columns that may be added at a time when the first n do not suffice. */
  static final int SPARE_COLUMNS = 256;

  /** Entries updated between two questions to the cancellation: a few tenths of a second. */
  private static final long MAX_STRIPE_ENTRIES = 1L << 26;

  /** Random vectors in the check: a wrong rank passes with probability below 2^-63. */
  private static final int CHECK_VECTORS = 3;

  private final Matrix matrix;
  private final PrimeField field;
  private final DenseLinearAlgebra algebra;
  private final Cancellation cancellation;
  private final SplittableRandom random;

  /** The number of rows that are eliminated. */
  private final int n;

  /** The number of columns of {@link #work}: n (or all, if there are fewer) and the spare ones. */
  private final int width;

  /** n rows for the factors and what is still to be eliminated. */
  private final ResidueMatrix work;

  /** The row of the matrix in each row of {@link #work}. */
  private final int[] rowOf;

  /** The column of the matrix in each column of {@link #work}. */
  private final int[] columnOf;

  private final boolean[] columnSeen;

  /** The first row and column of each panel. */
  private final List<Integer> panelStarts = new ArrayList<>();

  private int rank;

  private ModularElimination(
      Matrix matrix,
      List<Integer> rows,
      PrimeField field,
      DenseLinearAlgebra algebra,
      SplittableRandom random,
      Cancellation cancellation) {
    this.matrix = matrix;
    this.field = field;
    this.algebra = algebra;
    this.cancellation = cancellation;
    this.random = random;
    this.n = rows.size();
    int columns = Math.toIntExact(matrix.columns());
    int first = Math.min(n, columns);
    this.width = first + Math.min(SPARE_COLUMNS, columns - first);
    this.rowOf = rows.stream().mapToInt(Integer::intValue).toArray();
    this.columnOf = IntStream.range(0, width).toArray();
    this.columnSeen = new boolean[columns];
    this.work = algebra.residues(matrix, n, width, PANEL_ROWS, field.modulus());
  }

  /**
   * The result of an elimination.
   *
   * @param rank a verified lower bound on the rank of the rows modulo p
   * @param relation empty if that is the number of rows; otherwise the rows of a verified linear
   *     relation modulo p, ascending
   */
  public record Result(int rank, List<Integer> relation) {}

  /**
   * Eliminates rows of a matrix.
   *
   * @param matrix (input) Φ, finite
   * @param rows (input) the numbers of the rows to eliminate
   * @param field GF(p)
   * @param random draws the vectors of the check
   * @throws InexactBackendException if the check fails
   * @throws InsufficientMemoryException if the residues do not fit
   * @throws CertificationCancelledException if cancelled
   */
  public static Result run(
      Matrix matrix,
      List<Integer> rows,
      PrimeField field,
      DenseLinearAlgebra algebra,
      SplittableRandom random,
      Cancellation cancellation) {
    return run(matrix, rows, field, algebra, random, cancellation, factors -> {});
  }

  /**
   * Eliminates rows of a matrix, and hands on the factors if the rows are independent modulo p.
   *
   * @param matrix (input) Φ, finite
   * @param rows (input) the numbers of the rows to eliminate
   * @param field GF(p)
   * @param random draws the vectors of the check
   * @param proven is given the factors, which may be read until it returns
   * @throws InexactBackendException if the check fails
   * @throws InsufficientMemoryException if the residues do not fit
   * @throws CertificationCancelledException if cancelled
   */
  public static Result run(
      Matrix matrix,
      List<Integer> rows,
      PrimeField field,
      DenseLinearAlgebra algebra,
      SplittableRandom random,
      Cancellation cancellation,
      Consumer<ModularFactors> proven) {
    try (ModularElimination elimination =
        new ModularElimination(matrix, rows, field, algebra, random, cancellation)) {
      Result result = elimination.run();
      if (result.rank() == rows.size()) {
        proven.accept(elimination.factors());
      }
      return result;
    }
  }

  private ModularFactors factors() {
    return ModularFactors.of(
        field.modulus(),
        n,
        rowOf,
        columnOf,
        panelStarts,
        (i, into) ->
            work.read(
                i,
                i + 1,
                0,
                n,
                (row, entries) -> {
                  for (int j = 0; j < n; j++) {
                    into[j] = (int) entries[j];
                  }
                }));
  }

  private Result run() {
    int first = Math.min(n, width);
    load(0, Arrays.copyOf(columnOf, first));
    eliminate(first, 1);
    List<Integer> relation = List.of();
    while (rank < n) {
      double[] combination = new double[n - rank];
      Arrays.setAll(combination, i -> randomResidue());
      int[] useful = usefulColumns(relationFrom(combination));
      if (useful.length == 0) {
        double[] single = new double[n - rank];
        single[0] = 1;
        double[] candidate = relationFrom(single);
        useful = usefulColumns(candidate);
        if (useful.length == 0) {
          relation =
              IntStream.range(0, n)
                  .filter(i -> candidate[i] != 0)
                  .mapToObj(i -> rowOf[i])
                  .sorted()
                  .toList();
          break;
        }
      }
      append(useful);
    }
    checkRank();
    return new Result(rank, relation);
  }

  /** Puts the residues of columns of the matrix into {@link #work}, from a column on. */
  private void load(int at, int[] columns) {
    int[] runs = runs(columns, columns.length);
    work.write(
        0,
        n,
        at,
        columns.length,
        (i, row) -> {
          cancellation.check();
          map(i, columns, runs, row);
        });
    for (int j = 0; j < columns.length; j++) {
      columnOf[at + j] = columns[j];
      columnSeen[columns[j]] = true;
    }
  }

  /**
   * Cuts the first {@code count} of some columns into runs of consecutive ones, to be read at once.
   *
   * @return where each begins, and {@code count} at the end
   */
  private static int[] runs(int[] columns, int count) {
    return IntStream.rangeClosed(0, count)
        .filter(j -> j == 0 || j == count || columns[j] != columns[j - 1] + 1)
        .toArray();
  }

  /** Reads the residues of a row's entries in some columns. */
  private void map(int i, int[] columns, int[] runs, double[] into) {
    for (int run = 0; run + 1 < runs.length; run++) {
      int from = runs[run];
      matrix.getRow(rowOf[i], columns[from], into, from, runs[run + 1] - from);
    }
    field.map(into, runs[runs.length - 1]);
  }

  /**
   * Eliminates the columns from {@link #rank} to {@code end} of the rows from {@link #rank} on.
   *
   * @param pending the number of products that each of these entries sums up, unreduced; a residue
   *     counts as one
   */
  private void eliminate(int end, int pending) {
    int products = pending;
    int bottom = n;
    while (rank < bottom && rank < end) {
      cancellation.check();
      if (products + PANEL_ROWS > PrimeField.MAX_PRODUCTS) {
        work.reduce(rank, bottom, rank, end);
        products = 1;
      }
      int height = Math.min(PANEL_ROWS, bottom - rank);
      int window = Math.min(height, end - rank);
      work.reduce(rank, rank + height, rank, end);
      PivotBlock pivots = PivotBlock.of(copy(height, window), field);
      int found = pivots.rank();
      for (int i = 0; i < found; i++) {
        swapRows(rank + i, rank + pivots.rowSwap(i));
        swapColumns(rank + i, rank + pivots.columnSwap(i));
      }
      if (found > 0) {
        int below = rank + found;
        solvePanel(pivots, end);
        work.reduce(below, bottom, rank, below);
        update(below, bottom, rank, found, below, end);
        products += found;
        panelStarts.add(rank);
        rank = below;
      }
      bottom = settle(height - found, window - found, bottom, end);
    }
  }

  /** Subtracts C·V from rows below a panel, in stripes that are short enough to be cancelled. */
  private void update(
      int fromRow, int toRow, int panelStart, int panelSize, int fromColumn, int toColumn) {
    int columns = toColumn - fromColumn;
    int stripe = (int) Math.max(PANEL_ROWS, MAX_STRIPE_ENTRIES / Math.max(1, columns));
    for (int row = fromRow; row < toRow; row += stripe) {
      cancellation.check();
      work.subtractProduct(
          row, Math.min(row + stripe, toRow), fromColumn, toColumn, panelStart, panelSize);
    }
  }

  /** Copies the upper left corner of the rows and columns that are still to be eliminated. */
  private double[][] copy(int height, int length) {
    double[][] block = new double[height][length];
    work.read(
        rank,
        rank + height,
        rank,
        length,
        (i, row) -> System.arraycopy(row, 0, block[i - rank], 0, length));
    return block;
  }

  /** Replaces the panel's rows with pivots, [D R], by [T V] with T = D^{-1} and V = T·R. */
  private void solvePanel(PivotBlock pivots, int end) {
    int found = pivots.rank();
    work.write(
        rank,
        rank + found,
        rank,
        found,
        (i, row) -> System.arraycopy(pivots.inverseRow(i - rank), 0, row, 0, found));
    work.multiplyPanel(rank, found, rank + found, end);
  }

  /**
   * Moves the rows and columns of the last panel that are left without pivots: such columns are
   * swapped with the last ones, so that columns of zeros gather there; rows that are zero move to
   * the end; and for the other rows, a column in which they are not zero is brought to the front,
   * so that the next panel makes progress.
   *
   * @param rows the number of such rows, from {@link #rank} on
   * @param columns the number of such columns, from {@link #rank} on
   * @return the new end of the rows that are not zero
   */
  private int settle(int rows, int columns, int bottom, int end) {
    for (int j = 0; j < columns && rank + j < end - 1 - j; j++) {
      swapColumns(rank + j, end - 1 - j);
    }
    int active = bottom;
    for (int i = rank + rows - 1; i >= rank; i--) {
      work.reduce(i, i + 1, rank, end);
      int nonzero = lastNonzero(i, end);
      if (nonzero < 0) {
        swapRows(i, --active);
      } else {
        swapColumns(Math.min(i, end - 1), rank + nonzero);
      }
    }
    return active;
  }

  /** Returns the last place, counted from {@link #rank}, where a row is not zero, or −1. */
  private int lastNonzero(int row, int end) {
    int length = end - rank;
    int[] last = {length - 1};
    work.read(
        row,
        row + 1,
        rank,
        length,
        (i, entries) -> {
          while (last[0] >= 0 && entries[last[0]] == 0) {
            last[0]--;
          }
        });
    return last[0];
  }

  private void swapRows(int i, int k) {
    if (i == k) {
      return;
    }
    work.swapRows(i, k);
    int row = rowOf[i];
    rowOf[i] = rowOf[k];
    rowOf[k] = row;
  }

  private void swapColumns(int i, int k) {
    if (i == k) {
      return;
    }
    work.swapColumns(i, k);
    int column = columnOf[i];
    columnOf[i] = columnOf[k];
    columnOf[k] = column;
  }

  /**
   * Returns the relation ν with ν_i given for the rows without pivots, in the order of {@link
   * #work}: it is zero in all columns with pivots.
   */
  private double[] relationFrom(double[] withoutPivots) {
    FieldSum sum = new FieldSum(rank);
    for (int i = 0; i < withoutPivots.length; i++) {
      double factor = withoutPivots[i];
      if (factor != 0) {
        work.read(
            rank + i,
            rank + i + 1,
            0,
            rank,
            (k, row) -> sum.subtractMultiple(factor, row, 0, 0, rank));
      }
    }
    double[] relation = Arrays.copyOf(solveL(new FieldSum[] {sum})[0], n);
    System.arraycopy(withoutPivots, 0, relation, rank, withoutPivots.length);
    return relation;
  }

  /** Returns the columns of the matrix in which a combination of the rows is not zero. */
  private int[] usefulColumns(double[] combination) {
    int columns = Math.toIntExact(matrix.columns());
    int[] all = IntStream.range(0, columns).toArray();
    double[] sums = combineRows(new double[][] {combination}, n, all, columns)[0];
    for (int j = 0; j < columns; j++) {
      if (sums[j] != 0 && columnSeen[j]) {
        throw inexact();
      }
    }
    return IntStream.range(0, columns).filter(j -> sums[j] != 0).toArray();
  }

  /** Puts columns after those with pivots, and goes on eliminating. */
  private void append(int[] useful) {
    int count = Math.min(useful.length, width - rank);
    int start = rank;
    load(start, Arrays.copyOf(useful, count));
    int products = 1;
    for (int k = 0; k < panelStarts.size(); k++) {
      cancellation.check();
      int from = panelStarts.get(k);
      int to = k + 1 < panelStarts.size() ? panelStarts.get(k + 1) : start;
      if (products + PANEL_ROWS > PrimeField.MAX_PRODUCTS) {
        work.reduce(from, n, start, start + count);
        products = 1;
      }
      work.reduce(from, to, start, start + count);
      work.multiplyPanel(from, to - from, start, start + count);
      update(to, n, from, to - from, start, start + count);
      products += to - from;
    }
    eliminate(start + count, products);
    if (rank == start) {
      throw inexact();
    }
  }

  /** Verifies that the rows and columns with pivots form a nonsingular matrix modulo p. */
  private void checkRank() {
    double[][] drawn = new double[CHECK_VECTORS][rank];
    FieldSum[] sums = new FieldSum[CHECK_VECTORS];
    for (int k = 0; k < CHECK_VECTORS; k++) {
      Arrays.setAll(drawn[k], j -> randomResidue());
      sums[k] = new FieldSum(drawn[k]);
    }
    solveU(sums);
    double[][] products = combineRows(solveL(sums), rank, columnOf, rank);
    for (int k = 0; k < CHECK_VECTORS; k++) {
      for (int j = 0; j < rank; j++) {
        if (field.reduce(products[k][j] - drawn[k][j]) != 0) {
          throw inexact();
        }
      }
    }
  }

  private double randomResidue() {
    return field.reduce(random.nextInt(field.modulus()));
  }

  private InexactBackendException inexact() {
    return new InexactBackendException(
        "elimination modulo "
            + field.modulus()
            + " failed its check in exact arithmetic: products of integers by the backend "
            + algebra.name()
            + " are not exact, so it cannot be used for certificates");
  }

  /** Replaces each row vector y by the x with xU = y. */
  private void solveU(FieldSum[] ys) {
    for (int k = 0; k < panelStarts.size(); k++) {
      cancellation.check();
      int from = panelStarts.get(k);
      int to = panelEnd(k);
      for (FieldSum y : ys) {
        y.reduce();
      }
      work.read(
          from,
          to,
          to,
          rank - to,
          (i, row) -> {
            for (FieldSum y : ys) {
              y.subtractMultiple(y.values[i], row, 0, to, rank);
            }
          });
    }
  }

  /** Replaces each row vector y by the x with xL = y, and returns these. */
  private double[][] solveL(FieldSum[] ys) {
    for (int k = panelStarts.size() - 1; k >= 0; k--) {
      cancellation.check();
      int from = panelStarts.get(k);
      int to = panelEnd(k);
      FieldSum[] xs = new FieldSum[ys.length];
      for (int v = 0; v < ys.length; v++) {
        ys[v].reduce();
        xs[v] = new FieldSum(to - from);
      }
      work.read(
          from,
          to,
          from,
          to - from,
          (i, row) -> {
            for (int v = 0; v < ys.length; v++) {
              xs[v].subtractMultiple(-ys[v].values[i], row, 0, 0, to - from);
            }
          });
      for (int v = 0; v < ys.length; v++) {
        xs[v].reduce();
        System.arraycopy(xs[v].values, 0, ys[v].values, from, to - from);
      }
      work.read(
          from,
          to,
          0,
          from,
          (i, row) -> {
            for (FieldSum y : ys) {
              y.subtractMultiple(y.values[i], row, 0, 0, from);
            }
          });
    }
    return Arrays.stream(ys).map(FieldSum::reduce).toArray(double[][]::new);
  }

  private int panelEnd(int k) {
    return k + 1 < panelStarts.size() ? panelStarts.get(k + 1) : rank;
  }

  /**
   * Combines rows of the matrix, read anew.
   *
   * @param factors one vector of residues for each combination, over the first {@code rows} rows in
   *     the order of {@link #work}
   * @param columns the columns to combine; only the first {@code count} are used
   * @return {@code count} residues for each combination
   */
  private double[][] combineRows(double[][] factors, int rows, int[] columns, int count) {
    int[] runs = runs(columns, count);
    double[][] combinations = new double[factors.length][count];
    RowTiles.forEachPart(
        algebra.threads(),
        0,
        rows,
        count,
        (from, to) -> {
          double[] row = new double[count];
          FieldSum[] sums = new FieldSum[factors.length];
          Arrays.setAll(sums, k -> new FieldSum(count));
          for (int i = from; i < to; i++) {
            cancellation.check();
            map(i, columns, runs, row);
            for (int k = 0; k < factors.length; k++) {
              sums[k].subtractMultiple(-factors[k][i], row, 0, 0, count);
            }
          }
          synchronized (combinations) {
            for (int k = 0; k < factors.length; k++) {
              double[] part = sums[k].reduce();
              for (int j = 0; j < count; j++) {
                combinations[k][j] = field.reduce(combinations[k][j] + part[j]);
              }
            }
          }
        });
    return combinations;
  }

  /** A vector of sums of products that is reduced before the sums become inexact. */
  private final class FieldSum {
    private final double[] values;
    private int products;

    FieldSum(int length) {
      this.values = new double[length];
    }

    /** Starts from residues. */
    FieldSum(double[] residues) {
      this.values = residues.clone();
      this.products = 1;
    }

    /** Subtracts a multiple of residues, the first of them at {@code offset}, in some places. */
    void subtractMultiple(double factor, double[] row, int offset, int from, int to) {
      if (products == PrimeField.MAX_PRODUCTS) {
        reduce();
      }
      int length = to - from;
      for (int j = 0; j < length; j++) {
        values[from + j] -= factor * row[offset + j];
      }
      products++;
    }

    /** Replaces the values by residues of the same classes, and returns them. */
    double[] reduce() {
      field.reduce(values, values.length);
      products = 1;
      return values;
    }
  }

  @Override
  public void close() {
    work.close();
  }
}
