package io.fullrank.certificate.examination;

/**
 * What one pass over some numbers shows.
 *
 * @param largest the largest absolute value, which is not finite if any number is not
 * @param hash the same for the same numbers, −0.0 and 0.0 included
 */
public record RowFacts(double largest, long hash) {

  private static final long GOLDEN_RATIO = 0x9E3779B97F4A7C15L;
  private static final long MAGNITUDE = Long.MAX_VALUE;

  /** Reads {@code length} numbers, from index {@code from} on. */
  public static RowFacts of(double[] row, int from, int length) {
    return new RowFacts(maxAbsolute(row, from, length), hash(row, from, length));
  }

  /** Returns whether all numbers are finite. */
  public boolean isFinite() {
    return Double.isFinite(largest);
  }

  /** Returns whether all numbers are 0. */
  public boolean isZero() {
    return largest == 0;
  }

  /** Returns the e with 2^(e−1) ≤ max|x| &lt; 2^e, where that is finite and not 0. */
  public int exponent() {
    return largest < Double.MIN_NORMAL
        ? Math.getExponent(largest * 0x1p54) - 54 + 1
        : Math.getExponent(largest) + 1;
  }

  /** Returns the facts about these numbers and others after them. */
  public RowFacts followedBy(RowFacts others) {
    return new RowFacts(
        // A NaN is the larger one.
        Math.max(largest, others.largest), Long.rotateLeft(hash ^ others.hash, 23) * GOLDEN_RATIO);
  }

  /** Returns whether the first {@code length} numbers are the same. */
  public static boolean sameNumbers(double[] a, double[] b, int length) {
    for (int j = 0; j < length; j++) {
      if (a[j] != b[j]) {
        return false;
      }
    }
    return true;
  }

  private static double maxAbsolute(double[] row, int from, int length) {
    // Magnitudes are ordered as their bits are, and comparing these is a vector operation.
    long max = 0;
    for (int j = from; j < from + length; j++) {
      max = Math.max(max, Double.doubleToRawLongBits(row[j]) & MAGNITUDE);
    }
    return Double.longBitsToDouble(max);
  }

  private static long hash(double[] row, int from, int length) {
    // Four chains at a time, because each step of a chain waits for the one before.
    long first = 0;
    long second = 1;
    long third = 2;
    long fourth = 3;
    int end = from + length;
    int j = from;
    for (; j + 3 < end; j += 4) {
      first = mix(first, row[j]);
      second = mix(second, row[j + 1]);
      third = mix(third, row[j + 2]);
      fourth = mix(fourth, row[j + 3]);
    }
    for (; j < end; j++) {
      first = mix(first, row[j]);
    }
    long hash = first;
    for (long chain : new long[] {second, third, fourth}) {
      hash = Long.rotateLeft(hash ^ chain, 23) * GOLDEN_RATIO;
    }
    return hash;
  }

  private static long mix(long hash, double value) {
    return Long.rotateLeft(hash ^ Double.doubleToRawLongBits(value + 0.0), 23) * GOLDEN_RATIO;
  }
}
