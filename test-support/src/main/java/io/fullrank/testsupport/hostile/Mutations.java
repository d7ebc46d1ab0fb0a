package io.fullrank.testsupport.hostile;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Changes inputs at random, the same way for the same seed: flips bits, sets numbers to extremes,
 * cuts, repeats, moves and mixes. Most results are close to what they were made of, so that readers
 * get far before they notice.
 */
public final class Mutations {

  private static final int MOST_CHANGES = 4;
  private static final int LONGEST_RANGE = 64;
  private static final int[] EXTREMES = {0, 1, 0x7f, 0x80, 0xff};

  private static final byte[][] VARINTS = {
    // The largest unsigned number of 64 bits, of 32 and of 31; one that never ends.
    {-1, -1, -1, -1, -1, -1, -1, -1, -1, 1},
    {-1, -1, -1, -1, 15},
    {-1, -1, -1, -1, 7},
    {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
  };

  private static final String[] WORDS = {
    "-1",
    "0",
    "1e999",
    "-0.0",
    "NaN",
    ".inf",
    "9223372036854775808",
    "2147483648",
    "1e-320",
    "null",
    "{}",
    "[]",
    "[[[[[[[[[[[[[[[[",
    "&a [*a]",
    "!!java.lang.Object {}",
    "\u0000",
    "\u202e",
    "\ud83d\ude00",
    "\n  - ",
    "\t",
    "'",
    "\"",
    ": ",
  };

  private final SplittableRandom random;

  public Mutations(long seed) {
    this.random = new SplittableRandom(seed);
  }

  /** Returns one of some inputs, changed; sometimes with parts of another. */
  public byte[] ofOneOf(List<byte[]> inputs) {
    byte[] changed = inputs.get(random.nextInt(inputs.size()));
    int changes = 1 + random.nextInt(MOST_CHANGES);
    for (int change = 0; change < changes; change++) {
      changed = changed(changed, inputs.get(random.nextInt(inputs.size())));
    }
    return changed;
  }

  private byte[] changed(byte[] input, byte[] other) {
    if (input.length == 0) {
      return other.clone();
    }
    int at = random.nextInt(input.length);
    int end = at + Math.min(input.length - at, 1 + random.nextInt(LONGEST_RANGE));
    return switch (random.nextInt(9)) {
      case 0 -> with(input, at, (byte) (input[at] ^ 1 << random.nextInt(8)));
      case 1 -> with(input, at, (byte) EXTREMES[random.nextInt(EXTREMES.length)]);
      case 2 -> Arrays.copyOf(input, at);
      case 3 -> joined(input, 0, at, new byte[0], input, end);
      case 4 -> joined(input, 0, end, new byte[0], input, at);
      case 5 -> joined(input, 0, at, VARINTS[random.nextInt(VARINTS.length)], input, end);
      case 6 -> joined(input, 0, at, VARINTS[random.nextInt(VARINTS.length)], input, at + 1);
      case 7 -> joined(input, 0, at, new byte[0], other, random.nextInt(other.length + 1));
      default ->
          joined(
              input,
              0,
              at,
              WORDS[random.nextInt(WORDS.length)].getBytes(StandardCharsets.UTF_8),
              input,
              end);
    };
  }

  private static byte[] with(byte[] input, int at, byte value) {
    byte[] changed = input.clone();
    changed[at] = value;
    return changed;
  }

  /** A range of one, something between, and the rest of another. */
  private static byte[] joined(
      byte[] first, int from, int to, byte[] between, byte[] last, int lastFrom) {
    byte[] joined = Arrays.copyOf(first, to - from + between.length + last.length - lastFrom);
    System.arraycopy(between, 0, joined, to - from, between.length);
    System.arraycopy(last, lastFrom, joined, to - from + between.length, last.length - lastFrom);
    return joined;
  }
}
