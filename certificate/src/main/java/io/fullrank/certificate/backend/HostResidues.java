package io.fullrank.certificate.backend;

import io.fullrank.certificate.arithmetic.PrimeField;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.matrix.MatrixBlock;
import io.fullrank.certificate.matrix.NativeDoubles;
import io.fullrank.certificate.matrix.RowTiles;

/** Residues in the memory of the host, row-major, followed by as many rows as a panel has. */
final class HostResidues implements ResidueMatrix {

  private final DenseLinearAlgebra algebra;
  private final PrimeField field;
  private final int rows;
  private final int columns;
  private final Matrix work;

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
    NativeDoubles.requireMemoryFor(
        (double) matrix.rows() * matrix.columns() + (double) rowsWithPanel * columns,
        "eliminating "
            + rows
            + " rows of a matrix of "
            + matrix.rows()
            + " x "
            + matrix.columns()
            + " f64");
    this.work = Matrix.allocate(rowsWithPanel, columns);
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
    algebra.subtractProduct(
        MatrixBlock.of(work, start, fromColumn, size, length),
        MatrixBlock.of(work, start, start, size, size),
        MatrixBlock.of(work, rows, 0, size, length));
    reduce(start, start + size, fromColumn, toColumn);
  }

  @Override
  public void subtractProduct(
      int fromRow, int toRow, int fromColumn, int toColumn, int start, int size) {
    int count = toRow - fromRow;
    int length = toColumn - fromColumn;
    algebra.subtractProduct(
        MatrixBlock.of(work, fromRow, fromColumn, count, length),
        MatrixBlock.of(work, fromRow, start, count, size),
        MatrixBlock.of(work, start, fromColumn, size, length));
  }

  @Override
  public void close() {
    work.close();
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
