package io.fullrank.certificate.backend;

/**
 * A matrix of integers that stand for their classes modulo a prime p, 2^21 &lt; p &lt; 2^22, in the
 * memory where a backend multiplies fastest. Entries are <i>residues</i> of absolute value at most
 * M = 2^21 + 4, or sums of at most 2047 products of residues; whoever uses it counts the products
 * and has the entries reduced in time. No operation rounds anything then.
 *
 * <p>What is computed here proves nothing by itself: the exact rank is checked afterwards, in Java,
 * with residues of the features themselves.
 *
 * <p>Rectangles are given by their first rows and columns and by those behind the last ones. Not
 * thread-safe.
 */
public interface ResidueMatrix extends AutoCloseable {

  /** Gives rows to {@link #write}. */
  interface RowSource {
    /**
     * Computes one row; called from several threads.
     *
     * @param row its number
     * @param into (output) its entries, from index 0 on
     */
    void row(int row, double[] into);
  }

  /** Takes rows from {@link #read}. */
  interface RowTarget {
    /**
     * Takes one row.
     *
     * @param row its number
     * @param entries its entries from index 0 on, to be read before returning
     */
    void row(int row, double[] entries);
  }

  /** Replaces a rectangle, with {@code columns} columns from {@code fromColumn} on. */
  void write(int fromRow, int toRow, int fromColumn, int columns, RowSource source);

  /** Reads a rectangle, one row after the other, in ascending order. */
  void read(int fromRow, int toRow, int fromColumn, int columns, RowTarget target);

  /** Makes residues of the entries of a rectangle. */
  void reduce(int fromRow, int toRow, int fromColumn, int toColumn);

  /** Lets two rows change places. */
  void swapRows(int i, int k);

  /** Lets two columns change places. */
  void swapColumns(int i, int k);

  /**
   * Replaces R by T·R modulo p, reduced: R are {@code size} rows from {@code start} on, in the
   * columns given, and T the block of this order on the diagonal, at row and column {@code start}.
   *
   * @param size at most the number of panel rows that the matrix was made with
   */
  void multiplyPanel(int start, int size, int fromColumn, int toColumn);

  /**
   * Subtracts C·V from a rectangle, C being what its rows have in the {@code size} columns from
   * {@code start} on, and V what its columns have in as many rows from {@code start} on.
   */
  void subtractProduct(int fromRow, int toRow, int fromColumn, int toColumn, int start, int size);

  /** Frees the memory. */
  @Override
  void close();
}
