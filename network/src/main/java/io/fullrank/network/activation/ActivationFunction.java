package io.fullrank.network.activation;

import io.fullrank.network.enclosure.Enclosure;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.proto.v1.Activation;

/**
 * An activation σ and its derivative, in float64 by plain arithmetic only: the bits are the same on
 * every machine and Java runtime, and the compiler turns the loops into vector instructions,
 * several times faster than {@link StrictMath}. Relative errors are below 10⁻⁹, far below the
 * rounding of the float32 results, except near zeros of swish's and GELU's derivatives, where
 * absolute ones are.
 */
public interface ActivationFunction {

  /** Numbers that are worked on at a time, in the first-level cache. */
  int BLOCK = 256;

  /**
   * Returns the activation that a specification describes.
   *
   * @throws IllegalArgumentException if none is given, or its parameter is out of range
   */
  static ActivationFunction of(Activation spec) {
    return Activations.chosenBy(spec)
        .orElseThrow(() -> new IllegalArgumentException("network: no activation is given"))
        .functionOf(spec);
  }

  /**
   * Evaluates a block.
   *
   * @param x (input) {@link #BLOCK} numbers
   * @param value (output) σ(x)
   * @param slope (output) σ'(x)
   */
  void evaluate(double[] x, double[] value, double[] slope);

  /**
   * Encloses σ at one number: the real function, not what {@link #evaluate} computes.
   *
   * @param z one number, with radius 0
   * @param precision of elementary functions
   */
  Enclosure value(Enclosure z, Precision precision);

  /**
   * Returns at least the largest |σ'| at numbers that are enclosed; NaN if there is no bound on
   * these.
   */
  double steepest(Enclosure z);

  /** Encloses σ at all numbers that are enclosed. */
  default Enclosure enclose(Enclosure z, Precision precision) {
    return value(z.centre(), precision).widened(steepest(z), z.radius());
  }

  /**
   * Returns whether σ is real-analytic, so that full rank at one θ settles the expressivity
   * condition for almost all θ (KS21, §3; theory §2).
   */
  boolean analytic();
}
