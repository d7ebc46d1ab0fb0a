package io.fullrank.network.data.sample;

import java.util.List;

/** The numbers of rows, in one of the forms in which they are kept. */
sealed interface RowValues permits FloatRows, PixelRows {

  /** How many numbers there are in all rows together. */
  long count();

  /** How many bytes they take in the heap. */
  long bytes();

  /** Writes the numbers of one row from an offset on. */
  void copy(int row, float[] target, int offset);

  /** The given rows in the given order. */
  RowValues select(int[] rows);

  /** Mean and deviation of every channel over all rows, computed in float64. */
  List<ChannelStatistics> statistics();

  /** (x − mean) / deviation in the numbers of every channel, computed in float64. */
  RowValues standardised(List<ChannelStatistics> statistics);
}
