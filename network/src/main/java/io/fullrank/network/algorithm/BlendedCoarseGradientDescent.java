package io.fullrank.network.algorithm;

import io.fullrank.network.description.Parameter;
import io.fullrank.network.description.Range;
import io.fullrank.network.description.Values;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.ParameterLayout.Slot;
import io.fullrank.network.tensor.Parameters;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Blended coarse gradient descent (Yin, Zhang, Lyu, Osher, Qi, Xin, <i>Blended coarse gradient
 * descent for full quantization of deep neural networks</i>, Research in the Mathematical Sciences
 * 6, 2019, arXiv 1808.05240) for quantised weights: r ← (1 − ρ)r + ρQ(r) − η(∇L(Q(r)) + λQ(r)),
 * with full-precision weights r and the gradient at the quantised ones.
 *
 * <p>Q quantises the weights of each layer to numbers of b bits times a scale of its own. With b =
 * 1 they are ±δ with δ = mean |r| (0 counts as positive), the nearest point of that form to r. With
 * more bits they are δ times whole numbers of at most 2^(b−1) − 1, where δ = 2·max|r|/(2^b − 1) and
 * then, {@value #ROUNDS} times, the whole numbers are the nearest ones, and δ is the best for them
 * in the sense of least squares: each such round brings Q(r) nearer to r. Biases, and shifts and
 * scales of batch normalisation, are not quantised, and on request the output layer is not.
 *
 * <p>The network that a run has is the one with the weights Q(r), from before the first update:
 * they are what it computes with, what losses, snapshots, features and certificates are about, and
 * what checkpoints hold as parameters. What is remembered besides is the remainder r − Q(r), so
 * that something that is added to the weights, such as a perturbation, is added to r.
 *
 * <p>In phase 2 the output layer alone moves, from Q(r) on, in full precision, whether it was
 * quantised before or not: with quantised weights that problem would not be convex. The
 * perturbation at the switch adds to the hidden layers' quantised weights, unless its noise is 0.
 */
final class BlendedCoarseGradientDescent implements BaseAlgorithm {

  static final Algorithm BCGD =
      Algorithm.named(
          "bcgd",
          "blended coarse gradient descent: the weights of each layer are whole numbers of a few bits times a scale",
          List.of(
              Algorithm.BATCH_SIZE,
              Algorithm.learningRate(0.05),
              Parameter.count("bits", Range.count(1, 8), "bits", "bits of a quantised weight")
                  .byDefault(4),
              Parameter.number(
                      "blending",
                      Range.FRACTION,
                      "ρ, the share of the quantised weights that is blended into the full-precision ones")
                  .byDefault(1e-5),
              Parameter.flag(
                  "full-precision-output", "whether the output layer's weights are not quantised"),
              Algorithm.weightDecay(0)),
          BlendedCoarseGradientDescent::new);

  private static final String REMAINDER = "quantisation-remainder";

  private static final int ROUNDS = 4;

  private final LearningRate learningRate;
  private final int bits;
  private final float kept;
  private final float decay;
  private final int hiddenLength;

  /** Where the weights of each layer lie that are quantised. */
  private final List<Slot> quantised;

  /** r − Q(r); 0 where nothing is quantised. */
  private final float[] remainder;

  private boolean hiddenLayersFrozen;

  private BlendedCoarseGradientDescent(
      Values values, LearningRate learningRate, ParameterLayout layout) {
    this.learningRate = learningRate;
    this.bits = Math.toIntExact(values.count("bits"));
    this.kept = (float) (1 - values.number("blending"));
    this.decay = (float) values.number("weight-decay");
    this.hiddenLength = layout.hiddenLength();
    boolean outputToo = !values.flag("full-precision-output");
    this.quantised =
        layout.trainedSlots().stream()
            .filter(slot -> slot.role().equals("weight"))
            .filter(slot -> outputToo || slot.offset() < hiddenLength)
            .toList();
    this.remainder = new float[layout.length()];
  }

  @Override
  public void begin(Parameters weights) {
    quantised.forEach(slot -> quantise(slot, weights));
  }

  @Override
  public double learningRate(long step) {
    return learningRate.at(step);
  }

  @Override
  public void update(long step, Parameters weights, Parameters gradient) {
    float eta = (float) learningRate.at(step);
    FloatBuffer w = weights.values();
    FloatBuffer g = gradient.values();
    if (hiddenLayersFrozen) {
      for (int i = hiddenLength; i < remainder.length; i++) {
        w.put(i, w.get(i) - eta * g.get(i));
      }
      return;
    }
    for (int i = 0; i < remainder.length; i++) {
      // (1 − ρ)r + ρQ(r) with r = Q(r) + remainder
      float blended = w.get(i) + kept * remainder[i];
      w.put(i, blended - eta * (g.get(i) + decay * w.get(i)));
    }
    quantised.forEach(slot -> quantise(slot, weights));
  }

  @Override
  public void freezeHiddenLayers() {
    hiddenLayersFrozen = true;
  }

  @Override
  public Map<String, float[]> memory() {
    return Map.of(REMAINDER, remainder.clone());
  }

  @Override
  public void restore(Map<String, float[]> remembered) {
    if (!remembered.keySet().equals(Set.of(REMAINDER))) {
      throw new IllegalArgumentException(
          "the algorithm remembers [%s], not %s".formatted(REMAINDER, remembered.keySet()));
    }
    float[] values = remembered.get(REMAINDER);
    if (values.length != remainder.length) {
      throw new IllegalArgumentException(
          "'%s' has %d numbers, the network %d parameters"
              .formatted(REMAINDER, values.length, remainder.length));
    }
    System.arraycopy(values, 0, remainder, 0, values.length);
  }

  /** Replaces full-precision weights r by Q(r), and keeps r − Q(r). */
  private void quantise(Slot slot, Parameters weights) {
    float[] r = new float[slot.length()];
    weights.values().get(slot.offset(), r);
    double scale = bits == 1 ? meanMagnitude(r) : scale(r);
    for (int i = 0; i < r.length; i++) {
      float q = (float) (scale * whole(r[i], scale));
      weights.values().put(slot.offset() + i, q);
      remainder[slot.offset() + i] = r[i] - q;
    }
  }

  private static double meanMagnitude(float[] r) {
    double sum = 0;
    for (float value : r) {
      sum += Math.abs(value);
    }
    return sum / r.length;
  }

  private double scale(float[] r) {
    double largest = 0;
    for (float value : r) {
      largest = Math.max(largest, Math.abs(value));
    }
    double scale = 2 * largest / ((1 << bits) - 1);
    for (int round = 0; round < ROUNDS && scale > 0; round++) {
      double product = 0;
      double squares = 0;
      for (float value : r) {
        double whole = whole(value, scale);
        product += value * whole;
        squares += whole * whole;
      }
      scale = product / squares;
    }
    return scale;
  }

  /** The nearest of the whole numbers that b bits allow, as a multiple of the scale. */
  private double whole(float value, double scale) {
    if (bits == 1) {
      return value < 0 ? -1 : 1;
    }
    double most = (1 << (bits - 1)) - 1;
    return scale == 0 ? 0 : Math.max(-most, Math.min(most, Math.rint(value / scale)));
  }
}
