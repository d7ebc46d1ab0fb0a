package io.fullrank.certificate.modular;

import io.fullrank.certificate.arithmetic.SmallPrimeField;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.matrix.Rows;
import io.fullrank.certificate.result.Cancellation;
import java.util.Arrays;

/** The residues of the first columns of a matrix of finite f64 numbers. */
final class MatrixResidues implements ResidueRows {

  /** Columns of the rows of a tile that are combined at a time. */
  private static final int PIECE_COLUMNS = 512;

  private final Rows matrix;
  private final int width;
  private final SmallPrimeField field;
  private final int threads;

  /**
   * Reads a matrix when residues are asked for.
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
  public float[][] forEach(float[][] coefficients, Cancellation cancellation, Target target) {
    int count = coefficients.length;
    RowCombinations[] parts = new RowCombinations[threads];
    Arrays.setAll(
        parts, part -> new RowCombinations(field, new float[count][width], PIECE_COLUMNS));
    RowTiles.forEach(
        threads,
        rows(),
        Math.max(RowCombinations.ROWS, matrix.rowsTogether()),
        (part, from, to) -> {
          for (int first = from; first < to; first += RowCombinations.ROWS) {
            int end = Math.min(to, first + RowCombinations.ROWS);
            float[][] residues = read(first, end, cancellation, target);
            float[][] factors = new float[count][];
            for (int k = 0; k < count; k++) {
              factors[k] = Arrays.copyOfRange(coefficients[k], first, end);
            }
            subtract(parts[part], factors, residues);
          }
        });
    float[][] combined = new float[count][];
    for (int k = 0; k < count; k++) {
      // Minus the sum of what the parts hold, which is minus the combination.
      ResidueSums sum = new ResidueSums(field, new float[width]);
      for (RowCombinations part : parts) {
        sum.subtractMultiple(1, part.residues(k), 0, width);
      }
      combined[k] = sum.reduce();
    }
    return combined;
  }

  /** Reads some rows, hands on their residues, and returns them. */
  private float[][] read(int from, int to, Cancellation cancellation, Target target) {
    double[] row = new double[width];
    float[][] residues = new float[to - from][width];
    for (int i = from; i < to; i++) {
      cancellation.check();
      matrix.getRow(i, 0, row, 0, width);
      field.map(row, residues[i - from], width);
      target.residues(i, 0, residues[i - from], width);
    }
    return residues;
  }

  private static void subtract(RowCombinations from, float[][] factors, float[][] rows) {
    float[][] part = new float[rows.length][];
    for (int piece = 0; piece < from.pieces(); piece++) {
      int start = from.start(piece);
      int end = from.end(piece);
      Arrays.setAll(part, i -> Arrays.copyOfRange(rows[i], start, end));
      from.subtract(piece, factors, part);
    }
  }
}
