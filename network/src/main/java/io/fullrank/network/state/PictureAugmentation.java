package io.fullrank.network.state;

import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.proto.v1.Augmentation;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Random crops and mirror images, drawn anew for every picture of every mini-batch (He et al.:
 * <i>Deep Residual Learning for Image Recognition</i>, CVPR 2016, §4.2): zeros are put around the
 * picture, a piece of its old size is drawn out of that, and mirrored with probability ½. Zero is
 * the mean of each channel where inputs are standardised, and black where they are not.
 *
 * <p>Only what phase 1 trains on is augmented. Losses, errors and the feature matrix are those of
 * the training rows themselves, and phase 2 trains on exactly that matrix: the condition and the
 * guarantee (theory §1, §2) are about fixed rows. Not thread-safe.
 */
public final class PictureAugmentation {

  private final ImageShape shape;
  private final int padding;
  private final boolean flip;
  private final SplittableRandom random;
  private final float[] original;

  /**
   * Starts the sequence of a seed.
   *
   * @param shape of the pictures
   */
  public PictureAugmentation(ImageShape shape, Augmentation augmentation, long seed) {
    this.shape = shape;
    this.padding = augmentation.getCropPadding();
    this.flip = augmentation.getHorizontalFlip();
    this.random = new SplittableRandom(seed);
    this.original = new float[shape.inputs()];
  }

  /** Skips the draws for a number of pictures: the sequence continues after them. */
  void skip(long pictures) {
    for (long i = 0; i < pictures; i++) {
      shift();
      shift();
      mirrored();
    }
  }

  private int shift() {
    return padding == 0 ? 0 : random.nextInt(2 * padding + 1) - padding;
  }

  private boolean mirrored() {
    return flip && random.nextBoolean();
  }

  /**
   * Changes one picture.
   *
   * @param picture (modified) channels × height × width numbers
   */
  void apply(float[] picture) {
    int down = shift();
    int right = shift();
    boolean mirrored = mirrored();
    System.arraycopy(picture, 0, original, 0, original.length);
    Arrays.fill(picture, 0);
    for (int channel = 0; channel < shape.channels(); channel++) {
      int start = channel * shape.pixels();
      for (int y = Math.max(0, -down); y < Math.min(shape.height(), shape.height() - down); y++) {
        for (int x = Math.max(0, -right); x < Math.min(shape.width(), shape.width() - right); x++) {
          int column = mirrored ? shape.width() - 1 - x : x;
          picture[start + y * shape.width() + column] =
              original[start + (y + down) * shape.width() + x + right];
        }
      }
    }
  }
}
