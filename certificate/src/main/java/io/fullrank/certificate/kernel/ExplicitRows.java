package io.fullrank.certificate.kernel;

import java.util.Objects;

/**
 * The Jacobian in the parameters of a layer whose rows someone computes, such as a convolution: row
 * (i,k) is a sum over positions of gradients times patches, one product of matrices per example.
 *
 * @param layer the name of the layer
 * @param rows computes the rows
 */
public record ExplicitRows(String layer, Source rows) implements LayerJacobian {

  /**
   * Computes rows whenever they are needed, so that they need not be held. It has to compute the
   * same numbers each time: these are what is certified. Several threads may ask at the same time.
   */
  public interface Source {

    /** Returns the number of columns, P_l. */
    long columns();

    /**
     * Computes a part of the K rows of one example.
     *
     * @param example i
     * @param fromColumn the first column
     * @param length the number of columns
     * @param into (output) receives K·length values, the entry of output k in column fromColumn + j
     *     at index k·length + j
     */
    void rows(int example, long fromColumn, int length, double[] into);
  }

  public ExplicitRows {
    Objects.requireNonNull(rows);
  }

  @Override
  public long columns() {
    return rows.columns();
  }

  @Override
  public void requireShape(int examples, int outputs) {
    if (columns() < 1 || columns() > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "layer " + layer + " has " + columns() + " parameters; there may be 1 to 2^31 - 1");
    }
  }
}
