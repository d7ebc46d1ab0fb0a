package io.fullrank.checker.judgement;

import io.fullrank.checker.check.NotCheckableException;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.DataSetSpec;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The data sets of the runs that are checked, verified to be those that the runs train on. The few
 * that were used last are kept in memory.
 */
public final class VerifiedTrainingData {

  private static final int MOST_KEPT = 4;

  private final Path directory;
  private final Map<DataSetSpec, DataSet> kept = new LinkedHashMap<>(16, 0.75f, true);

  public VerifiedTrainingData(Path directory) {
    this.directory = directory;
  }

  /**
   * Returns the data set that a run trains on.
   *
   * @param spec what the run asked for
   * @param identity what the run trains on
   * @throws NotCheckableException if the data is missing here, or is other data
   */
  synchronized DataSet of(DataSetSpec spec, DataSetIdentity identity) throws NotCheckableException {
    DataSet data = kept.get(spec);
    if (data == null || difference(data.identity(), identity).isPresent()) {
      // Files may have been put right since they were read.
      data = load(spec);
      kept.put(spec, data);
      if (kept.size() > MOST_KEPT) {
        kept.remove(kept.keySet().iterator().next());
      }
    }
    Optional<String> difference = difference(data.identity(), identity);
    if (difference.isPresent()) {
      throw new NotCheckableException("this checker's training data differs: " + difference.get());
    }
    return data;
  }

  private DataSet load(DataSetSpec spec) throws NotCheckableException {
    try {
      return DataSets.load(spec, directory);
    } catch (RuntimeException failed) {
      throw new NotCheckableException(
          "this checker cannot load the training data: " + failed.getMessage(), failed);
    }
  }

  private static Optional<String> difference(DataSetIdentity here, DataSetIdentity there) {
    if (!here.getName().equals(there.getName())) {
      return Optional.of("'%s' instead of '%s'".formatted(here.getName(), there.getName()));
    }
    if (here.getTrainRows() != there.getTrainRows()
        || here.getInputs() != there.getInputs()
        || here.getClasses() != there.getClasses()) {
      return Optional.of(
          "%s rows of %s inputs in %s classes instead of %s of %s in %s"
              .formatted(
                  Long.toUnsignedString(here.getTrainRows()),
                  Integer.toUnsignedString(here.getInputs()),
                  Integer.toUnsignedString(here.getClasses()),
                  Long.toUnsignedString(there.getTrainRows()),
                  Integer.toUnsignedString(there.getInputs()),
                  Integer.toUnsignedString(there.getClasses())));
    }
    // Identities that were published before there were shapes have none.
    if (there.getChannels() != 0
        && (here.getChannels() != there.getChannels()
            || here.getHeight() != there.getHeight()
            || here.getWidth() != there.getWidth())) {
      return Optional.of("pictures of %s instead of %s".formatted(shape(here), shape(there)));
    }
    if (!here.getTrainSha256().equals(there.getTrainSha256())) {
      return Optional.of(
          "SHA-256 %s instead of %s"
              .formatted(
                  HexFormat.of().formatHex(here.getTrainSha256().toByteArray()),
                  HexFormat.of().formatHex(there.getTrainSha256().toByteArray())));
    }
    return Optional.empty();
  }

  private static String shape(DataSetIdentity data) {
    return "%s×%s×%s"
        .formatted(
            Integer.toUnsignedString(data.getChannels()),
            Integer.toUnsignedString(data.getHeight()),
            Integer.toUnsignedString(data.getWidth()));
  }
}
