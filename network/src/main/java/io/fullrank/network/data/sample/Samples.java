package io.fullrank.network.data.sample;

import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;

/**
 * Rows of inputs, each with an integer label, in a fixed order. Immutable.
 *
 * <p>Inputs are float32 and already scaled to the network's input range. Rows that come from 8-bit
 * pictures are kept as such, a byte per input, and become float32 when they are read.
 */
public final class Samples {

  private final ImageShape shape;
  private final RowValues values;
  private final int[] labels;

  private Samples(ImageShape shape, RowValues values, int[] labels) {
    if (values.count() != (long) labels.length * shape.inputs()) {
      throw new IllegalArgumentException(
          "%d labels and %d inputs per row need %d values, got %d"
              .formatted(
                  labels.length,
                  shape.inputs(),
                  (long) labels.length * shape.inputs(),
                  values.count()));
    }
    for (int row = 0; row < labels.length; row++) {
      if (labels[row] < 0) {
        throw new IllegalArgumentException("row %d: negative label %d".formatted(row, labels[row]));
      }
    }
    this.shape = shape;
    this.values = values;
    this.labels = labels;
  }

  /**
   * Samples that are no pictures, with copies of the given arrays.
   *
   * @param inputs numbers per row, at least 1
   * @param values rows × inputs numbers, row-major
   * @param labels one label per row, 0 or more
   * @throws IllegalArgumentException when the sizes disagree or a label is negative
   */
  public static Samples of(int inputs, float[] values, int[] labels) {
    return of(ImageShape.vector(inputs), values, labels);
  }

  /**
   * Samples that are pictures, with copies of the given arrays.
   *
   * @param shape of each row
   * @param values rows × channels × height × width numbers, row-major
   * @param labels one label per row, 0 or more
   * @throws IllegalArgumentException when the sizes disagree or a label is negative
   */
  public static Samples of(ImageShape shape, float[] values, int[] labels) {
    return owning(shape, values.clone(), labels.clone());
  }

  /**
   * Does the same as {@link #of}, but keeps the arrays: the caller must not change them afterwards.
   */
  public static Samples owning(ImageShape shape, float[] values, int[] labels) {
    return new Samples(shape, new FloatRows(shape, values), labels);
  }

  /**
   * Pictures of 8-bit levels, of which k becomes the input k/255. Keeps the arrays: the caller must
   * not change them afterwards.
   *
   * @param pixels rows × channels × height × width levels, row-major
   */
  public static Samples ofPixels(ImageShape shape, byte[] pixels, int[] labels) {
    return new Samples(shape, PixelRows.of(shape, pixels), labels);
  }

  /** Returns the number of rows. */
  public int rows() {
    return labels.length;
  }

  /** Returns how a row's numbers form a picture. */
  public ImageShape shape() {
    return shape;
  }

  /** Returns how many numbers a row has: those of its shape. */
  public int inputs() {
    return shape.inputs();
  }

  /** Returns how many bytes the input values take in the heap. */
  public long bytes() {
    return values.bytes();
  }

  /** Returns a copy of all input values, rows × inputs, row-major. */
  public float[] values() {
    float[] copy = new float[Math.toIntExact(values.count())];
    for (int row = 0; row < rows(); row++) {
      values.copy(row, copy, row * inputs());
    }
    return copy;
  }

  /**
   * Writes the inputs of one row.
   *
   * @param row of 0 … rows−1
   * @param target (modified) gets the row's numbers from {@code offset} on
   * @throws IndexOutOfBoundsException if there is no such row, or no room for it
   */
  public void copyRow(int row, float[] target, int offset) {
    values.copy(row, target, offset);
  }

  /**
   * Writes the inputs of successive rows, without a copy of all.
   *
   * @param first the first row
   * @param count how many rows
   * @param target (modified) gets count × inputs numbers from index 0 on, row-major
   * @throws IndexOutOfBoundsException if there are no such rows, or no room for them
   */
  public void copyRows(int first, int count, FloatBuffer target) {
    float[] row = new float[inputs()];
    for (int i = 0; i < count; i++) {
      values.copy(first + i, row, 0);
      target.put(i * row.length, row);
    }
  }

  /** Returns a copy of the labels, one per row. */
  public int[] labels() {
    return labels.clone();
  }

  /**
   * The fingerprint that travels with a run: SHA-256 over rows, inputs and classes (4 bytes each),
   * the input values (float32, row-major) and the labels (4 bytes each), all little-endian.
   *
   * @param classes the number of classes of the data set
   * @return 32 bytes
   */
  public byte[] sha256(int classes) {
    Hasher hasher = Hashing.sha256().newHasher();
    float[] row = new float[inputs()];
    ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * row.length).order(ByteOrder.LITTLE_ENDIAN);
    hasher.putInt(rows()).putInt(row.length).putInt(classes);
    for (int i = 0; i < rows(); i++) {
      values.copy(i, row, 0);
      bytes.clear().asFloatBuffer().put(row);
      hasher.putBytes(bytes);
    }
    for (int label : labels) {
      hasher.putInt(label);
    }
    return hasher.hash().asBytes();
  }

  /** The given rows in the given order. */
  public Samples select(int[] rows) {
    int[] chosen = new int[rows.length];
    for (int i = 0; i < rows.length; i++) {
      chosen[i] = labels[rows[i]];
    }
    return new Samples(shape, values.select(rows), chosen);
  }

  /** The same rows with other labels, which the caller must not change afterwards. */
  Samples withLabels(int[] other) {
    return new Samples(shape, values, other);
  }

  /** Mean and deviation of every channel over all rows, computed in float64. */
  public List<ChannelStatistics> statistics() {
    return values.statistics();
  }

  /** The same rows with every channel shifted and scaled. */
  public Samples standardised(List<ChannelStatistics> statistics) {
    return new Samples(shape, values.standardised(statistics), labels);
  }
}
