package io.fullrank.trainer;

import com.google.protobuf.Timestamp;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.training.TrainingObserver;
import io.fullrank.network.training.TrainingRun;
import io.fullrank.network.training.TrainingSnapshot;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotCounts;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.trainer.QueuedRun.Stop;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains one run and publishes what happens: its header, progress, snapshots, guarantee and result.
 * The order of events is that of the run.
 */
final class RunExecution implements TrainingObserver {

  private static final Logger LOG = LoggerFactory.getLogger(RunExecution.class);

  private final QueuedRun queued;
  private final RunRequest request;
  private final DataSet data;
  private final TrainingRun training;
  private final Outbox outbox;
  private final WitnessVerdicts verdicts;
  private final TrainerMetrics metrics;
  private final RunHeader header;
  private long published;
  private long dropped;

  RunExecution(
      QueuedRun queued,
      DataSet data,
      TrainerSettings settings,
      Outbox outbox,
      WitnessVerdicts verdicts,
      TrainerMetrics metrics) {
    this.queued = queued;
    this.request = queued.request();
    this.data = data;
    this.outbox = outbox;
    this.verdicts = verdicts;
    this.metrics = metrics;
    this.training =
        new TrainingRun(request.getSpec(), request.getVariant(), request.getSeed(), data);
    this.header = header(settings);
  }

  /**
   * Trains to the end, or until told to stop.
   *
   * @param delivered called once the broker has the run's result; never, if the run was given up
   */
  void execute(Runnable delivered) {
    publish(event -> event.setStarted(header));
    RunResult result;
    try {
      result = training.train(this);
    } catch (RuntimeException failed) {
      // Whatever went wrong, the run must not stay RUNNING for ever, and the others go on.
      LOG.error("run {}: failed", header.getRun(), failed);
      result =
          RunResult.newBuilder()
              .setState(RunState.RUN_STATE_FAILED)
              .setReason("training failed: " + failed)
              .build();
    }
    if (queued.stop() != Stop.GIVEN_UP) {
      publishResult(result, delivered);
    }
  }

  @Override
  public boolean cancelled() {
    return queued.stop() != Stop.NONE;
  }

  @Override
  public void snapshot(TrainingSnapshot taken) {
    published++;
    metrics.snapshotPublished();
    if (outbox.hasRoom()) {
      outbox.snapshot(message(taken));
    } else {
      dropped++;
      metrics.snapshotDropped();
    }
  }

  @Override
  public Optional<Verdict> awaitVerdict(TrainingSnapshot witness, Duration limit) {
    published++;
    metrics.snapshotPublished();
    Snapshot message = message(witness);
    SnapshotId id = SnapshotId.of(message);
    Future<Optional<Verdict>> expected = verdicts.expect(id);
    // Taken even by a full queue: training waits for it.
    outbox.snapshot(message);
    return verdicts.await(id, expected, limit);
  }

  @Override
  public void progress(Progress progress) {
    Progress counted = progress.toBuilder().setSnapshots(counts()).build();
    metrics.progress(counted);
    publish(event -> event.setProgress(counted));
  }

  @Override
  public void guarantee(Guarantee guarantee) {
    publish(event -> event.setGuarantee(guarantee));
  }

  /** Returns the only event of a run that could not start. */
  static RunEvent failed(RunRequest request, String reason) {
    return RunEvent.newBuilder()
        .setRun(request.getRun())
        .setAttempt(System.currentTimeMillis())
        .setAt(now())
        .setFinished(RunResult.newBuilder().setState(RunState.RUN_STATE_FAILED).setReason(reason))
        .build();
  }

  private void publishResult(RunResult result, Runnable delivered) {
    RunResult counted = result.toBuilder().setSnapshots(counts()).build();
    outbox.event(event(event -> event.setFinished(counted)), delivered);
  }

  private void publish(Consumer<RunEvent.Builder> content) {
    outbox.event(event(content), () -> {});
  }

  private RunEvent event(Consumer<RunEvent.Builder> content) {
    RunEvent.Builder event =
        RunEvent.newBuilder().setRun(header.getRun()).setAttempt(header.getAttempt()).setAt(now());
    content.accept(event);
    return event.build();
  }

  private Snapshot message(TrainingSnapshot taken) {
    return Snapshot.newBuilder()
        .setHeader(header)
        .setStep(taken.step())
        .setPhase(taken.phase())
        .setWitness(taken.witness())
        .addAllWeights(taken.weights())
        .addAllGradients(taken.gradients())
        .setTakenAt(now())
        .setFeaturesSha256(taken.featuresSha256())
        .build();
  }

  private SnapshotCounts counts() {
    return SnapshotCounts.newBuilder().setPublished(published).setDropped(dropped).build();
  }

  private RunHeader header(TrainerSettings settings) {
    RunHeader.Builder builder =
        RunHeader.newBuilder()
            .setRun(request.getRun())
            .setExperiment(request.getExperiment())
            .setVariant(request.getVariant())
            .setSeed(request.getSeed())
            // Later starts get higher numbers without anyone keeping count.
            .setAttempt(System.currentTimeMillis())
            .setSpec(request.getSpec())
            .setDataSet(data.identity())
            .setTotalSteps(training.totalSteps())
            .setStartedAt(now())
            .setTrainer(settings.name())
            .putAllVersions(settings.versions())
            .addAllWarnings(request.getWarningsList());
    training.switchStep().ifPresent(builder::setSwitchStep);
    return builder.build();
  }

  static Timestamp now() {
    return timestamp(Instant.now());
  }

  static Timestamp timestamp(Instant instant) {
    return Timestamp.newBuilder()
        .setSeconds(instant.getEpochSecond())
        .setNanos(instant.getNano())
        .build();
  }
}
