package io.fullrank.network.training;

import io.fullrank.network.data.Samples;
import io.fullrank.network.model.FloatMatrix;
import java.util.Optional;

/**
 * The inputs of mini-batches: rows of the training set, augmented if the experiment says so. Not
 * thread-safe.
 */
final class BatchInputs {

  private final Samples samples;
  private final Optional<PictureAugmentation> augmentation;
  private final FloatMatrix batch;
  private final float[] row;

  /**
   * Creates the working memory.
   *
   * @param batchSize most rows of a mini-batch
   */
  BatchInputs(Samples samples, Optional<PictureAugmentation> augmentation, int batchSize) {
    this.samples = samples;
    this.augmentation = augmentation;
    this.batch = FloatMatrix.zeros(batchSize, samples.inputs());
    this.row = new float[samples.inputs()];
  }

  /** Leaves out what augmentation would draw for so many rows. */
  void skip(long rows) {
    augmentation.ifPresent(each -> each.skip(rows));
  }

  /** The inputs of the given rows, rows × inputs; valid until the next call. */
  FloatMatrix of(int[] rows) {
    for (int i = 0; i < rows.length; i++) {
      samples.copyRow(rows[i], row, 0);
      augmentation.ifPresent(each -> each.apply(row));
      batch.values().put(i * row.length, row);
    }
    return batch.rows(0, rows.length);
  }
}
