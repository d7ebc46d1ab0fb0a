package io.fullrank.network.layer;

import io.fullrank.network.enclosure.Enclosures;
import io.fullrank.network.enclosure.LinearCombination;
import io.fullrank.network.enclosure.Precision;
import io.fullrank.network.tensor.FloatMatrix;
import io.fullrank.network.tensor.ParameterLayout;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.tensor.Parts;
import io.fullrank.network.tensor.Scratch;
import io.fullrank.network.tensor.Volume;
import java.nio.FloatBuffer;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * A convolution with a square kernel, without bias, on pictures padded with zeros: a pixel of the
 * output is the product of the patch around its place in the input with the weights. On vectors,
 * with kernel 1, the linear map x ↦ xW.
 *
 * <p>The patches of some samples are copied to the rows of a matrix, so that all the work is matrix
 * products, each of the same shape whatever the batch: small enough, where layers are small, for
 * BLAS's kernels without packing, and for the second-level cache.
 *
 * @param name prefix of its parameter "weight" [kernel × kernel × input channels × channels]
 * @param input what it reads
 * @param channels of the output
 * @param kernel odd: padding is (kernel − 1)/2 on each side
 * @param stride from patch to patch, in both directions
 */
public record Convolution(String name, Volume input, int channels, int kernel, int stride)
    implements Layer {

  /** OpenBLAS multiplies without packing up to about 10⁶ multiplications (measured: 1.5 times). */
  private static final long SMALL_PRODUCT = 1_000_000;

  /** Multiplications of a part, at least: some tens of microseconds. */
  private static final long PART_PRODUCTS = 1_000_000;

  /** Fewer rows leave a product bound by reading the weights. */
  private static final int LEAST_ROWS = 96;

  public Convolution {
    if (kernel % 2 == 0) {
      throw new IllegalArgumentException(
          "convolution '%s': the kernel must be odd, got %d".formatted(name, kernel));
    }
  }

  @Override
  public Volume output() {
    return new Volume(
        (input.height() - 1) / stride + 1, (input.width() - 1) / stride + 1, channels);
  }

  @Override
  public boolean analytic() {
    return true;
  }

  @Override
  public void declare(ParameterLayout.Builder layout) {
    layout.add(name, "weight", kernel, kernel, input.channels(), channels);
  }

  @Override
  public Optional<LinearMap> linearMap() {
    return Optional.of(new LinearMap(name, input, output(), kernel, stride, false));
  }

  @Override
  public LayerPass evaluationPass(int maxSamples, Scratch scratch) {
    return trainingPass(maxSamples, scratch);
  }

  @Override
  public LayerPass trainingPass(int maxSamples, Scratch scratch) {
    return new Pass(maxSamples, scratch);
  }

  @Override
  public void enclose(Parameters parameters, Enclosures x, Enclosures y, Precision precision) {
    FloatBuffer weight = parameters.values(name + ".weight");
    LinearCombination product =
        precision.combination(kernel * kernel * input.channels(), x.samples());
    Volume output = output();
    for (int pixel = 0; pixel < output.pixels(); pixel++) {
      int top = pixel / output.width() * stride - kernel / 2;
      int left = pixel % output.width() * stride - kernel / 2;
      for (int channel = 0; channel < channels; channel++) {
        product.clear();
        for (int place = 0; place < kernel * kernel; place++) {
          int line = top + place / kernel;
          int column = left + place % kernel;
          if (line >= 0 && line < input.height() && column >= 0 && column < input.width()) {
            int from = (line * input.width() + column) * input.channels();
            for (int i = 0; i < input.channels(); i++) {
              float w = weight.get((place * input.channels() + i) * channels + channel);
              product.add(w, x, from + i);
            }
          }
        }
        y.setEach(pixel * channels + channel, product, UnaryOperator.identity());
      }
    }
  }

  /** Multiplications of one sample. */
  private long products() {
    return (long) output().pixels() * kernel * kernel * input.channels() * channels;
  }

  /** How many samples go into one product. */
  private int groupSize() {
    int rows = output().pixels();
    long small = SMALL_PRODUCT / products();
    long enough = (LEAST_ROWS + rows - 1) / rows;
    return (int) Math.max(small, enough);
  }

  /** What is done with a group of samples. */
  private interface GroupWork {
    void on(int part, int firstSample, int samples);
  }

  private final class Pass implements LayerPass {
    private final Volume output = output();
    private final int group;

    /** Groups of a part, at least. */
    private final int leastGroups;

    /** Whether the patches are the pixels. */
    private final boolean trivial = kernel == 1 && stride == 1;

    /** The patches of a group of samples, or the gradient in them, for each part. */
    private final Scratch scratch;

    /** The share of each part but the first in the gradient in the weights. */
    private final FloatMatrix[] shares = new FloatMatrix[Parts.MOST];

    private final Patches patches = new Patches(input, kernel, stride);

    /** The patches of the gradient in the output, which are used if the stride is 1. */
    private final Patches gradientPatches = new Patches(output, kernel, 1);

    /**
     * The weights rotated by half a turn, with input and output exchanged: with a stride of 1, the
     * gradient in the input is a convolution with these. [kernel × kernel × channels × input
     * channels].
     */
    private final FloatMatrix rotated =
        FloatMatrix.zeros(kernel * kernel * channels, input.channels());

    Pass(int maxSamples, Scratch scratch) {
      this.group = Math.min(maxSamples, groupSize());
      this.leastGroups = (int) (PART_PRODUCTS / (group * products()) + 1);
      this.scratch = scratch;
    }

    @Override
    public void forward(Parameters parameters, FloatMatrix x, FloatMatrix y) {
      FloatMatrix weight = parameters.weight(name);
      if (trivial) {
        y.setProduct(x, weight);
        return;
      }
      forEachGroup(
          y,
          (part, first, count) ->
              samples(output, y, first, count)
                  .setProduct(copied(patches, x, part, first, count), weight));
    }

    @Override
    public void parameterGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, Parameters gradient) {
      FloatMatrix weight = gradient.weight(name);
      if (trivial) {
        weight.setTransposedProduct(x, dy);
        return;
      }
      int parts = parts(dy);
      shares[0] = weight;
      for (int part = 0; part < parts; part++) {
        if (shares[part] == null) {
          shares[part] = FloatMatrix.zeros(weight.rows(), weight.columns());
        }
        shares[part].clear();
      }
      forEachGroup(
          dy,
          (part, first, count) ->
              shares[part].addTransposedProduct(
                  copied(patches, x, part, first, count), samples(output, dy, first, count)));
      for (int part = 1; part < parts; part++) {
        weight.add(shares[part]);
      }
    }

    @Override
    public void addInputGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, FloatMatrix dx) {
      FloatMatrix weight = parameters.weight(name);
      if (trivial) {
        dx.addProductTransposed(dy, weight);
        return;
      }
      if (stride == 1) {
        rotate(weight);
        forEachGroup(
            dy,
            (part, first, count) ->
                samples(input, dx, first, count)
                    .addProduct(copied(gradientPatches, dy, part, first, count), rotated));
        return;
      }
      forEachGroup(
          dy,
          (part, first, count) -> {
            FloatMatrix rows = scratch.matrix(part, count * output.pixels(), patches.length());
            rows.setProductTransposed(samples(output, dy, first, count), weight);
            for (int i = 0; i < count; i++) {
              patches.add(part, rows.values(), i * output.pixels(), dx.values(), first + i);
            }
          });
    }

    private void rotate(FloatMatrix weight) {
      int places = kernel * kernel;
      int inputs = input.channels();
      float[] from = new float[weight.length()];
      float[] to = new float[weight.length()];
      weight.values().get(0, from);
      for (int place = 0; place < places; place++) {
        for (int i = 0; i < inputs; i++) {
          for (int o = 0; o < channels; o++) {
            to[((places - 1 - place) * channels + o) * inputs + i] =
                from[(place * inputs + i) * channels + o];
          }
        }
      }
      rotated.values().put(0, to);
    }

    private int groups(FloatMatrix y) {
      int count = y.rows() / output.pixels();
      return (count + group - 1) / group;
    }

    private int parts(FloatMatrix y) {
      return Parts.count(groups(y), leastGroups);
    }

    /** Works on the groups of samples of which y is the output. */
    private void forEachGroup(FloatMatrix y, GroupWork work) {
      int samples = y.rows() / output.pixels();
      Parts.forEach(
          groups(y),
          leastGroups,
          (part, firstGroup, endGroup) -> {
            for (int i = firstGroup; i < endGroup; i++) {
              work.on(part, i * group, Math.min(group, samples - i * group));
            }
          });
    }

    private static FloatMatrix samples(Volume volume, FloatMatrix batch, int first, int count) {
      return batch.rows(first * volume.pixels(), count * volume.pixels());
    }

    /** The patches of some samples. */
    private FloatMatrix copied(Patches patches, FloatMatrix x, int part, int first, int count) {
      FloatMatrix rows = scratch.matrix(part, count * output.pixels(), patches.length());
      for (int i = 0; i < count; i++) {
        patches.copy(part, x.values(), first + i, rows.values(), i * output.pixels());
      }
      return rows;
    }
  }
}
