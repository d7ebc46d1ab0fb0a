package io.fullrank.network.jacobian;

import io.fullrank.network.layer.LinearMap;
import io.fullrank.proto.v1.LayerFactors;
import java.util.List;

/**
 * A cross-correlation in two dimensions, rows before columns. Pictures are channels × height ×
 * width numbers.
 *
 * @param channels of what it reads, a multiple of groups
 * @param height of what it reads
 * @param width of what it reads
 * @param outputChannels of what it makes, a multiple of groups
 * @param outputHeight of what it makes
 * @param outputWidth of what it makes
 * @param kernelRows of the kernel
 * @param kernelColumns of the kernel
 * @param strideRows from patch to patch
 * @param strideColumns from patch to patch
 * @param paddingRows rows of zeros on each side
 * @param paddingColumns columns of zeros on each side
 * @param dilationRows from one row of the kernel to the next
 * @param dilationColumns from one column of the kernel to the next
 * @param groups parts that the channels are cut into, each with its own kernel
 * @param bias whether a number is added to each output channel
 */
public record ConvolutionGeometry(
    int channels,
    int height,
    int width,
    int outputChannels,
    int outputHeight,
    int outputWidth,
    int kernelRows,
    int kernelColumns,
    int strideRows,
    int strideColumns,
    int paddingRows,
    int paddingColumns,
    int dilationRows,
    int dilationColumns,
    int groups,
    boolean bias) {

  /**
   * Checks that the sizes belong together.
   *
   * @throws IllegalArgumentException naming the first that does not
   */
  public ConvolutionGeometry {
    requirePositive("channels", channels);
    requirePositive("height", height);
    requirePositive("width", width);
    requirePositive("channels of the output", outputChannels);
    requirePositive("rows of the kernel", kernelRows);
    requirePositive("columns of the kernel", kernelColumns);
    requirePositive("stride in rows", strideRows);
    requirePositive("stride in columns", strideColumns);
    requirePositive("dilation in rows", dilationRows);
    requirePositive("dilation in columns", dilationColumns);
    requirePositive("groups", groups);
    if (paddingRows < 0 || paddingColumns < 0) {
      throw new IllegalArgumentException("a padding is negative");
    }
    if (channels % groups != 0 || outputChannels % groups != 0) {
      throw new IllegalArgumentException(
          "%d channels to %d cannot be cut into %d groups"
              .formatted(channels, outputChannels, groups));
    }
    long rows = places(height, kernelRows, strideRows, paddingRows, dilationRows);
    long columns = places(width, kernelColumns, strideColumns, paddingColumns, dilationColumns);
    if (rows != outputHeight || columns != outputWidth) {
      throw new IllegalArgumentException(
          "pictures of %d×%d become %d×%d by that kernel, stride, padding and dilation, not %d×%d"
              .formatted(height, width, rows, columns, outputHeight, outputWidth));
    }
  }

  /**
   * Returns the geometry of a layer that a program outside Fullrank describes.
   *
   * @param layer a convolution, with inputs of 4 dimensions and output gradients of 5
   * @throws IllegalArgumentException if it is none, naming what is wrong
   */
  public static ConvolutionGeometry of(LayerFactors layer) {
    int[] in = sizes(layer.getInputs().getShapeList().subList(1, 4));
    int[] out = sizes(layer.getOutputGradients().getShapeList().subList(2, 5));
    var convolution = layer.getConvolution();
    return new ConvolutionGeometry(
        in[0],
        in[1],
        in[2],
        out[0],
        out[1],
        out[2],
        convolution.getKernelRows(),
        convolution.getKernelColumns(),
        convolution.getStrideRows(),
        convolution.getStrideColumns(),
        convolution.getPaddingRows(),
        convolution.getPaddingColumns(),
        convolution.getDilationRows(),
        convolution.getDilationColumns(),
        convolution.getGroups(),
        layer.getBias());
  }

  private static int[] sizes(List<Long> dimensions) {
    return dimensions.stream().mapToInt(Math::toIntExact).toArray();
  }

  /** Returns the geometry of a convolution of one of our networks. */
  static ConvolutionGeometry of(LinearMap map) {
    return new ConvolutionGeometry(
        map.input().channels(),
        map.input().height(),
        map.input().width(),
        map.output().channels(),
        map.output().height(),
        map.output().width(),
        map.kernel(),
        map.kernel(),
        map.stride(),
        map.stride(),
        map.kernel() / 2,
        map.kernel() / 2,
        1,
        1,
        1,
        map.bias());
  }

  /** Places of a kernel along one side; 0 where it does not fit. */
  private static long places(long side, long kernel, long stride, long padding, long dilation) {
    long room = side + 2 * padding - dilation * (kernel - 1) - 1;
    return room < 0 ? 0 : room / stride + 1;
  }

  private static void requirePositive(String what, int value) {
    if (value < 1) {
      throw new IllegalArgumentException("%s must be at least 1, got %d".formatted(what, value));
    }
  }

  /** Returns how many numbers it reads. */
  public long inputs() {
    return (long) channels * height * width;
  }

  /** Returns how many numbers it makes. */
  public long outputs() {
    return (long) outputChannels * positions();
  }

  /** Returns the number of its parameters. */
  public long parameters() {
    return outputChannels * patch();
  }

  /** Places of the kernel. */
  long positions() {
    return (long) outputHeight * outputWidth;
  }

  /** Numbers of a patch of one group, and the 1 that the bias is multiplied by. */
  long patch() {
    return (long) channels / groups * kernelRows * kernelColumns + (bias ? 1 : 0);
  }
}
