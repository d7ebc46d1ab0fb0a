package io.fullrank.network.description;

import java.util.Optional;

/**
 * The numbers that a parameter may have.
 *
 * @param above whether {@code least} itself is excluded
 * @param most the greatest; infinity itself is always excluded
 * @param below whether {@code most} itself is excluded
 * @param whole whether the numbers are whole ones
 */
public record Range(double least, boolean above, double most, boolean below, boolean whole) {

  public static final Range POSITIVE = new Range(0, true, Double.POSITIVE_INFINITY, true, false);
  public static final Range NOT_NEGATIVE = from(0);

  /** From 0 to less than 1. */
  public static final Range FRACTION = new Range(0, false, 1, true, false);

  /** Any whole number from 1 on that a specification can hold. */
  public static final Range COUNT = count(1, Integer.MAX_VALUE);

  /** The whole numbers of {@code least} to {@code most}. */
  public static Range count(int least, int most) {
    return new Range(least, false, most, false, true);
  }

  /** All finite numbers from {@code least} on. */
  public static Range from(double least) {
    return new Range(least, false, Double.POSITIVE_INFINITY, true, false);
  }

  /** The numbers above 0 and at most {@code most}. */
  public static Range positiveUpTo(double most) {
    return new Range(0, true, most, false, false);
  }

  /** Says what is wrong with a number; empty if it lies in the range. NaN never does. */
  public Optional<String> problem(double value) {
    boolean holds =
        (above ? value > least : value >= least) && (below ? value < most : value <= most);
    if (holds) {
      return Optional.empty();
    }
    return Optional.of(
        whole
            ? "must be %s to %s, got %s".formatted(number(least), number(most), number(value))
            : "must be %s, got %s".formatted(inWords(), value));
  }

  private String inWords() {
    if (most == Double.POSITIVE_INFINITY) {
      return above
          ? "a number above " + number(least)
          : "a number of " + number(least) + " or more";
    }
    return (above ? "more than " : "at least ")
        + number(least)
        + " and "
        + (below ? "less than " : "at most ")
        + number(most);
  }

  /** The range as documentation writes it. */
  public String inSymbols() {
    return symbols().replace('E', 'e');
  }

  private String symbols() {
    if (whole) {
      return most == Integer.MAX_VALUE
          ? number(least) + " or more"
          : number(least) + " … " + number(most);
    }
    if (most == Double.POSITIVE_INFINITY) {
      return above ? "above " + number(least) : number(least) + " or more";
    }
    return (above ? "(" : "[") + number(least) + ", " + number(most) + (below ? ")" : "]");
  }

  private static String number(double value) {
    return value == Math.rint(value) && Math.abs(value) < 0x1p53
        ? String.valueOf((long) value)
        : String.valueOf(value);
  }
}
