package io.fullrank.network.layer;

import io.fullrank.network.tensor.Parts;
import io.fullrank.network.tensor.Volume;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * Copies square patches of pixels to the rows of a matrix, and back; with working memory for each
 * of {@link Parts}. Pictures are surrounded by zeros, (kernel − 1)/2 pixels on each side.
 */
final class Patches {

  private final Volume volume;
  private final int kernel;
  private final int stride;
  private final List<float[]> samples;
  private final List<float[]> rowsOfALine;

  /**
   * Creates the working memory.
   *
   * @param volume what the patches are taken out of
   * @param kernel pixels of a side
   * @param stride from patch to patch, in both directions
   */
  Patches(Volume volume, int kernel, int stride) {
    this.volume = volume;
    this.kernel = kernel;
    this.stride = stride;
    int patches = (volume.width() - 1) / stride + 1;
    this.samples = Parts.memory(() -> new float[volume.numbers()]);
    this.rowsOfALine = Parts.memory(() -> new float[patches * length()]);
  }

  /** Numbers of a patch: kernel × kernel × channels. */
  int length() {
    return kernel * kernel * volume.channels();
  }

  /**
   * Copies the patches of one sample.
   *
   * @param part whose memory to use
   * @param x (input) samples
   * @param index which of them
   * @param rows (output) one row for each patch, from firstRow on
   */
  void copy(int part, FloatBuffer x, int index, FloatBuffer rows, int firstRow) {
    float[] sample = samples.get(part);
    float[] patches = rowsOfALine.get(part);
    int channels = volume.channels();
    int line = kernel * channels;
    x.get(index * sample.length, sample);
    int to = firstRow * length();
    for (int top = -kernel / 2; top < volume.height() - kernel / 2; top += stride) {
      int next = 0;
      for (int left = -kernel / 2; left < volume.width() - kernel / 2; left += stride) {
        int before = Math.max(0, -left) * channels;
        int end = Math.min(kernel, volume.width() - left) * channels;
        for (int y = top; y < top + kernel; y++) {
          if (y < 0 || y >= volume.height()) {
            Arrays.fill(patches, next, next + line, 0);
          } else {
            Arrays.fill(patches, next, next + before, 0);
            int from = (y * volume.width() + left) * channels;
            System.arraycopy(sample, from + before, patches, next + before, end - before);
            Arrays.fill(patches, next + end, next + line, 0);
          }
          next += line;
        }
      }
      rows.put(to, patches);
      to += patches.length;
    }
  }

  /**
   * Adds rows to the places that {@link #copy} takes them from.
   *
   * @param part whose memory to use
   * @param rows (input) one row for each patch, from firstRow on
   * @param x (modified) samples
   * @param index which of them
   */
  void add(int part, FloatBuffer rows, int firstRow, FloatBuffer x, int index) {
    float[] sample = samples.get(part);
    float[] patches = rowsOfALine.get(part);
    int channels = volume.channels();
    int line = kernel * channels;
    x.get(index * sample.length, sample);
    int from = firstRow * length();
    for (int top = -kernel / 2; top < volume.height() - kernel / 2; top += stride) {
      rows.get(from, patches);
      from += patches.length;
      int next = 0;
      for (int left = -kernel / 2; left < volume.width() - kernel / 2; left += stride) {
        int before = Math.max(0, -left) * channels;
        int end = Math.min(kernel, volume.width() - left) * channels;
        for (int y = top; y < top + kernel; y++) {
          if (y >= 0 && y < volume.height()) {
            int to = (y * volume.width() + left) * channels;
            for (int i = before; i < end; i++) {
              sample[to + i] += patches[next + i];
            }
          }
          next += line;
        }
      }
    }
    x.put(index * sample.length, sample);
  }
}
