package io.fullrank.network.model;

import java.nio.FloatBuffer;

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
record Convolution(String name, Volume input, int channels, int kernel, int stride)
    implements Layer {

  /** OpenBLAS multiplies without packing up to about 10⁶ multiplications (measured: 1.5 times). */
  private static final long SMALL_PRODUCT = 1_000_000;

  /** Fewer rows leave a product bound by reading the weights. */
  private static final int LEAST_ROWS = 96;

  Convolution {
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
  public LayerPass evaluationPass(int maxSamples) {
    return trainingPass(maxSamples);
  }

  @Override
  public LayerPass trainingPass(int maxSamples) {
    return new Pass(maxSamples);
  }

  private int patchLength() {
    return kernel * kernel * input.channels();
  }

  /** How many samples go into one product. */
  private int groupSize() {
    int rows = output().pixels();
    long products = (long) rows * patchLength() * channels;
    long small = SMALL_PRODUCT / products;
    long enough = (LEAST_ROWS + rows - 1) / rows;
    return (int) Math.max(small, enough);
  }

  private final class Pass implements LayerPass {
    private final Volume output = output();
    private final int group;

    /** Whether the patches are the pixels. */
    private final boolean trivial = kernel == 1 && stride == 1;

    /** Patches of a group of samples, and the gradient in them: output pixels × patch. */
    private final FloatMatrix patches;

    private final FloatMatrix patchGradients;

    private final float[] zeros = new float[patchLength()];
    private final float[] patchRows = new float[output.width() * patchLength()];
    private final float[] sample = new float[input.numbers()];

    Pass(int maxSamples) {
      group = Math.min(maxSamples, groupSize());
      int rows = trivial ? 1 : group * output.pixels();
      patches = FloatMatrix.zeros(rows, patchLength());
      patchGradients = FloatMatrix.zeros(rows, patchLength());
    }

    @Override
    public void forward(Parameters parameters, FloatMatrix x, FloatMatrix y) {
      FloatMatrix weight = parameters.weight(name);
      if (trivial) {
        y.setProduct(x, weight);
        return;
      }
      for (int row = 0; row < y.rows(); row += group * output.pixels()) {
        FloatMatrix part = part(y, row);
        part.setProduct(patches(x, row, part.rows()), weight);
      }
    }

    @Override
    public void parameterGradient(
        Parameters parameters, FloatMatrix x, FloatMatrix dy, Parameters gradient) {
      FloatMatrix weight = gradient.weight(name);
      if (trivial) {
        weight.setTransposedProduct(x, dy);
        return;
      }
      weight.clear();
      for (int row = 0; row < dy.rows(); row += group * output.pixels()) {
        FloatMatrix part = part(dy, row);
        weight.addTransposedProduct(patches(x, row, part.rows()), part);
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
      for (int row = 0; row < dy.rows(); row += group * output.pixels()) {
        FloatMatrix part = part(dy, row);
        FloatMatrix gradients = patchGradients.rows(0, part.rows());
        gradients.setProductTransposed(part, weight);
        int first = row / output.pixels();
        for (int i = 0; i < part.rows() / output.pixels(); i++) {
          addPatches(gradients.values(), i * output.pixels(), dx.values(), first + i);
        }
      }
    }

    /** The rows of a group of samples, beginning at a row. */
    private FloatMatrix part(FloatMatrix y, int row) {
      return y.rows(row, Math.min(group * output.pixels(), y.rows() - row));
    }

    /** The patches that belong to some rows of the output. */
    private FloatMatrix patches(FloatMatrix x, int row, int count) {
      FloatMatrix part = patches.rows(0, count);
      int first = row / output.pixels();
      for (int i = 0; i < count / output.pixels(); i++) {
        copyPatches(x.values(), first + i, part.values(), i * output.pixels());
      }
      return part;
    }

    /** Copies the patches of one sample to rows of patches from firstRow on. */
    private void copyPatches(FloatBuffer x, int index, FloatBuffer rows, int firstRow) {
      int channelsIn = input.channels();
      int line = kernel * channelsIn;
      int origin = index * input.numbers();
      int to = firstRow * patchLength();
      for (int top = -kernel / 2; top < input.height() - kernel / 2; top += stride) {
        for (int left = -kernel / 2; left < input.width() - kernel / 2; left += stride) {
          int before = Math.max(0, -left) * channelsIn;
          int end = Math.min(kernel, input.width() - left) * channelsIn;
          for (int y = top; y < top + kernel; y++) {
            if (y < 0 || y >= input.height()) {
              rows.put(to, zeros, 0, line);
            } else {
              int from = origin + (y * input.width() + left) * channelsIn;
              if (before > 0) {
                rows.put(to, zeros, 0, before);
              }
              rows.put(to + before, x, from + before, end - before);
              if (end < line) {
                rows.put(to + end, zeros, 0, line - end);
              }
            }
            to += line;
          }
        }
      }
    }

    /** Adds rows of patch gradients from firstRow on to the places that they were copied from. */
    private void addPatches(FloatBuffer rows, int firstRow, FloatBuffer dx, int index) {
      int channelsIn = input.channels();
      int line = kernel * channelsIn;
      int origin = index * input.numbers();
      dx.get(origin, sample);
      int from = firstRow * patchLength();
      for (int top = -kernel / 2; top < input.height() - kernel / 2; top += stride) {
        rows.get(from, patchRows);
        from += patchRows.length;
        int next = 0;
        for (int left = -kernel / 2; left < input.width() - kernel / 2; left += stride) {
          int before = Math.max(0, -left) * channelsIn;
          int end = Math.min(kernel, input.width() - left) * channelsIn;
          for (int y = top; y < top + kernel; y++) {
            if (y >= 0 && y < input.height()) {
              int to = (y * input.width() + left) * channelsIn;
              for (int i = before; i < end; i++) {
                sample[to + i] += patchRows[next + i];
              }
            }
            next += line;
          }
        }
      }
      dx.put(origin, sample);
    }
  }
}
