package io.fullrank.certificate.modular;

import io.fullrank.certificate.arithmetic.SmallPrimeField;
import io.fullrank.certificate.backend.InexactBackendException;
import io.fullrank.certificate.matrix.RowTiles;
import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificationCancelledException;
import io.fullrank.certificate.result.Progress;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Verifies that n columns of n rows form a nonsingular matrix A modulo a small prime, whatever a
 * backend has computed: in Java and exactly.
 *
 * <p>Row vectors ξ are drawn at random, and β = ξA is computed while the residues are read. When
 * the rows have been eliminated, which has not seen ξ, their factors L and U have to give ξ back:
 * βU^{-1}L^{-1} = ξ. If A were singular modulo p, there would be at least p vectors with the same
 * β, each as likely to be ξ, of which the factors can give back only one. So a wrong rank passes
 * with probability at most 1/p for each of {@value #VECTORS} vectors: below 2^-56, and below 2^-62
 * modulo p &gt; 235.
 */
final class EliminationCheck {

  private static final int VECTORS = 8;

  private final SmallPrimeField field;

  /** The vectors ξ in the order of the matrix's rows. */
  private final float[][] drawn;

  /** Draws vectors for n rows. */
  EliminationCheck(SmallPrimeField field, int n, SplittableRandom random) {
    this.field = field;
    this.drawn = new float[VECTORS][n];
    for (float[] vector : drawn) {
      for (int i = 0; i < n; i++) {
        vector[i] = random.nextInt(field.modulus()) - field.modulus() / 2;
      }
    }
  }

  /** Returns the vectors, by which the rows have to be combined. */
  float[][] drawn() {
    return drawn;
  }

  /**
   * The factors of A, see {@link ModularFactors}.
   *
   * @param residues their residues in the first n columns
   * @param rowOf the row of the matrix in each row
   * @param columnOf the column of the matrix in each column, and in further ones
   * @param panels the first row of each panel, and n
   */
  record Factors(PackedResidues residues, int[] rowOf, int[] columnOf, List<Integer> panels) {}

  /**
   * Verifies factors.
   *
   * @param combined (input) the combinations of the matrix's rows, in all its columns
   * @param backend what computed the factors
   * @throws InexactBackendException if they are not those of the matrix
   * @throws CertificationCancelledException if cancelled
   */
  void verify(
      float[][] combined,
      Factors factors,
      int threads,
      String backend,
      Progress progress,
      Cancellation cancellation) {
    int n = factors.rowOf.length;
    float[][] beta = new float[combined.length][n];
    for (int k = 0; k < beta.length; k++) {
      for (int j = 0; j < n; j++) {
        beta[k][j] = combined[k][factors.columnOf[j]];
      }
    }
    Solution solution = new Solution(beta, factors.residues, threads, cancellation);
    List<Integer> panels = factors.panels;
    int last = panels.size() - 1;
    for (int k = 0; k < last; k++) {
      solution.solveU(panels.get(k), panels.get(k + 1));
      progress.report("check", panels.get(k + 1), 2.0 * n);
    }
    for (int k = last - 1; k >= 0; k--) {
      solution.solveL(panels.get(k), panels.get(k + 1));
      progress.report("check", 2.0 * n - panels.get(k), 2.0 * n);
    }
    for (int k = 0; k < drawn.length; k++) {
      float[] found = solution.y.residues(k);
      for (int i = 0; i < n; i++) {
        found[i] -= drawn[k][factors.rowOf[i]];
      }
      field.reduce(found, n);
      for (float entry : found) {
        if (entry != 0) {
          throw new InexactBackendException(
              "elimination modulo "
                  + field.modulus()
                  + " failed its check in exact arithmetic: products of integers by the backend "
                  + backend
                  + " are not exact, so it cannot be used for certificates");
        }
      }
    }
  }

  /** Vectors y that are replaced, panel by panel, by those with xU = y and then xL = y. */
  private final class Solution {
    private final RowCombinations y;
    private final PackedResidues factors;
    private final int n;
    private final int threads;
    private final Cancellation cancellation;

    Solution(float[][] beta, PackedResidues factors, int threads, Cancellation cancellation) {
      this.n = beta[0].length;
      this.y = new RowCombinations(field, beta, factors.endOfGroup(0));
      this.factors = factors;
      this.threads = threads;
      this.cancellation = cancellation;
    }

    void solveU(int from, int to) {
      subtractRows(y.residues(from, to), from, to, n);
    }

    void solveL(int from, int to) {
      float[][] right = y.residues(from, to);
      RowCombinations negative =
          new RowCombinations(field, new float[right.length][to - from], to - from);
      for (int start = from; start < to; start += RowCombinations.ROWS) {
        int end = Math.min(to, start + RowCombinations.ROWS);
        negative.subtract(
            0, part(right, start - from, end - from), rows(start, end, from, to, from, to));
      }
      float[][] x = new float[right.length][to - from];
      for (int k = 0; k < x.length; k++) {
        float[] values = negative.residues(k);
        for (int i = 0; i < values.length; i++) {
          x[k][i] = -values[i];
        }
      }
      y.replace(from, x);
      subtractRows(x, from, 0, from);
    }

    /** Subtracts multiples of a panel's rows in some columns. */
    private void subtractRows(float[][] x, int firstRow, int fromColumn, int toColumn) {
      if (fromColumn == toColumn) {
        return;
      }
      int rows = x[0].length;
      int group = factors.endOfGroup(0);
      int firstPiece = fromColumn / group;
      RowTiles.forEach(
          threads,
          (toColumn - 1) / group + 1 - firstPiece,
          1,
          (part, each, next) -> {
            cancellation.check();
            int piece = firstPiece + each;
            int low = Math.max(fromColumn, y.start(piece));
            int high = Math.min(toColumn, y.end(piece));
            for (int i = 0; i < rows; i += RowCombinations.ROWS) {
              int end = Math.min(rows, i + RowCombinations.ROWS);
              y.subtract(
                  piece,
                  part(x, i, end),
                  rows(firstRow + i, firstRow + end, low, high, y.start(piece), y.end(piece)));
            }
          });
    }

    private float[][] part(float[][] x, int from, int to) {
      float[][] part = new float[x.length][];
      Arrays.setAll(part, k -> Arrays.copyOfRange(x[k], from, to));
      return part;
    }

    /** Returns some columns of rows of the factors, and zeros in others from a start to an end. */
    private float[][] rows(int from, int to, int low, int high, int start, int end) {
      float[] block = new float[(to - from) * (high - low)];
      factors.getRows(from, to, low, high, block);
      float[][] rows = new float[to - from][end - start];
      for (int i = 0; i < rows.length; i++) {
        System.arraycopy(block, i * (high - low), rows[i], low - start, high - low);
      }
      return rows;
    }
  }
}
