package io.fullrank.cli.terminal;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/**
 * Numbers for people. A bound is rounded away from what it bounds, so that what is printed is still
 * true.
 */
public final class Decimals {

  private static final int BOUND_DIGITS = 3;
  private static final int MEASURED_DIGITS = 3;

  private Decimals() {}

  /** Returns a lower bound in a few digits, never more than it is. */
  public static String lowerBound(double value) {
    return rounded(value, BOUND_DIGITS, RoundingMode.FLOOR);
  }

  /** Returns an upper bound in a few digits, never less than it is. */
  public static String upperBound(double value) {
    return rounded(value, BOUND_DIGITS, RoundingMode.CEILING);
  }

  /** Returns a measured value in a few digits. */
  public static String measured(double value) {
    return rounded(value, MEASURED_DIGITS, RoundingMode.HALF_EVEN);
  }

  /** Returns a fraction as {@code 7.3%}. */
  public static String percent(double fraction) {
    return Double.isFinite(fraction) ? points(fraction) + "%" : "?";
  }

  /** Returns a fraction as points of a per cent, {@code 7.3}. */
  public static String points(double fraction) {
    return hundredfold(fraction).toPlainString().replace('-', '−');
  }

  /** Returns a difference of fractions in points, with its sign: {@code +0.1}. */
  public static String signedPoints(double fraction) {
    return (hundredfold(fraction).signum() > 0 ? "+" : "") + points(fraction);
  }

  private static BigDecimal hundredfold(double fraction) {
    return BigDecimal.valueOf(fraction).movePointRight(2).setScale(1, RoundingMode.HALF_EVEN);
  }

  private static String rounded(double value, int digits, RoundingMode mode) {
    if (!Double.isFinite(value)) {
      return Double.isNaN(value) ? "?" : value > 0 ? "∞" : "−∞";
    }
    if (value == 0) {
      return "0";
    }
    // The exact value of the double, not the shortest decimal that reads back as it.
    BigDecimal rounded = new BigDecimal(value).round(new MathContext(digits, mode));
    int exponent = rounded.precision() - rounded.scale() - 1;
    if (exponent >= -3 && exponent < 6) {
      return rounded.stripTrailingZeros().toPlainString();
    }
    BigDecimal mantissa = rounded.movePointLeft(exponent).stripTrailingZeros();
    return mantissa.toPlainString() + "e" + exponent;
  }
}
