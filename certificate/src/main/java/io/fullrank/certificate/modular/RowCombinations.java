package io.fullrank.certificate.modular;

import io.fullrank.certificate.arithmetic.SmallPrimeField;
import java.util.Arrays;

/**
 * Several linear combinations of the same rows of residues, computed in Java, in pieces of columns
 * that are short enough for a cache: each number of a row is loaded once for all combinations.
 */
final class RowCombinations {

  /** Rows that are best combined at a time. */
  static final int ROWS = 16;

  private final int pieceColumns;
  private final int length;

  /** The sums of each piece and combination. */
  private final ResidueSums[][] sums;

  /**
   * Starts from residues.
   *
   * @param residues (input) as many rows as there are combinations
   * @param pieceColumns the number of columns of a piece; the last one may have fewer
   */
  RowCombinations(SmallPrimeField field, float[][] residues, int pieceColumns) {
    this.pieceColumns = pieceColumns;
    this.length = residues[0].length;
    this.sums = new ResidueSums[(length + pieceColumns - 1) / pieceColumns][residues.length];
    for (int piece = 0; piece < sums.length; piece++) {
      int from = piece * pieceColumns;
      for (int k = 0; k < residues.length; k++) {
        float[] part = Arrays.copyOfRange(residues[k], from, end(piece));
        sums[piece][k] = new ResidueSums(field, part);
      }
    }
  }

  int pieces() {
    return sums.length;
  }

  int start(int piece) {
    return piece * pieceColumns;
  }

  /** Returns the column after a piece. */
  int end(int piece) {
    return Math.min(length, start(piece) + pieceColumns);
  }

  /**
   * Subtracts multiples of rows in a piece of columns. Other threads may do so in other pieces.
   *
   * @param factors (input) one for each of the rows, for each combination
   * @param rows (input) the residues of the rows in this piece
   */
  void subtract(int piece, float[][] factors, float[][] rows) {
    for (int k = 0; k < factors.length; k++) {
      sums[piece][k].subtractMultiples(factors[k], rows);
    }
  }

  /** Returns residues of a combination. */
  float[] residues(int combination) {
    return residues(combination, 0, length);
  }

  /** Returns residues of all combinations, from a column to another one. */
  float[][] residues(int from, int to) {
    float[][] residues = new float[sums[0].length][];
    Arrays.setAll(residues, k -> residues(k, from, to));
    return residues;
  }

  private float[] residues(int combination, int from, int to) {
    float[] residues = new float[to - from];
    for (int piece = from / pieceColumns; piece < pieces() && start(piece) < to; piece++) {
      int low = Math.max(from, start(piece));
      int high = Math.min(to, end(piece));
      float[] reduced = sums[piece][combination].reduce();
      System.arraycopy(reduced, low - start(piece), residues, low - from, high - low);
    }
    return residues;
  }

  /** Replaces the combinations from a column on by residues. */
  void replace(int from, float[][] residues) {
    int to = from + residues[0].length;
    for (int piece = from / pieceColumns; piece < pieces() && start(piece) < to; piece++) {
      int low = Math.max(from, start(piece));
      int high = Math.min(to, end(piece));
      for (int k = 0; k < residues.length; k++) {
        float[] values = sums[piece][k].values;
        System.arraycopy(residues[k], low - from, values, low - start(piece), high - low);
      }
    }
  }
}
