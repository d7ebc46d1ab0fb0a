package io.fullrank.network.activation;

/**
 * z·s(z) with the logistic function s, also called SiLU (Ramachandran, Zoph, Le, <i>Searching for
 * Activation Functions</i>, 2017, with β = 1); the derivative is s(z) + z·s'(z).
 */
record Swish() implements ActivationFunction {

  private static final Sigmoid SIGMOID = new Sigmoid();

  @Override
  public void evaluate(double[] x, double[] value, double[] slope) {
    SIGMOID.evaluate(x, value, slope);
    for (int i = 0; i < BLOCK; i++) {
      slope[i] = value[i] + x[i] * slope[i];
      value[i] = x[i] * value[i];
    }
  }

  @Override
  public boolean analytic() {
    return true;
  }
}
