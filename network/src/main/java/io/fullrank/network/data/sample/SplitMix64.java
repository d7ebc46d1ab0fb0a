package io.fullrank.network.data.sample;

/**
 * SplitMix64 (Steele, Lea, Flood: <i>Fast Splittable Pseudorandom Number Generators</i>, OOPSLA
 * 2014), with its own bounded, uniform and normal draws: rows must come out bit-identical on every
 * Java version and machine, and the JDK does not promise that for its generators.
 */
public final class SplitMix64 {

  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

  private long state;

  SplitMix64(long seed) {
    this.state = seed;
  }

  /** An independent stream for one purpose of a seed, and one index within that purpose. */
  public static SplitMix64 stream(long seed, Purpose purpose, long index) {
    long purposeState = mix(mix(seed) + purpose.number * GOLDEN_GAMMA);
    return new SplitMix64(mix(purposeState + (index + 1) * GOLDEN_GAMMA));
  }

  /** What a stream is drawn for. The numbers are part of the data sets' definition. */
  public enum Purpose {
    TRAIN_ROWS(1),
    TEST_ROWS(2),
    TRAIN_LABELS(3),
    TEST_LABELS(4),
    LABEL_NOISE(5);

    private final long number;

    Purpose(long number) {
      this.number = number;
    }
  }

  long nextLong() {
    state += GOLDEN_GAMMA;
    return mix(state);
  }

  /** A uniform draw out of [0, bound), without bias (Lemire: ACM TOMACS 29(1), 2019). */
  public int nextInt(int bound) {
    long product = (nextLong() >>> 32) * bound;
    long low = product & 0xFFFFFFFFL;
    if (low < bound) {
      long threshold = ((1L << 32) - bound) % bound;
      while (low < threshold) {
        product = (nextLong() >>> 32) * bound;
        low = product & 0xFFFFFFFFL;
      }
    }
    return (int) (product >>> 32);
  }

  /** A uniform draw out of [low, high). */
  public double uniform(double low, double high) {
    return low + (high - low) * ((nextLong() >>> 11) * 0x1p-53);
  }

  /** A draw from N(0, 1) (Box and Muller 1958; one of the pair is used). */
  public double normal() {
    double radius = StrictMath.sqrt(-2 * StrictMath.log(1 - uniform(0, 1)));
    return radius * StrictMath.cos(2 * StrictMath.PI * uniform(0, 1));
  }

  /** A uniform permutation of 0 … n−1 (Fisher and Yates). */
  public int[] permutation(int n) {
    int[] order = new int[n];
    for (int i = 0; i < n; i++) {
      int j = nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }

  private static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
