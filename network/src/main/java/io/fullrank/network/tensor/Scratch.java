package io.fullrank.network.tensor;

/**
 * Working memory that the layers of one pass use one after the other, apart for each of {@link
 * Parts}. It grows to what the largest layer needs.
 */
public final class Scratch {

  private final FloatMatrix[] memory = new FloatMatrix[Parts.MOST];

  /**
   * Returns a matrix with arbitrary elements, valid until the next call for the same part.
   *
   * @param part number of the part that it is for
   */
  public FloatMatrix matrix(int part, int rows, int columns) {
    long length = (long) rows * columns;
    if (memory[part] == null || memory[part].length() < length) {
      memory[part] = FloatMatrix.zeros(1, Math.toIntExact(length));
    }
    return memory[part].view(0, rows, columns);
  }
}
