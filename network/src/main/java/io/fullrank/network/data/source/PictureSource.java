package io.fullrank.network.data.source;

import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;

/** Labelled 8-bit pictures as the files of a data set hold them. */
public interface PictureSource {

  /** The shape of each picture. */
  ImageShape shape();

  /** How many pictures the files hold. */
  int rows();

  /** Which files, for messages: such as "the train files". */
  String name();

  /**
   * Reads the given rows, in the given order.
   *
   * @throws DataSetException naming the file and what is wrong with it
   */
  Samples read(int[] rows);
}
