package io.fullrank.cli.snapshot;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.network.architecture.Features;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.data.sample.DataSetException;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Snapshot;
import java.nio.file.Path;

/**
 * The network of a snapshot, with its weights and the data that it is trained on.
 *
 * @param expectedSha256 of its features as the trainer computed them; empty if not known
 */
public record TrainedNetwork(
    Network network, Parameters parameters, Samples samples, ByteString expectedSha256) {

  /**
   * Puts the network together.
   *
   * @param snapshot of a run that Fullrank trains
   * @param folder of data sets
   * @throws BadInputException if the data, the network and the weights do not fit together
   */
  public static TrainedNetwork of(Snapshot snapshot, Path folder) {
    RunHeader header = snapshot.getHeader();
    try {
      DataSet data = DataSets.load(header.getSpec().getDataSet(), folder);
      if (!data.identity().getTrainSha256().equals(header.getDataSet().getTrainSha256())) {
        throw new BadInputException(
            "--data %s: holds other training data than the run's".formatted(folder));
      }
      Network network =
          Network.of(
              header.getSpec().getNetwork(), data.train().shape(), data.identity().getClasses());
      return new TrainedNetwork(
          network,
          Parameters.of(network.layout(), snapshot.getWeightsList()),
          data.train(),
          snapshot.getFeaturesSha256());
    } catch (DataSetException | IllegalArgumentException | ArithmeticException unusable) {
      throw new BadInputException(
          "the features cannot be recomputed: " + unusable.getMessage(), unusable);
    }
  }

  /**
   * Returns the features with the column of ones, to be closed by the caller.
   *
   * @throws BadInputException if they are not those that the trainer computed
   */
  public Matrix features() {
    Matrix features = Features.compute(network, parameters, samples);
    if (!expectedSha256.isEmpty()
        && !expectedSha256.equals(ByteString.copyFrom(features.sha256()))) {
      features.close();
      throw new BadInputException(
          "this machine computes other features than the trainer: run this on the same kind of"
              + " processor with the same native libraries");
    }
    return features;
  }
}
