package io.fullrank.network.enclosure;

import java.math.BigDecimal;
import java.math.MathContext;

/** Elementary functions with 60 digits, written without a look at the code that is tested. */
public final class MultiPrecision {

  public static final MathContext DIGITS = new MathContext(60);

  /** More than the errors of these functions here, and far below all radii. */
  private static final BigDecimal TOLERANCE = new BigDecimal("1e-45");

  private static final BigDecimal TWO = BigDecimal.valueOf(2);
  private static final BigDecimal PI =
      new BigDecimal(
          "3.14159265358979323846264338327950288419716939937510582097494459230781640629");

  private MultiPrecision() {}

  public static BigDecimal exp(BigDecimal x) {
    BigDecimal small = x.divide(BigDecimal.valueOf(1L << 20), DIGITS);
    BigDecimal term = BigDecimal.ONE;
    BigDecimal sum = BigDecimal.ONE;
    MathContext digits = new MathContext(80);
    for (int k = 1; k < 40; k++) {
      term = term.multiply(small, digits).divide(BigDecimal.valueOf(k), digits);
      sum = sum.add(term, digits);
    }
    for (int i = 0; i < 20; i++) {
      sum = sum.multiply(sum, digits);
    }
    return sum;
  }

  /** By Halley's iteration for e^y = x. */
  public static BigDecimal ln(BigDecimal x) {
    BigDecimal y = new BigDecimal(Math.log(x.doubleValue()));
    for (int i = 0; i < 3; i++) {
      BigDecimal e = exp(y);
      y = y.add(TWO.multiply(x.subtract(e)).divide(x.add(e), DIGITS), DIGITS);
    }
    return y;
  }

  /** By the Maclaurin series of the error function. */
  public static BigDecimal normalDistribution(BigDecimal z) {
    // Beyond it the function is nearer to 0 or 1 than the tolerance.
    if (z.abs().compareTo(BigDecimal.valueOf(16)) > 0) {
      return z.signum() < 0 ? BigDecimal.ZERO : BigDecimal.ONE;
    }
    MathContext digits = new MathContext(130);
    BigDecimal square = z.multiply(z, digits).divide(TWO, digits);
    BigDecimal power = z;
    BigDecimal sum = z;
    for (int k = 1; k < 700; k++) {
      power = power.multiply(square, digits).divide(BigDecimal.valueOf(-k), digits);
      sum = sum.add(power.divide(BigDecimal.valueOf(2L * k + 1), digits), digits);
    }
    BigDecimal density = BigDecimal.ONE.divide(TWO.multiply(PI).sqrt(DIGITS), DIGITS);
    return new BigDecimal("0.5").add(sum.multiply(density, digits), digits);
  }

  /** The distance of an exact number from the centre of an enclosure. */
  public static BigDecimal error(BigDecimal exact, Enclosure enclosure) {
    return exact
        .subtract(new BigDecimal(enclosure.high()).add(new BigDecimal(enclosure.low())))
        .abs();
  }

  /** Whether an exact number is enclosed. */
  public static boolean encloses(Enclosure enclosure, BigDecimal exact) {
    return Double.isFinite(enclosure.radius())
        && error(exact, enclosure).compareTo(new BigDecimal(enclosure.radius()).add(TOLERANCE))
            <= 0;
  }
}
