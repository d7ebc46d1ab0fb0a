package io.fullrank.network.tensor;

import java.util.SplittableRandom;

/**
 * Independent standard normal numbers by the polar method (Marsaglia, Bray, <i>A convenient method
 * for generating normal variables</i>, SIAM Review 6, 1964) on {@link SplittableRandom}, with
 * {@link StrictMath}: the same numbers for the same seed on every machine and runtime.
 */
public final class Gaussian {

  private final SplittableRandom uniform;
  private double spare;
  private boolean hasSpare;

  /** Starts the sequence of a seed. */
  public Gaussian(long seed) {
    this.uniform = new SplittableRandom(seed);
  }

  /** Returns the next number. */
  public double next() {
    if (hasSpare) {
      hasSpare = false;
      return spare;
    }
    while (true) {
      double x = 2 * uniform.nextDouble() - 1;
      double y = 2 * uniform.nextDouble() - 1;
      double square = x * x + y * y;
      if (square < 1 && square > 0) {
        double factor = StrictMath.sqrt(-2 * StrictMath.log(square) / square);
        spare = y * factor;
        hasSpare = true;
        return x * factor;
      }
    }
  }
}
