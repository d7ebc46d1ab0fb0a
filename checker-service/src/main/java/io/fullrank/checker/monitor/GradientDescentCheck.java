package io.fullrank.checker.monitor;

import io.fullrank.certificate.backend.DenseLinearAlgebra;
import io.fullrank.checker.check.Certificates;
import io.fullrank.checker.check.CheckFactory;
import io.fullrank.checker.check.CheckResources;
import io.fullrank.checker.check.NotCheckableException;
import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.checker.check.SnapshotUnderCheck;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.monitor.DescentEnvelope;
import io.fullrank.network.monitor.LastHiddenKernel;
import io.fullrank.network.monitor.PopulationKernel;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.training.TrainingRun;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Verdict;
import java.util.Optional;
import java.util.Set;

/**
 * What DLLWZ18 prove gradient descent by, at a snapshot of one of their networks: the least
 * eigenvalue of the Gram matrix G(k) of the last hidden weight matrix, certified, that of its limit
 * λ_0 with proven bounds, and what follows for the loss ({@link DescentEnvelope}). The certificate
 * is about the Jacobian J with G(k) = JJᵀ.
 */
public final class GradientDescentCheck implements SnapshotCheck {

  private static final String LAMBDA = "gram-lambda-min";
  private static final String INITIAL_LAMBDA = "initial-gram-lambda-min";
  private static final String POPULATION_LAMBDA = "population-lambda-min";

  private final DenseLinearAlgebra algebra;
  private final long keptBytes;

  /** That of the run that was looked at last, if it is kept. */
  private Optional<Start> kept = Optional.empty();

  GradientDescentCheck(CheckResources resources) {
    this.algebra = resources.algebra();
    this.keptBytes = resources.keptBytes();
  }

  /** How checkers find it. */
  public static final class Factory implements CheckFactory {
    @Override
    public SnapshotCheck create(CheckResources resources) {
      return new GradientDescentCheck(resources);
    }
  }

  /** Where a run starts from. */
  private record Start(
      String run,
      ExperimentSpec spec,
      long seed,
      Parameters parameters,
      Optional<PopulationKernel> population,
      LastHiddenKernel kernel)
      implements AutoCloseable {

    boolean isOf(RunHeader header) {
      return run.equals(header.getRun())
          && seed == header.getSeed()
          && spec.equals(header.getSpec());
    }

    long bytes() {
      return kernel.gram().rows() * kernel.gram().columns() * Double.BYTES;
    }

    @Override
    public void close() {
      kernel.close();
    }
  }

  @Override
  public String name() {
    return "gradient-descent";
  }

  @Override
  public Set<Need> needs() {
    return Set.of(Need.WEIGHTS);
  }

  @Override
  public Verdict.Builder check(SnapshotUnderCheck snapshot) throws NotCheckableException {
    ExperimentSpec spec = snapshot.message().getHeader().getSpec();
    if (!spec.getNetwork().hasDu()) {
      throw new NotCheckableException(
          "this check is about the networks du-fully-connected, du-resnet and du-conv-resnet");
    }
    if (spec.getLoss() != Loss.LOSS_SQUARED) {
      throw new NotCheckableException("this check is about the squared loss; set loss: squared");
    }
    Samples train = snapshot.data().train();
    Start start = start(snapshot, train);
    try (LastHiddenKernel kernel =
        LastHiddenKernel.of(snapshot.network(), snapshot.parameters(), train, algebra)) {
      return findings(snapshot, start, kernel);
    } finally {
      if (kept.isEmpty()) {
        start.close();
      }
    }
  }

  private Start start(SnapshotUnderCheck snapshot, Samples train) throws NotCheckableException {
    RunHeader header = snapshot.message().getHeader();
    if (kept.filter(start -> start.isOf(header)).isPresent()) {
      return kept.get();
    }
    kept.ifPresent(Start::close);
    kept = Optional.empty();
    Network network = snapshot.network();
    Parameters parameters =
        new TrainingRun(header.getSpec(), header.getVariant(), header.getSeed(), snapshot.data())
            .initialParameters();
    Start start =
        new Start(
            header.getRun(),
            header.getSpec(),
            header.getSeed(),
            parameters,
            PopulationKernel.of(header.getSpec().getNetwork().getDu(), train),
            LastHiddenKernel.of(network, parameters, train, algebra));
    if (start.bytes() <= keptBytes) {
      kept = Optional.of(start);
    }
    return start;
  }

  private static Verdict.Builder findings(
      SnapshotUnderCheck snapshot, Start start, LastHiddenKernel kernel)
      throws NotCheckableException {
    Snapshot message = snapshot.message();
    Verdict.Builder verdict = Verdict.newBuilder();
    Measures measures = new Measures(verdict);
    addLambda(measures, LAMBDA, kernel);
    addLambda(measures, INITIAL_LAMBDA, start.kernel);
    start.population.ifPresent(population -> addPopulation(measures, population));
    measures.estimate("gram-change", Measures.NETWORK, kernel.distance(start.kernel));
    for (String layer : snapshot.network().layout().layers()) {
      measures.estimate(
          "weight-change", layer, snapshot.parameters().distance(start.parameters, layer));
    }
    measures.add(MeasureKind.MEASURE_KIND_MEASURED, "loss", Measures.NETWORK, kernel.loss());
    measures.add(
        MeasureKind.MEASURE_KIND_MEASURED, "initial-loss", Measures.NETWORK, start.kernel.loss());
    DescentEnvelope envelope = DescentEnvelope.of(message, start.population, start.kernel, kernel);
    envelope.loss().ifPresent(value -> measures.estimate("loss-envelope", Measures.NETWORK, value));
    return verdict
        .addLayers(kernel.layer())
        .setCertificate(
            Certificates.toProto(kernel.certificate()).toBuilder()
                .setReason(kernel.certificate().reason() + "; " + envelope.words()));
  }

  private static void addLambda(Measures measures, String name, LastHiddenKernel kernel) {
    measures.add(
        MeasureKind.MEASURE_KIND_LOWER_BOUND, name, Measures.NETWORK, kernel.lambdaMinLowerBound());
    if (kernel.isSingular()) {
      measures.add(MeasureKind.MEASURE_KIND_UPPER_BOUND, name, Measures.NETWORK, 0);
    } else {
      kernel
          .lambdaMinEstimate()
          .ifPresent(value -> measures.estimate(name, Measures.NETWORK, value));
    }
  }

  private static void addPopulation(Measures measures, PopulationKernel population) {
    measures.add(
        MeasureKind.MEASURE_KIND_UPPER_BOUND,
        POPULATION_LAMBDA,
        Measures.NETWORK,
        population.upperBound());
    measures.add(
        MeasureKind.MEASURE_KIND_LOWER_BOUND,
        POPULATION_LAMBDA,
        Measures.NETWORK,
        population.lowerBound());
    measures.estimate(POPULATION_LAMBDA, Measures.NETWORK, population.lambda());
  }
}
