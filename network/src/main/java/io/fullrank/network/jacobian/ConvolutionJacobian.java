package io.fullrank.network.jacobian;

import static org.bytedeco.openblas.global.openblas.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas.CblasTrans;
import static org.bytedeco.openblas.global.openblas.cblas_dgemm;

import io.fullrank.certificate.kernel.ExplicitRows;
import io.fullrank.certificate.matrix.Matrix;
import java.util.Arrays;

/**
 * The Jacobian of the outputs in the parameters of a convolution: the row of output k of example i
 * is Σ δ_ikp ⊗ patch_ip over the positions p, which is one product of matrices for each example,
 * computed in float64. Its columns are in the order [output channel][input channel of the
 * group][kernel row][kernel column], with the output channel's bias after its weights.
 *
 * <p>The rows are formed once and held: the gradients that they are made of take more memory where
 * pictures are large.
 */
public final class ConvolutionJacobian implements ExplicitRows.Source, AutoCloseable {

  private final ConvolutionGeometry geometry;
  private final int outputs;
  private final Matrix rows;

  /**
   * Allocates the rows, which are zero at first.
   *
   * @param examples n
   * @param outputs K
   * @throws io.fullrank.certificate.result.InsufficientMemoryException if they do not fit
   */
  public ConvolutionJacobian(ConvolutionGeometry geometry, int examples, int outputs) {
    this.geometry = geometry;
    this.outputs = outputs;
    this.rows = Matrix.allocate((long) examples * outputs, geometry.parameters());
  }

  /**
   * Forms the rows of one example. Several threads may do so for different examples, on BLAS with
   * one thread.
   *
   * @param example i
   * @param input (input) a_i, channels × height × width
   * @param gradients (input) δ_i, K × channels × height × width of the output
   */
  public void setRows(int example, double[] input, double[] gradients) {
    int positions = Math.toIntExact(geometry.positions());
    int patch = Math.toIntExact(geometry.patch());
    int channels = geometry.outputChannels() / geometry.groups();
    try (Matrix delta = Matrix.allocate((long) outputs * geometry.outputChannels(), positions);
        Matrix patches = Matrix.allocate((long) geometry.groups() * patch, positions)) {
      delta.data().put(gradients, 0, gradients.length);
      unfold(input, patches);
      for (int k = 0; k < outputs; k++) {
        for (int group = 0; group < geometry.groups(); group++) {
          long row = (long) k * geometry.outputChannels() + (long) group * channels;
          cblas_dgemm(
              CblasRowMajor,
              CblasNoTrans,
              CblasTrans,
              channels,
              patch,
              positions,
              1,
              delta.data().getPointer(row * positions),
              positions,
              patches.data().getPointer((long) group * patch * positions),
              positions,
              0,
              rows.data()
                  .getPointer(
                      ((long) example * outputs + k) * rows.columns()
                          + (long) group * channels * patch),
              patch);
        }
      }
    }
  }

  /** Number by number of a patch, what it is at each position. */
  private void unfold(double[] input, Matrix patches) {
    int height = geometry.height();
    int width = geometry.width();
    int outputWidth = geometry.outputWidth();
    int channelsOfGroup = geometry.channels() / geometry.groups();
    double[] line = new double[Math.toIntExact(geometry.positions())];
    int row = 0;
    for (int channel = 0; channel < geometry.channels(); channel++) {
      for (int i = 0; i < geometry.kernelRows(); i++) {
        for (int j = 0; j < geometry.kernelColumns(); j++) {
          for (int p = 0; p < line.length; p++) {
            long y =
                (long) (p / outputWidth) * geometry.strideRows()
                    - geometry.paddingRows()
                    + (long) i * geometry.dilationRows();
            long x =
                (long) (p % outputWidth) * geometry.strideColumns()
                    - geometry.paddingColumns()
                    + (long) j * geometry.dilationColumns();
            boolean inside = y >= 0 && y < height && x >= 0 && x < width;
            line[p] = inside ? input[(channel * height + (int) y) * width + (int) x] : 0;
          }
          patches.setRow(row++, 0, line, 0, line.length);
        }
      }
      if (geometry.bias() && (channel + 1) % channelsOfGroup == 0) {
        Arrays.fill(line, 1);
        patches.setRow(row++, 0, line, 0, line.length);
      }
    }
  }

  @Override
  public long columns() {
    return rows.columns();
  }

  @Override
  public void rows(int example, long fromColumn, int length, double[] into) {
    for (int k = 0; k < outputs; k++) {
      rows.getRow((long) example * outputs + k, fromColumn, into, k * length, length);
    }
  }

  @Override
  public void close() {
    rows.close();
  }
}
