package io.fullrank.certificate.kernel;

/** The Jacobian J_l of n·K outputs in the parameters of one layer. */
public sealed interface LayerJacobian permits KhatriRaoRows, ExplicitRows {

  /** Returns the name of the layer, for messages. */
  String layer();

  /** Returns the number of parameters, P_l. */
  long columns();

  /**
   * Checks the shape.
   *
   * @param examples n
   * @param outputs K
   * @throws IllegalArgumentException if this is not a Jacobian of that many rows
   */
  void requireShape(int examples, int outputs);
}
