package io.fullrank.network.data.sample;

/**
 * How the inputs of a row form a picture: channel by channel (CHW), each channel row by row from
 * the top, each row from the left.
 *
 * @param channels at least 1; 1 for grey pictures, 3 for red, green, blue
 * @param height pixels, at least 1
 * @param width pixels, at least 1
 */
public record ImageShape(int channels, int height, int width) {

  /**
   * Checks the sizes.
   *
   * @throws IllegalArgumentException if one is not positive, or their product exceeds an int
   */
  public ImageShape {
    if (channels < 1
        || height < 1
        || width < 1
        || (long) channels * height > Integer.MAX_VALUE / width) {
      throw new IllegalArgumentException(
          "not the shape of a picture: %d×%d×%d".formatted(channels, height, width));
    }
  }

  /** Returns the shape of rows that are no pictures: one channel, one line. */
  public static ImageShape vector(int inputs) {
    return new ImageShape(1, 1, inputs);
  }

  /** Returns how many numbers each channel has. */
  public int pixels() {
    return height * width;
  }

  /** Returns how many numbers a row has. */
  public int inputs() {
    return channels * height * width;
  }

  /** Returns channels×height×width, such as {@code 3×32×32}. */
  @Override
  public String toString() {
    return channels + "×" + height + "×" + width;
  }
}
