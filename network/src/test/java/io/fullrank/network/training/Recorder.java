package io.fullrank.network.training;

import com.google.protobuf.ByteString;
import io.fullrank.certificate.RankCertification;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.cholesky.VerifiedCholesky;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.architecture.Features;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.state.TrainingCheckpoint;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.Verdict;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/**
 * Keeps what a run tells, and certifies the witness as a checker would: from its tensors and the
 * data set alone.
 */
final class Recorder implements TrainingObserver {

  /** A snapshot with its tensors, as it was when it was taken. */
  record Taken(
      long step,
      Phase phase,
      boolean witness,
      ByteString sha256,
      List<Tensor> weights,
      List<Tensor> gradients) {

    static Taken of(TrainingSnapshot snapshot) {
      return new Taken(
          snapshot.step(),
          snapshot.phase(),
          snapshot.witness(),
          snapshot.featuresSha256(),
          snapshot.weights(),
          snapshot.gradients());
    }
  }

  final List<Taken> snapshots = new ArrayList<>();
  final List<Progress> progress = new ArrayList<>();
  final List<Guarantee> guarantees = new ArrayList<>();
  final List<Taken> witnesses = new ArrayList<>();
  final List<Duration> timeouts = new ArrayList<>();

  final List<RuleEvent> ruleEvents = new ArrayList<>();
  final List<TrainingCheckpoint> kept = new ArrayList<>();

  /** What has come and was not asked for yet. */
  final List<Verdict> verdicts = new ArrayList<>();

  final List<Long> starts = new ArrayList<>();
  final List<TrainingCheckpoint> checkpoints = new ArrayList<>();
  private final Set<Long> keep = new HashSet<>();
  private final ExperimentSpec spec;
  private final DataSet data;
  private final UnaryOperator<Optional<Verdict>> onTheWay;
  private Function<TrainingSnapshot, Optional<Verdict>> judge = snapshot -> Optional.empty();
  private long stepsUntilCancelled = Long.MAX_VALUE;

  Recorder(ExperimentSpec spec, DataSet data) {
    this(spec, data, verdict -> verdict);
  }

  /** With something that happens to the verdict on its way. */
  Recorder(ExperimentSpec spec, DataSet data, UnaryOperator<Optional<Verdict>> onTheWay) {
    this.spec = spec;
    this.data = data;
    this.onTheWay = onTheWay;
  }

  Recorder cancelAfter(long steps) {
    stepsUntilCancelled = steps;
    return this;
  }

  /** Keeps all checkpoints that are offered at these steps. */
  Recorder keepCheckpointsAt(long... steps) {
    Arrays.stream(steps).forEach(keep::add);
    return this;
  }

  /** The checkpoint before a step; at the switch, before the perturbation. */
  TrainingCheckpoint checkpointAt(long step) {
    return checkpoints.stream()
        .filter(checkpoint -> checkpoint.position().getStep() == step)
        .findFirst()
        .orElseThrow();
  }

  @Override
  public void started(long step) {
    starts.add(step);
  }

  @Override
  public void offerCheckpoint(boolean essential, Supplier<TrainingCheckpoint> checkpoint) {
    if (!keep.isEmpty()) {
      TrainingCheckpoint offered = checkpoint.get();
      if (keep.contains(offered.position().getStep())) {
        checkpoints.add(offered);
      }
    }
  }

  @Override
  public void snapshot(TrainingSnapshot snapshot) {
    snapshots.add(Taken.of(snapshot));
    judge.apply(snapshot).ifPresent(verdicts::add);
  }

  /** What becomes the verdict on each snapshot, at once. */
  Recorder judge(Function<TrainingSnapshot, Optional<Verdict>> with) {
    judge = with;
    return this;
  }

  @Override
  public void progress(Progress now) {
    progress.add(now);
  }

  @Override
  public Optional<Verdict> awaitVerdict(TrainingSnapshot witness, Duration timeout) {
    witnesses.add(Taken.of(witness));
    timeouts.add(timeout);
    return onTheWay.apply(Optional.of(certify(witness)));
  }

  private Verdict certify(TrainingSnapshot witness) {
    Network network =
        Network.of(spec.getNetwork(), data.train().shape(), data.identity().getClasses());
    Parameters parameters = Parameters.of(network.layout(), witness.weights());
    try (Matrix features = Features.compute(network, parameters, data.train())) {
      io.fullrank.certificate.result.Certificate proven =
          new RankCertification(new OpenBlas(1), new VerifiedCholesky()).certify(features);
      Certificate.Builder certificate =
          Certificate.newBuilder()
              .setOutcome(Outcome.valueOf("OUTCOME_" + proven.outcome()))
              .setRows(proven.rows())
              .setColumns(proven.columns())
              .setReason(proven.reason());
      proven.sigmaMinLowerBound().ifPresent(certificate::setSigmaMinLowerBound);
      proven.sigmaMaxUpperBound().ifPresent(certificate::setSigmaMaxUpperBound);
      return Verdict.newBuilder()
          .setStep(witness.step())
          .setWitness(true)
          .setCertificate(certificate)
          .setFeaturesSha256(ByteString.copyFrom(features.sha256()))
          .build();
    }
  }

  @Override
  public List<Verdict> verdicts() {
    List<Verdict> come = List.copyOf(verdicts);
    verdicts.clear();
    return come;
  }

  @Override
  public void ruleActed(RuleEvent event) {
    ruleEvents.add(event);
  }

  @Override
  public void keepCheckpoint(TrainingCheckpoint checkpoint) {
    kept.add(checkpoint);
  }

  @Override
  public void guarantee(Guarantee guarantee) {
    guarantees.add(guarantee);
  }

  @Override
  public boolean cancelled() {
    return stepsUntilCancelled-- <= 0;
  }

  List<Long> snapshotSteps() {
    return snapshots.stream().map(Taken::step).toList();
  }
}
