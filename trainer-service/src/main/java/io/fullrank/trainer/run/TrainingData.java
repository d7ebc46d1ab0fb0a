package io.fullrank.trainer.run;

import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.proto.v1.DataSetSpec;
import java.nio.file.Path;

/**
 * Data sets from one directory; the one used last is kept, since the runs of an experiment share
 * it.
 */
public final class TrainingData {

  private final Path directory;
  private DataSetSpec lastSpec;
  private DataSet last;

  public TrainingData(Path directory) {
    this.directory = directory;
  }

  /**
   * Returns a data set.
   *
   * @throws DataSetException if it is not there or unusable
   */
  public synchronized DataSet load(DataSetSpec spec) {
    if (!spec.equals(lastSpec)) {
      // Both at once may be more than the memory holds.
      lastSpec = null;
      last = null;
      last = DataSets.load(spec, directory);
      lastSpec = spec;
    }
    return last;
  }
}
