package io.fullrank.certificate.modular;

import io.fullrank.certificate.result.Cancellation;
import io.fullrank.certificate.result.CertificationCancelledException;

/** The residues modulo a small prime of a matrix that is read by rows, or computed. */
public interface ResidueRows {

  /** Returns the number of rows, n. */
  int rows();

  /** Returns the number of columns, at least n. */
  int columns();

  /** Takes residues. */
  interface Target {

    /** Returns where a piece of a row should end that begins at a column, if it does not go on. */
    int endOfPiece(int fromColumn);

    /**
     * Takes consecutive residues of a row.
     *
     * @param row its number
     * @param fromColumn the column of the first one
     * @param residues (input) at most 127 in absolute value; may be overwritten afterwards
     * @param length how many there are
     */
    void residues(int row, int fromColumn, float[] residues, int length);
  }

  /**
   * Hands on all rows, in any order, on several threads; those of a row one after the other, from
   * the first column to the last. Combines them as well, for a check of what is done with them:
   * computes C·A, exactly, and with no product of a backend.
   *
   * @param coefficients (input) C, residues: as many in each row as A has rows
   * @param cancellation is asked between rows
   * @return residues: as many in each row of C·A as A has columns
   * @throws CertificationCancelledException if cancelled
   */
  float[][] forEach(float[][] coefficients, Cancellation cancellation, Target target);
}
