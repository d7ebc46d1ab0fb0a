package io.fullrank.network.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * Rows of inputs, each with an integer label, in a fixed order. Immutable.
 *
 * <p>Inputs are float32 and already scaled to the network's input range.
 */
public final class Samples {

  private final ImageShape shape;
  private final int inputs;
  private final float[] values;
  private final int[] labels;

  private Samples(ImageShape shape, float[] values, int[] labels) {
    this.shape = shape;
    this.inputs = shape.inputs();
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

  /** As {@link #of}, but keeps the arrays: the caller must not change them afterwards. */
  static Samples owning(ImageShape shape, float[] values, int[] labels) {
    int inputs = shape.inputs();
    if ((long) labels.length * inputs != values.length) {
      throw new IllegalArgumentException(
          "%d labels and %d inputs per row need %d values, got %d"
              .formatted(labels.length, inputs, (long) labels.length * inputs, values.length));
    }
    for (int row = 0; row < labels.length; row++) {
      if (labels[row] < 0) {
        throw new IllegalArgumentException("row %d: negative label %d".formatted(row, labels[row]));
      }
    }
    return new Samples(shape, values, labels);
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
    return inputs;
  }

  /** Returns a copy of all input values, rows × inputs, row-major. */
  public float[] values() {
    return values.clone();
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
  byte[] sha256(int classes) {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
    ByteBuffer bytes = ByteBuffer.allocate(Math.max(12, 4 * inputs)).order(ByteOrder.LITTLE_ENDIAN);
    digest.update(bytes.putInt(rows()).putInt(inputs).putInt(classes).flip());
    for (int row = 0; row < rows(); row++) {
      bytes.clear();
      for (int i = row * inputs; i < (row + 1) * inputs; i++) {
        bytes.putFloat(values[i]);
      }
      digest.update(bytes.flip());
    }
    for (int label : labels) {
      digest.update(bytes.clear().putInt(label).flip());
    }
    return digest.digest();
  }

  /** The given rows in the given order. */
  Samples select(int[] rows) {
    float[] chosenValues = new float[rows.length * inputs];
    int[] chosenLabels = new int[rows.length];
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(values, rows[i] * inputs, chosenValues, i * inputs, inputs);
      chosenLabels[i] = labels[rows[i]];
    }
    return owning(shape, chosenValues, chosenLabels);
  }
}
