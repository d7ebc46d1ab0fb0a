package io.fullrank.certificate.result;

/** An entry of a matrix is NaN or infinite, so there is no matrix to judge. */
public final class NonFiniteEntryException extends IllegalArgumentException {

  private final long row;
  private final long column;

  public NonFiniteEntryException(long row, long column, double value) {
    this("", row, column, value);
  }

  /**
   * An entry of one of several matrices.
   *
   * @param of which one, such as " of the inputs of layer fc1", or an empty text
   */
  public NonFiniteEntryException(String of, long row, long column, double value) {
    super(
        "the entry"
            + of
            + " in row "
            + row
            + ", column "
            + column
            + " (both counted from 0) is "
            + value
            + "; a certificate needs finite entries");
    this.row = row;
    this.column = column;
  }

  /** Returns the row of the first such entry, counted from 0. */
  public long row() {
    return row;
  }

  /** Returns the column of the first such entry, counted from 0. */
  public long column() {
    return column;
  }
}
