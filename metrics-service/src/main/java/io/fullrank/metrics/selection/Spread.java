package io.fullrank.metrics.selection;

import java.util.Arrays;
import java.util.TreeSet;
import java.util.stream.IntStream;

/** Picks a few places out of many, evenly spread. */
public final class Spread {

  private Spread() {}

  /**
   * Returns the places to pick, in order, each from 0 to {@code count - 1}.
   *
   * @param count how many places there are
   * @param points how many to pick at most, at least 1: the first and the last are among them if
   *     there is room for both, the last alone if {@code points} is 1
   * @param wanted a place that has to be among them, or -1
   */
  public static int[] of(int count, int points, int wanted) {
    if (count <= points) {
      return IntStream.range(0, count).toArray();
    }
    TreeSet<Integer> picks = new TreeSet<>();
    for (int i = 0; i < points; i++) {
      picks.add(points == 1 ? count - 1 : (int) ((long) i * (count - 1) / (points - 1)));
    }
    if (wanted >= 0 && picks.add(wanted)) {
      // It takes the place of its nearest neighbour, but of the first or last only if there is no
      // other.
      picks.remove(
          IntStream.concat(
                  picks.stream()
                      .mapToInt(Integer::intValue)
                      .filter(pick -> pick != 0 && pick != count - 1 && pick != wanted)
                      .boxed()
                      .sorted((a, b) -> Integer.compare(Math.abs(a - wanted), Math.abs(b - wanted)))
                      .mapToInt(Integer::intValue),
                  IntStream.of(points == 1 ? count - 1 : 0))
              .findFirst()
              .getAsInt());
    }
    return picks.stream().mapToInt(Integer::intValue).toArray();
  }

  /**
   * Returns the places to pick as {@link #of} does, but of fewer points if so many do not fit.
   *
   * @param sizes how much room it takes what is at each place
   * @param room how much the picks may take together; a single one may take more
   */
  public static int[] fitting(int[] sizes, long room, int points, int wanted) {
    int most = points;
    while (true) {
      int[] picks = of(sizes.length, most, wanted);
      long taken = Arrays.stream(picks).mapToLong(pick -> sizes[pick]).sum();
      if (taken <= room || picks.length == 1) {
        return picks;
      }
      most = Math.max(1, (int) Math.min(picks.length - 1, picks.length * room / taken));
    }
  }
}
