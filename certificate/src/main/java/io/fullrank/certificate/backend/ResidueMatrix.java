package io.fullrank.certificate.backend;

/**
 * A matrix of integers that stand for their classes modulo a prime p, 2^21 &lt; p &lt; 2^22 or 2^25
 * &lt; p &lt; 2^26, in the memory where a backend multiplies fastest. Entries are <i>residues</i>
 * of absolute value at most M = 2^21 + 4 or 2^25 + 4, or sums of at most 2047 products of residues;
 * the caller counts the products and has the entries reduced in time; then no operation rounds
 * anything. Modulo a larger prime, products are those of the halves of residues, see {@link
 * io.fullrank.certificate.arithmetic.PrimeField}.
 *
 * <p>What is computed here proves nothing by itself: the exact rank is checked afterwards, in Java,
 * with residues of the entries of the matrix itself.
 *
 * <p>A rectangle is given by its first row and column, and by the row and column after its last
 * ones. Not thread-safe.
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

  /** Replaces the entries of a rectangle by residues of the same classes. */
  void reduce(int fromRow, int toRow, int fromColumn, int toColumn);

  /** Swaps two rows. */
  void swapRows(int i, int k);

  /** Swaps two columns. */
  void swapColumns(int i, int k);

  /**
   * Replaces R by T·R modulo p, reduced; T has residues. R consists of {@code size} rows from
   * {@code start} on, in the given columns; T is the square block of this order on the diagonal, at
   * row and column {@code start}.
   *
   * @param size at most the number of panel rows that the matrix was made with
   */
  void multiplyPanel(int start, int size, int fromColumn, int toColumn);

  /**
   * Subtracts C·V from a rectangle; C and V have residues. C consists of the entries of its rows in
   * the {@code size} columns from {@code start} on, V of the entries of its columns in the {@code
   * size} rows from {@code start} on.
   */
  void subtractProduct(int fromRow, int toRow, int fromColumn, int toColumn, int start, int size);

  /** Frees the memory. */
  @Override
  void close();
}
