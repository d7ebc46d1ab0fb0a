package io.fullrank.certificate.backend;

import io.fullrank.certificate.arithmetic.PrimeField;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.MatrixBlock;
import io.fullrank.certificate.matrix.NativeDoubles;
import io.fullrank.certificate.matrix.RowTiles;
import java.util.Optional;

/**
 * Residues in the memory of the host, row-major, followed by as many rows as a panel has. Modulo a
 * wide prime, there is room for the halves of a panel's columns, and for a panel's rows times 2^13.
 */
final class HostResidues implements ResidueMatrix {

  private final DenseLinearAlgebra algebra;
  private final PrimeField field;
  private final int rows;
  private final int columns;
  private final Matrix work;
  private final Optional<Halves> halves;

  /**
   * Room for the factors of a product modulo a wide prime.
   *
   * @param left the lower halves of a panel's columns, and to their right the upper ones
   * @param shifted a panel's rows times 2^13, reduced
   */
  private record Halves(Matrix left, Matrix shifted) {}

  /** See {@link DenseLinearAlgebra#residues}. */
  HostResidues(
      DenseLinearAlgebra algebra,
      Matrix matrix,
      int rows,
      int columns,
      int panelRows,
      int modulus) {
    this.algebra = algebra;
    this.field = new PrimeField(modulus);
    this.rows = rows;
    this.columns = columns;
    int rowsWithPanel = rows + Math.min(panelRows, rows);
    int panel = rowsWithPanel - rows;
    double forHalves = field.isWide() ? 2.0 * rows * panel + (double) panel * columns : 0;
    NativeDoubles.requireMemoryFor(
        (double) matrix.rows() * matrix.columns() + (double) rowsWithPanel * columns + forHalves,
        "eliminating "
            + rows
            + " rows of a matrix of "
            + matrix.rows()
            + " x "
            + matrix.columns()
            + " f64");
    this.work = Matrix.allocate(rowsWithPanel, columns);
    this.halves =
        field.isWide()
            ? Optional.of(
                new Halves(Matrix.allocate(rows, 2L * panel), Matrix.allocate(panel, columns)))
            : Optional.empty();
  }

  @Override
  public void write(int fromRow, int toRow, int fromColumn, int count, RowSource source) {
    forEachRow(
        fromRow,
        toRow,
        count,
        (i, row) -> {
          source.row(i, row);
          work.setRow(i, fromColumn, row, 0, count);
        });
  }

  @Override
  public void read(int fromRow, int toRow, int fromColumn, int count, RowTarget target) {
    double[] row = new double[count];
    for (int i = fromRow; i < toRow; i++) {
      work.getRow(i, fromColumn, row, 0, count);
      target.row(i, row);
    }
  }

  @Override
  public void reduce(int fromRow, int toRow, int fromColumn, int toColumn) {
    int length = toColumn - fromColumn;
    forEachRow(
        fromRow,
        toRow,
        length,
        (i, row) -> {
          work.getRow(i, fromColumn, row, 0, length);
          field.reduce(row, length);
          work.setRow(i, fromColumn, row, 0, length);
        });
  }

  @Override
  public void swapRows(int i, int k) {
    double[] first = new double[columns];
    double[] second = new double[columns];
    work.getRow(i, 0, first, 0, columns);
    work.getRow(k, 0, second, 0, columns);
    work.setRow(i, 0, second, 0, columns);
    work.setRow(k, 0, first, 0, columns);
  }

  @Override
  public void swapColumns(int i, int k) {
    for (int row = 0; row < rows; row++) {
      double entry = work.get(row, i);
      work.set(row, i, work.get(row, k));
      work.set(row, k, entry);
    }
  }

  @Override
  public void multiplyPanel(int start, int size, int fromColumn, int toColumn) {
    int length = toColumn - fromColumn;
    double[] zeros = new double[length];
    // The backend only subtracts products: so the panel is negated, and the products are subtracted
    // from zero.
    forEachRow(
        0,
        size,
        length,
        (i, row) -> {
          work.getRow(start + i, fromColumn, row, 0, length);
          for (int j = 0; j < length; j++) {
            row[j] = -field.reduce(row[j]);
          }
          work.setRow(rows + i, 0, row, 0, length);
          work.setRow(start + i, fromColumn, zeros, 0, length);
        });
    subtract(start, start + size, fromColumn, length, start, size, rows, 0);
    reduce(start, start + size, fromColumn, toColumn);
  }

  @Override
  public void subtractProduct(
      int fromRow, int toRow, int fromColumn, int toColumn, int start, int size) {
    subtract(fromRow, toRow, fromColumn, toColumn - fromColumn, start, size, start, fromColumn);
  }

  /**
   * Subtracts from {@code length} columns, from {@code fromColumn} on, of some rows the product of
   * their {@code size} columns from {@code inner} on and of {@code size} rows from {@code right}
   * on, in columns from {@code rightColumn} on.
   */
  private void subtract(
      int fromRow,
      int toRow,
      int fromColumn,
      int length,
      int inner,
      int size,
      int right,
      int rightColumn) {
    int count = toRow - fromRow;
    MatrixBlock target = MatrixBlock.of(work, fromRow, fromColumn, count, length);
    MatrixBlock factor = MatrixBlock.of(work, right, rightColumn, size, length);
    if (halves.isEmpty()) {
      algebra.subtractProduct(target, MatrixBlock.of(work, fromRow, inner, count, size), factor);
      return;
    }
    Matrix left = halves.get().left();
    Matrix shifted = halves.get().shifted();
    forEachRow(
        0,
        count,
        size,
        (i, lower) -> {
          double[] upper = new double[size];
          work.getRow(fromRow + i, inner, lower, 0, size);
          PrimeField.split(lower, upper, size);
          left.setRow(i, 0, lower, 0, size);
          left.setRow(i, size, upper, 0, size);
        });
    forEachRow(
        0,
        size,
        length,
        (i, row) -> {
          work.getRow(right + i, rightColumn, row, 0, length);
          field.shift(row, length);
          shifted.setRow(i, 0, row, 0, length);
        });
    algebra.subtractProduct(target, MatrixBlock.of(left, 0, 0, count, size), factor);
    algebra.subtractProduct(
        target,
        MatrixBlock.of(left, 0, size, count, size),
        MatrixBlock.of(shifted, 0, 0, size, length));
  }

  @Override
  public void close() {
    work.close();
    halves.ifPresent(
        room -> {
          room.left().close();
          room.shifted().close();
        });
  }

  private interface RowTask {
    /** Processes one row; no other thread uses {@code scratch}. */
    void accept(int row, double[] scratch);
  }

  /** Spreads rows over as many threads as the backend may use. */
  private void forEachRow(int from, int to, int length, RowTask task) {
    RowTiles.forEachPart(
        algebra.threads(),
        from,
        to,
        length,
        (start, end) -> {
          double[] scratch = new double[length];
          for (int i = start; i < end; i++) {
            task.accept(i, scratch);
          }
        });
  }
}
