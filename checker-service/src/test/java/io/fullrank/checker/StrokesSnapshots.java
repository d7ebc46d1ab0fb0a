package io.fullrank.checker;

import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.DataSetSpec;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Softplus;
import java.nio.file.Path;
import java.util.List;

/** Snapshots of real networks at their initial parameters, on the generated data. */
public final class StrokesSnapshots {

  public static final int ROWS = 60;

  static final DataSetSpec DATA =
      DataSetSpec.newBuilder()
          .setName(DataSets.STROKES)
          .setTrainSize(ROWS)
          .setTestSize(10)
          .setSplitSeed(7)
          .build();

  private StrokesSnapshots() {}

  public static DataSet data() {
    return DataSets.load(DATA, Path.of("none"));
  }

  static NetworkSpec network(int features) {
    return NetworkSpec.newBuilder()
        .setFullyConnected(
            FullyConnected.newBuilder()
                .addAllWidths(List.of(32, features))
                .setActivation(
                    Activation.newBuilder().setSoftplus(Softplus.newBuilder().setSharpness(100))))
        .build();
  }

  /** Step 1 of a run whose last hidden layer has so many features. */
  public static Snapshot snapshot(String run, int features) {
    DataSet data = data();
    Network network =
        Network.of(network(features), data.train().shape(), data.identity().getClasses());
    return Snapshot.newBuilder()
        .setHeader(
            RunHeader.newBuilder()
                .setRun(run)
                .setAttempt(1)
                .setSpec(ExperimentSpec.newBuilder().setDataSet(DATA).setNetwork(network(features)))
                .setDataSet(data.identity()))
        .setStep(1)
        .addAllWeights(network.initialParameters(3).toTensors())
        .build();
  }
}
