package io.fullrank.certificate.modular;

import io.fullrank.certificate.arithmetic.SmallPrimeField;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.Progress;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;

/** The residues of the first columns of a matrix of finite f64 numbers. */
final class MatrixResidues implements ResidueRows {

  private static final int TILE_ROWS = 16;

  private final Rows matrix;
  private final int width;
  private final SmallPrimeField field;
  private final int threads;

  /**
   * Reads a matrix whenever residues are asked for.
   *
   * @param width the number of columns
   */
  MatrixResidues(Rows matrix, int width, SmallPrimeField field, int threads) {
    this.matrix = matrix;
    this.width = width;
    this.field = field;
    this.threads = threads;
  }

  @Override
  public int rows() {
    return Math.toIntExact(matrix.rows());
  }

  @Override
  public int columns() {
    return width;
  }

  @Override
  public void forEach(Cancellation cancellation, Target target) {
    RowTiles.forEach(
        threads,
        rows(),
        Math.max(TILE_ROWS, matrix.rowsTogether()),
        (part, from, to) -> {
          double[] row = new double[width];
          float[] residues = new float[width];
          for (int i = from; i < to; i++) {
            cancellation.check();
            matrix.getRow(i, 0, row, 0, width);
            field.map(row, residues, width);
            target.residues(i, 0, residues, width);
          }
        });
  }

  @Override
  public float[][] combine(
      float[][] coefficients, int[] columns, Progress progress, Cancellation cancellation) {
    int count = columns.length;
    AtomicInteger combined = new AtomicInteger();
    ResidueSums[] totals = zeros(coefficients.length, count);
    RowTiles.forEachPart(
        threads,
        0,
        rows(),
        count,
        (from, to) -> {
          double[] row = new double[width];
          float[] residues = new float[width];
          float[] chosen = new float[count];
          ResidueSums[] sums = zeros(coefficients.length, count);
          for (int i = from; i < to; i++) {
            cancellation.check();
            matrix.getRow(i, 0, row, 0, width);
            field.map(row, residues, width);
            for (int j = 0; j < count; j++) {
              chosen[j] = residues[columns[j]];
            }
            for (int k = 0; k < sums.length; k++) {
              sums[k].subtractMultiple(-coefficients[k][i], chosen, 0, count);
            }
            progress.report("check", combined.incrementAndGet(), rows());
          }
          synchronized (totals) {
            for (int k = 0; k < sums.length; k++) {
              totals[k].subtractMultiple(-1, sums[k].reduce(), 0, count);
            }
          }
        });
    return Arrays.stream(totals).map(ResidueSums::reduce).toArray(float[][]::new);
  }

  private ResidueSums[] zeros(int count, int length) {
    ResidueSums[] sums = new ResidueSums[count];
    Arrays.setAll(sums, k -> new ResidueSums(field, new float[length]));
    return sums;
  }
}
