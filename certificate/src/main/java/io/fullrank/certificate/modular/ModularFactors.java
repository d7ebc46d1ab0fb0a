package io.fullrank.certificate.modular;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Factors modulo a prime p of n linearly independent rows, in n of their columns.
 *
 * <p>Let A be the residues of the matrix with rows and columns in pivot order, cut into panels of
 * consecutive rows and, at the same places, of columns. Then A = L·U modulo p, where L is block
 * lower triangular with blocks D_k on the diagonal and C_ik below it, and U is block upper
 * triangular with identities on the diagonal and V_kj to the right of it. With T_k = D_k^{-1},
 * panel k holds the rows [C_k0 … C_k,k−1, T_k, V_k,k+1 …].
 *
 * @param modulus p
 * @param rows the numbers of the matrix's rows in pivot order
 * @param columns the numbers of the n columns with pivots, in pivot order
 * @param panels the number of rows of each panel, n in all
 * @param reader reads a row of the factors
 */
public record ModularFactors(
    int modulus,
    List<Integer> rows,
    List<Integer> columns,
    List<Integer> panels,
    RowReader reader) {

  /** Reads rows of the factors. */
  public interface RowReader {
    /**
     * Reads one row.
     *
     * @param row its number in pivot order
     * @param into (output) n residues between −p and p
     */
    void read(int row, int[] into);
  }

  /** Returns factors whose orders are the first n entries of arrays. */
  static ModularFactors of(
      int modulus,
      int n,
      int[] rowOf,
      int[] columnOf,
      List<Integer> panelStarts,
      RowReader reader) {
    List<Integer> panels = new ArrayList<>();
    for (int k = 0; k < panelStarts.size(); k++) {
      int end = k + 1 < panelStarts.size() ? panelStarts.get(k + 1) : n;
      panels.add(end - panelStarts.get(k));
    }
    return new ModularFactors(
        modulus, first(n, rowOf), first(n, columnOf), List.copyOf(panels), reader);
  }

  private static List<Integer> first(int n, int[] order) {
    return Arrays.stream(order, 0, n).boxed().toList();
  }
}
