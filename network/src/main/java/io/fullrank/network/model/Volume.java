package io.fullrank.network.model;

/**
 * What one sample is between two layers: so many pixels of so many channels. In memory a sample is
 * a matrix with one row per pixel, from the top line on, each from the left; the samples of a batch
 * follow each other. A vector is one pixel.
 *
 * @param height lines
 * @param width pixels of a line
 * @param channels numbers of a pixel
 */
record Volume(int height, int width, int channels) {

  Volume {
    if ((long) height * width * channels > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "network: a layer would make %d numbers of a sample, more than %d"
              .formatted((long) height * width * channels, Integer.MAX_VALUE));
    }
  }

  static Volume vector(int length) {
    return new Volume(1, 1, length);
  }

  int pixels() {
    return height * width;
  }

  int numbers() {
    return pixels() * channels;
  }

  /** Working memory for a batch. */
  FloatMatrix allocate(int samples) {
    return FloatMatrix.zeros(Math.multiplyExact(samples, pixels()), channels);
  }

  /** The part of a batch's memory that holds its first samples. */
  FloatMatrix samples(FloatMatrix batch, int samples) {
    return batch.rows(0, samples * pixels());
  }
}
