package io.fullrank.network.enclosure;

import java.util.function.UnaryOperator;

/**
 * What a layer makes of some samples, each number enclosed. The numbers of a sample are in the
 * order of the layer's memory, pixel by pixel and channel by channel; those of one place lie side
 * by side for all samples. Mutable.
 */
public final class Enclosures {

  final double[][] high;
  final double[][] low;
  final double[][] radius;
  private final int samples;

  /**
   * Creates zeros.
   *
   * @param numbers of a sample
   */
  public Enclosures(int numbers, int samples) {
    this.high = new double[numbers][samples];
    this.low = new double[numbers][samples];
    this.radius = new double[numbers][samples];
    this.samples = samples;
  }

  /** Returns how many numbers a sample has. */
  public int numbers() {
    return high.length;
  }

  /** Returns how many samples there are. */
  public int samples() {
    return samples;
  }

  /** Returns a number of a sample. */
  public Enclosure get(int number, int sample) {
    return new Enclosure(high[number][sample], low[number][sample], radius[number][sample]);
  }

  /** Sets a number of a sample. */
  public void set(int number, int sample, Enclosure value) {
    high[number][sample] = value.high();
    low[number][sample] = value.low();
    radius[number][sample] = value.radius();
  }

  /**
   * Sets a number of all samples.
   *
   * @param from what it is made of
   * @param map what is made of it
   */
  public void setEach(int number, LinearCombination from, UnaryOperator<Enclosure> map) {
    for (int sample = 0; sample < samples; sample++) {
      set(number, sample, map.apply(from.get(sample)));
    }
  }

  /** Sets a number of all samples to what is made of a number of others. */
  public void setEach(int number, Enclosures from, int source, UnaryOperator<Enclosure> map) {
    for (int sample = 0; sample < samples; sample++) {
      set(number, sample, map.apply(from.get(source, sample)));
    }
  }

  /** Adds others, number by number. */
  public void add(Enclosures other) {
    for (int number = 0; number < numbers(); number++) {
      for (int sample = 0; sample < samples; sample++) {
        set(number, sample, get(number, sample).plus(other.get(number, sample)));
      }
    }
  }
}
