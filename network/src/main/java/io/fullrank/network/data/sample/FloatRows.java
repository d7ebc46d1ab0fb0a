package io.fullrank.network.data.sample;

import java.util.ArrayList;
import java.util.List;

/**
 * Rows as float32 numbers.
 *
 * @param shape of each row
 * @param values rows × inputs, row-major; not to be changed
 */
@SuppressWarnings("ArrayRecordComponent") // It is never compared and never leaves this package.
record FloatRows(ImageShape shape, float[] values) implements RowValues {

  @Override
  public long count() {
    return values.length;
  }

  @Override
  public long bytes() {
    return (long) Float.BYTES * values.length;
  }

  @Override
  public void copy(int row, float[] target, int offset) {
    System.arraycopy(values, row * shape.inputs(), target, offset, shape.inputs());
  }

  @Override
  public RowValues select(int[] rows) {
    float[] chosen = new float[Math.multiplyExact(rows.length, shape.inputs())];
    for (int i = 0; i < rows.length; i++) {
      copy(rows[i], chosen, i * shape.inputs());
    }
    return new FloatRows(shape, chosen);
  }

  @Override
  public List<ChannelStatistics> statistics() {
    List<ChannelStatistics> statistics = new ArrayList<>();
    for (int channel = 0; channel < shape.channels(); channel++) {
      double sum = 0;
      for (int i = 0; i < values.length; i++) {
        sum += channelOf(i) == channel ? values[i] : 0;
      }
      double count = (double) values.length / shape.channels();
      double mean = sum / count;
      double squares = 0;
      for (int i = 0; i < values.length; i++) {
        double distance = channelOf(i) == channel ? values[i] - mean : 0;
        squares += distance * distance;
      }
      statistics.add(new ChannelStatistics(mean, Math.sqrt(squares / count)));
    }
    return statistics;
  }

  @Override
  public RowValues standardised(List<ChannelStatistics> statistics) {
    float[] result = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      result[i] = statistics.get(channelOf(i)).standardise(values[i]);
    }
    return new FloatRows(shape, result);
  }

  private int channelOf(int index) {
    return index % shape.inputs() / shape.pixels();
  }
}
