package io.fullrank.network.monitor;

import java.util.Arrays;

/** Numbers of which quantiles are asked for. */
public final class Quantiles {

  private final double[] ascending;

  /**
   * Sorts the numbers.
   *
   * @param numbers at least one (copied)
   */
  public Quantiles(double[] numbers) {
    this.ascending = numbers.clone();
    Arrays.sort(ascending);
  }

  /**
   * Returns a quantile, interpolated linearly between the numbers (Hyndman, Fan, <i>Sample
   * quantiles in statistical packages</i>, 1996, definition 7, as NumPy's).
   *
   * @param p from 0, for the least number, to 1, for the largest
   */
  public double at(double p) {
    double place = p * (ascending.length - 1);
    int below = (int) Math.min(Math.floor(place), ascending.length - 1.0);
    int above = Math.min(below + 1, ascending.length - 1);
    return ascending[below] + (place - below) * (ascending[above] - ascending[below]);
  }

  /** Returns how many numbers lie between each edge and the next, the last edge included. */
  public long[] counts(double[] edges) {
    long[] counts = new long[edges.length - 1];
    for (double number : ascending) {
      int bin = Arrays.binarySearch(edges, number);
      int place = bin < 0 ? -bin - 2 : bin;
      counts[Math.max(0, Math.min(place, counts.length - 1))]++;
    }
    return counts;
  }

  /**
   * Returns edges of bins of equal width from the least number to the largest; where these are the
   * same, of one bin around them.
   */
  public double[] edges(int bins) {
    double least = ascending[0];
    double width = (ascending[ascending.length - 1] - least) / bins;
    if (!(least + width > least)) {
      return new double[] {Math.nextDown(least), Math.nextUp(ascending[ascending.length - 1])};
    }
    double[] edges = new double[bins + 1];
    for (int k = 0; k < bins; k++) {
      edges[k] = least + k * width;
    }
    edges[bins] = ascending[ascending.length - 1];
    return edges;
  }
}
