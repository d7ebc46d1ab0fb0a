package io.fullrank.network.data.sample;

import java.util.ArrayList;
import java.util.List;

/**
 * Pictures of 8-bit levels, a quarter of the memory that float32 numbers take, and what number each
 * level of each channel stands for.
 *
 * @param shape of each row
 * @param pixels rows × inputs levels of 0 … 255, row-major; not to be changed
 * @param numbers channels × 256; not to be changed
 */
@SuppressWarnings("ArrayRecordComponent") // It is never compared and never leaves this package.
record PixelRows(ImageShape shape, byte[] pixels, float[][] numbers) implements RowValues {

  private static final int LEVELS = 256;

  /** Pictures whose level k stands for k/255. */
  static PixelRows of(ImageShape shape, byte[] pixels) {
    float[][] numbers = new float[shape.channels()][LEVELS];
    for (float[] channel : numbers) {
      for (int level = 0; level < LEVELS; level++) {
        channel[level] = level / 255f;
      }
    }
    return new PixelRows(shape, pixels, numbers);
  }

  @Override
  public long count() {
    return pixels.length;
  }

  @Override
  public long bytes() {
    return pixels.length;
  }

  @Override
  public void copy(int row, float[] target, int offset) {
    int from = row * shape.inputs();
    int to = offset;
    for (float[] channel : numbers) {
      for (int i = 0; i < shape.pixels(); i++) {
        target[to++] = channel[pixels[from++] & 0xFF];
      }
    }
  }

  @Override
  public RowValues select(int[] rows) {
    int inputs = shape.inputs();
    byte[] chosen = new byte[Math.multiplyExact(rows.length, inputs)];
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(pixels, rows[i] * inputs, chosen, i * inputs, inputs);
    }
    return new PixelRows(shape, chosen, numbers);
  }

  /** Computed from how often each level occurs, so that no order of summation plays a role. */
  @Override
  public List<ChannelStatistics> statistics() {
    long[][] counts = new long[shape.channels()][LEVELS];
    for (int from = 0; from < pixels.length; ) {
      for (long[] channel : counts) {
        for (int i = 0; i < shape.pixels(); i++) {
          channel[pixels[from++] & 0xFF]++;
        }
      }
    }
    List<ChannelStatistics> statistics = new ArrayList<>();
    for (int channel = 0; channel < shape.channels(); channel++) {
      statistics.add(statistics(counts[channel], numbers[channel]));
    }
    return statistics;
  }

  private static ChannelStatistics statistics(long[] counts, float[] numbers) {
    double count = 0;
    double sum = 0;
    for (int level = 0; level < LEVELS; level++) {
      count += counts[level];
      sum += counts[level] * (double) numbers[level];
    }
    double mean = sum / count;
    double squares = 0;
    for (int level = 0; level < LEVELS; level++) {
      double distance = numbers[level] - mean;
      squares += counts[level] * distance * distance;
    }
    return new ChannelStatistics(mean, Math.sqrt(squares / count));
  }

  @Override
  public RowValues standardised(List<ChannelStatistics> statistics) {
    float[][] standardised = new float[shape.channels()][LEVELS];
    for (int channel = 0; channel < shape.channels(); channel++) {
      for (int level = 0; level < LEVELS; level++) {
        standardised[channel][level] = statistics.get(channel).standardise(numbers[channel][level]);
      }
    }
    return new PixelRows(shape, pixels, standardised);
  }
}
