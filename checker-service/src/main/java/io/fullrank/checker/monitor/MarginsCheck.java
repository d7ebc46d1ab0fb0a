package io.fullrank.checker.monitor;

import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.certificate.cholesky.VerifiedCholesky;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.certificate.result.Certificate;
import io.fullrank.checker.check.CheckFactory;
import io.fullrank.checker.check.CheckResources;
import io.fullrank.checker.check.NotCheckableException;
import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.check.SnapshotUnderCheck;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.monitor.LeaveOneOut;
import io.fullrank.network.monitor.NormalizedNetwork;
import io.fullrank.network.training.TrainingRun;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Verdict;
import java.util.Set;

/**
 * What Poggio et al. look at ({@link NormalizedNetwork}): the norms ρ_k of the layers and how they
 * grow, and margins and cross-entropy of the network divided by their product. The measure
 * "homogeneous" is 1 where that is the normalised network of the theory, and 0 where it is just the
 * outputs divided by a number. Where the features have certified full row rank, also what leaving
 * one row out does to the minimum-norm interpolant on them ({@link LeaveOneOut}).
 */
public final class MarginsCheck implements SnapshotCheck {

  /** Leaving one out takes the inverse of a matrix of this order at most. */
  private static final int MOST_ROWS_LEFT_OUT = 2000;

  private final DenseLinearAlgebra algebra;

  MarginsCheck(CheckResources resources) {
    this.algebra = resources.algebra();
  }

  /** How checkers find it. */
  public static final class Factory implements CheckFactory {
    @Override
    public SnapshotCheck create(CheckResources resources) {
      return new MarginsCheck(resources);
    }
  }

  @Override
  public String name() {
    return "margins";
  }

  @Override
  public Set<Need> needs() {
    return Set.of(Need.WEIGHTS);
  }

  @Override
  public Verdict.Builder check(SnapshotUnderCheck snapshot) throws NotCheckableException {
    DataSet data = snapshot.data();
    RunHeader header = snapshot.message().getHeader();
    NormalizedNetwork network = new NormalizedNetwork(snapshot.network(), snapshot.parameters());
    NormalizedNetwork initial =
        new NormalizedNetwork(
            snapshot.network(),
            new TrainingRun(header.getSpec(), header.getVariant(), header.getSeed(), data)
                .initialParameters());
    if (network.product() == 0) {
      throw new NotCheckableException("all weights of a layer are 0, so it has no direction");
    }
    Measures measures = new Measures(Verdict.newBuilder());
    network
        .norms()
        .forEach(
            (layer, norm) -> {
              measures.estimate("norm", layer, norm);
              measures.estimate("squared-norm-growth", layer, network.growth(initial, layer));
            });
    measures.estimate("norm-product", Measures.NETWORK, network.product());
    measures.estimate("growth-imbalance", Measures.NETWORK, network.imbalance(initial));
    measures.add(
        MeasureKind.MEASURE_KIND_MEASURED,
        "homogeneous",
        Measures.NETWORK,
        network.homogeneous() ? 1 : 0);
    NormalizedNetwork.Outputs train = network.on(data.train());
    NormalizedNetwork.Outputs test = network.on(data.test());
    measures.estimate("normalized-margin", Measures.NETWORK, train.margins());
    measures.histogram("normalized-margin", Measures.NETWORK, train.margins());
    measures.estimate("normalized-cross-entropy-train", Measures.NETWORK, train.crossEntropy());
    measures.estimate("normalized-cross-entropy-test", Measures.NETWORK, test.crossEntropy());
    leaveOneOut(snapshot, data, measures);
    return measures.verdict();
  }

  private void leaveOneOut(SnapshotUnderCheck snapshot, DataSet data, Measures measures)
      throws NotCheckableException {
    int rows = data.train().rows();
    if (rows > Math.min(MOST_ROWS_LEFT_OUT, snapshot.network().features() + 1)) {
      return;
    }
    Matrix features = snapshot.features();
    Certificate certificate =
        new RankCertification(algebra, new VerifiedCholesky()).certify(features);
    if (certificate.sigmaMinLowerBound().isEmpty()) {
      return;
    }
    LeaveOneOut.of(
            features,
            data.train().labels(),
            snapshot.network().classes(),
            certificate.sigmaMinLowerBound().getAsDouble(),
            algebra)
        .ifPresent(found -> add(measures, found));
  }

  private static void add(Measures measures, LeaveOneOut found) {
    String loss = "leave-one-out-loss";
    measures.add(
        MeasureKind.MEASURE_KIND_LOWER_BOUND, loss, Measures.NETWORK, found.lossLowerBound());
    measures.add(
        MeasureKind.MEASURE_KIND_UPPER_BOUND, loss, Measures.NETWORK, found.lossUpperBound());
    String error = "leave-one-out-error";
    measures.add(
        MeasureKind.MEASURE_KIND_LOWER_BOUND, error, Measures.NETWORK, found.errorLowerBound());
    measures.add(
        MeasureKind.MEASURE_KIND_UPPER_BOUND, error, Measures.NETWORK, found.errorUpperBound());
    measures.add(
        MeasureKind.MEASURE_KIND_UPPER_BOUND,
        "leave-one-out-residual-error",
        Measures.NETWORK,
        found.residualError());
  }
}
