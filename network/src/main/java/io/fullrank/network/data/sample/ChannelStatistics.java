package io.fullrank.network.data.sample;

/**
 * What standardisation subtracts from the numbers of one channel and divides them by.
 *
 * @param mean of the channel's numbers in all training rows
 * @param deviation the square root of their mean squared distance from the mean (divided by their
 *     number, not by one less)
 */
public record ChannelStatistics(double mean, double deviation) {

  /** (x − mean) / deviation, rounded to float32 once. */
  float standardise(double x) {
    return (float) ((x - mean) / deviation);
  }
}
