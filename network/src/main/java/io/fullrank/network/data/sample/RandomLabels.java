package io.fullrank.network.data.sample;

import io.fullrank.network.data.sample.SplitMix64.Purpose;
import io.fullrank.proto.v1.LabelNoise;

/**
 * Random labels (theory §6): each training label is replaced with probability p by a uniform draw
 * out of all classes, the right one included (Zhang et al.: <i>Understanding Deep Learning Requires
 * Rethinking Generalization</i>, ICLR 2017).
 *
 * <p>Every row has a random stream of its own. So a larger p replaces what a smaller one does and
 * more, by the same labels, and the first rows do not depend on how many follow.
 */
public final class RandomLabels {

  private RandomLabels() {}

  /** The training rows with labels replaced. */
  public static Samples replace(LabelNoise noise, int classes, Samples train) {
    int[] labels = train.labels();
    for (int row = 0; row < labels.length; row++) {
      SplitMix64 random = SplitMix64.stream(noise.getSeed(), Purpose.LABEL_NOISE, row);
      if (random.uniform(0, 1) < noise.getProbability()) {
        labels[row] = random.nextInt(classes);
      }
    }
    return train.withLabels(labels);
  }
}
