package io.fullrank.network.state;

import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.tensor.FloatMatrix;
import java.util.Optional;

/**
 * The inputs of mini-batches: rows of the training set, augmented if the experiment says so. Not
 * thread-safe.
 */
public final class BatchInputs {

  private final Samples samples;
  private final Optional<PictureAugmentation> augmentation;
  private final FloatMatrix batch;
  private final float[] row;

  /**
   * Creates the working memory.
   *
   * @param batchSize most rows of a mini-batch
   */
  public BatchInputs(Samples samples, Optional<PictureAugmentation> augmentation, int batchSize) {
    this.samples = samples;
    this.augmentation = augmentation;
    this.batch = FloatMatrix.zeros(batchSize, samples.inputs());
    this.row = new float[samples.inputs()];
  }

  /** Skips what augmentation would draw for a number of rows. */
  public void skip(long rows) {
    augmentation.ifPresent(each -> each.skip(rows));
  }

  /** The inputs of the given rows, rows × inputs; valid until the next call. */
  public FloatMatrix of(int[] rows) {
    for (int i = 0; i < rows.length; i++) {
      samples.copyRow(rows[i], row, 0);
      augmentation.ifPresent(each -> each.apply(row));
      batch.values().put(i * row.length, row);
    }
    return batch.rows(0, rows.length);
  }
}
