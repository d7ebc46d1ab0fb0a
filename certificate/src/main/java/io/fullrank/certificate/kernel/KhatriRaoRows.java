package io.fullrank.certificate.kernel;

import io.fullrank.certificate.matrix.Rows;

/**
 * The Jacobian in the weights and biases of a linear layer z = W·a + b: row (i,k) is δ_ik ⊗ (a_i,
 * 1), or δ_ik ⊗ a_i without a bias, where δ_ik = ∂f_ik/∂z_i. It is a row-wise Khatri–Rao product,
 * which is never formed.
 *
 * @param layer the name of the layer
 * @param inputs (input) the a_i, n × m
 * @param bias whether the layer has a bias b
 * @param outputGradients (input) the δ_ik, nK × m', row i·K + k that of output k of example i
 */
public record KhatriRaoRows(String layer, Rows inputs, boolean bias, Rows outputGradients)
    implements LayerJacobian {

  @Override
  public long columns() {
    return outputGradients.columns() * inputColumns();
  }

  /** Returns the length of (a_i, 1), or of a_i without a bias. */
  long inputColumns() {
    return inputs.columns() + (bias ? 1 : 0);
  }

  @Override
  public void requireShape(int examples, int outputs) {
    long rows = (long) examples * outputs;
    if (inputs.rows() != examples || outputGradients.rows() != rows) {
      throw new IllegalArgumentException(
          "layer "
              + layer
              + " has inputs of "
              + inputs.rows()
              + " examples and "
              + outputGradients.rows()
              + " gradients of outputs; "
              + examples
              + " examples with "
              + outputs
              + " outputs need "
              + examples
              + " and "
              + rows);
    }
    if (Math.max(inputColumns(), outputGradients.columns()) > Integer.MAX_VALUE) {
      throw new IllegalArgumentException("layer " + layer + " has more than 2^31 - 1 units");
    }
  }
}
