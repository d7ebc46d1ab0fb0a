package io.fullrank.network.tensor;

/**
 * What one sample is between two layers: a number of pixels, each of the same number of channels.
 * In memory a sample is a matrix with one row per pixel, from the top line on, each from the left;
 * the samples of a batch follow each other. A vector is one pixel.
 *
 * @param height lines
 * @param width pixels of a line
 * @param channels numbers of a pixel
 */
public record Volume(int height, int width, int channels) {

  public Volume {
    if ((long) height * width * channels > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "network: a layer would make %d numbers of a sample, more than %d"
              .formatted((long) height * width * channels, Integer.MAX_VALUE));
    }
  }

  public static Volume vector(int length) {
    return new Volume(1, 1, length);
  }

  public int pixels() {
    return height * width;
  }

  public int numbers() {
    return pixels() * channels;
  }

  /** Working memory for a batch. */
  public FloatMatrix allocate(int samples) {
    return FloatMatrix.zeros(Math.multiplyExact(samples, pixels()), channels);
  }

  /** The part of a batch's memory that holds its first samples. */
  public FloatMatrix samples(FloatMatrix batch, int samples) {
    return batch.rows(0, samples * pixels());
  }
}
