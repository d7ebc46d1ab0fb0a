package io.fullrank.certificate.proof;

import io.fullrank.certificate.file.InvalidMatrixFileException;
import io.fullrank.certificate.file.StoredRows;
import java.util.HexFormat;

/**
 * Which matrix a proof is about: exactly the numbers of a file.
 *
 * @param sha256 of the entries in their own type, row by row and little-endian, in lower-case
 *     hexadecimal digits
 * @param type of the entries, as safetensors files call it
 * @param rows n
 * @param columns of the file, without the column of ones
 * @param ones whether a column of ones follows those of the file
 */
public record MatrixIdentity(String sha256, String type, long rows, long columns, boolean ones) {

  /**
   * Reads a file's matrix once.
   *
   * @throws InvalidMatrixFileException if it cannot be read
   */
  public static MatrixIdentity of(StoredRows matrix) {
    return new MatrixIdentity(
        HexFormat.of().formatHex(matrix.sha256()),
        matrix.type(),
        matrix.rows(),
        matrix.storedColumns(),
        matrix.columns() > matrix.storedColumns());
  }

  /** Returns the number of columns of which the rank is proven. */
  public long allColumns() {
    return columns + (ones ? 1 : 0);
  }
}
