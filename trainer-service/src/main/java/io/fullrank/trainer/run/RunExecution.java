package io.fullrank.trainer.run;

import com.google.protobuf.util.Timestamps;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.state.TrainingCheckpoint;
import io.fullrank.network.state.UnusableCheckpointException;
import io.fullrank.network.training.TrainingObserver;
import io.fullrank.network.training.TrainingRun;
import io.fullrank.network.training.TrainingSnapshot;
import io.fullrank.proto.SnapshotId;
import io.fullrank.proto.v1.CheckpointHeader;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotCounts;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.trainer.checkpoint.CheckpointFile;
import io.fullrank.trainer.checkpoint.Checkpoints;
import io.fullrank.trainer.checkpoint.RunCheckpoint;
import io.fullrank.trainer.configuration.TrainerSettings;
import io.fullrank.trainer.prometheus.TrainerMetrics;
import io.fullrank.trainer.publication.RunOutbox;
import io.fullrank.trainer.publication.WitnessVerdicts;
import io.fullrank.trainer.queue.QueuedRun;
import io.fullrank.trainer.queue.QueuedRun.Stop;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains one run and publishes what happens: its header, progress, snapshots, guarantee and result.
 * The order of events is that of the run.
 */
public final class RunExecution implements TrainingObserver {

  private static final Logger LOG = LoggerFactory.getLogger(RunExecution.class);

  /** When an attempt after one that died takes its first checkpoint, to show that it gets on. */
  private static final Duration EARLY_CHECKPOINT = Duration.ofSeconds(1);

  private final QueuedRun queued;
  private final RunRequest request;
  private final DataSet data;
  private final TrainingRun training;
  private final RunOutbox outbox;
  private final WitnessVerdicts verdicts;
  private final TrainerMetrics metrics;
  private final Checkpoints checkpoints;
  private final TrainerSettings settings;
  private final Attempt attempt;

  /**
   * The header of this attempt. Until it is known at which step the attempt begins, it is that of
   * an attempt from the beginning.
   */
  private RunHeader header;

  /** What this attempt goes on from, if anything. */
  private Optional<CheckpointFile> resumed = Optional.empty();

  private long lastCheckpoint = System.nanoTime();
  private Duration untilCheckpoint;
  private long published;
  private long dropped;

  /**
   * Prepares the execution.
   *
   * @param attempt the number and what it may go on from
   * @param afterDeath whether the attempt before this one died
   */
  RunExecution(
      QueuedRun queued,
      Attempt attempt,
      boolean afterDeath,
      DataSet data,
      TrainerSettings settings,
      RunOutbox outbox,
      WitnessVerdicts verdicts,
      Checkpoints checkpoints,
      TrainerMetrics metrics) {
    this.settings = settings;
    Duration interval = settings.checkpointInterval();
    this.untilCheckpoint =
        afterDeath && EARLY_CHECKPOINT.compareTo(interval) < 0 ? EARLY_CHECKPOINT : interval;
    this.checkpoints = checkpoints;
    this.queued = queued;
    this.attempt = attempt;
    this.request = queued.request();
    this.data = data;
    this.outbox = outbox;
    this.verdicts = verdicts;
    this.metrics = metrics;
    this.training =
        new TrainingRun(request.getSpec(), request.getVariant(), request.getSeed(), data);
    this.header = header();
  }

  /**
   * Trains to the end, or until told to stop.
   *
   * @param delivered called once the broker has the run's result; never, if the run was given up,
   *     which leaves a checkpoint
   */
  void execute(Runnable delivered) throws InterruptedException {
    RunResult result;
    try {
      result = train();
    } catch (RuntimeException failed) {
      // Whatever went wrong, the run must not stay RUNNING for ever, and the others go on.
      LOG.error("run {}: failed", header.getRun(), failed);
      result =
          RunResult.newBuilder()
              .setState(RunState.RUN_STATE_FAILED)
              .setReason("training failed: " + failed)
              .build();
    } finally {
      verdicts.leave(header.getRun());
    }
    if (queued.stop() == Stop.GIVEN_UP) {
      checkpoints.await(settings.stopTimeout());
    } else {
      publishResult(
          result,
          () -> {
            checkpoints.delete(header.getRun());
            delivered.run();
          });
    }
  }

  /** Goes on from the newest checkpoint that can be used, else begins. */
  private RunResult train() {
    for (CheckpointFile file : attempt.checkpoints()) {
      try {
        RunCheckpoint checkpoint = file.read();
        checkpoint.requireSameRun(header);
        resumed = Optional.of(file);
        published = checkpoint.header().getSnapshots().getPublished();
        dropped = checkpoint.header().getSnapshots().getDropped();
        return training.resume(checkpoint.training(), this);
      } catch (UnusableCheckpointException unusable) {
        resumed = Optional.empty();
        published = 0;
        dropped = 0;
        String warning =
            "checkpoint %s is not used: %s"
                .formatted(file.path().getFileName(), unusable.getMessage());
        LOG.warn("run {}: {}", request.getRun(), warning);
        header = header.toBuilder().addWarnings(warning).build();
      }
    }
    return training.train(this);
  }

  @Override
  public void started(long step) {
    resumed.ifPresent(
        file -> {
          LOG.info("run {}: goes on from step {}", request.getRun(), step);
          header = header.toBuilder().setResumedFromStep(step).build();
          checkpoints.claim(file, header.getAttempt());
        });
    metrics.runStarted(step);
    if (request.getSpec().getRulesCount() > 0) {
      verdicts.follow(header.getRun(), header.getAttempt());
    }
    publish(event -> event.setStarted(header));
  }

  @Override
  public void offerCheckpoint(boolean essential, Supplier<TrainingCheckpoint> checkpoint) {
    if (!checkpoints.enabled()
        || queued.stop() == Stop.CANCELLED
        || !(essential || checkpointDue())) {
      return;
    }
    lastCheckpoint = System.nanoTime();
    untilCheckpoint = settings.checkpointInterval();
    long ticket = checkpoints.hold(message(checkpoint.get()));
    // An attempt that goes on from here does not publish again what was published before.
    outbox.afterDelivery(() -> checkpoints.release(ticket));
  }

  private boolean checkpointDue() {
    return System.nanoTime() - lastCheckpoint >= untilCheckpoint.toNanos() && checkpoints.idle();
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
    queued.onStop(() -> verdicts.giveUp(id));
    return verdicts.await(id, expected, limit);
  }

  @Override
  public void progress(Progress progress) {
    Progress counted = progress.toBuilder().setSnapshots(counts()).build();
    metrics.progress(counted);
    publish(event -> event.setProgress(counted));
  }

  @Override
  public List<Verdict> verdicts() {
    return verdicts.take(header.getRun());
  }

  @Override
  public void ruleActed(RuleEvent event) {
    LOG.info("run {}: step {}: {}", header.getRun(), event.getStep(), event.getText());
    publish(told -> told.setRule(event));
  }

  @Override
  public void keepCheckpoint(TrainingCheckpoint checkpoint) {
    checkpoints.keep(message(checkpoint));
  }

  @Override
  public void guarantee(Guarantee guarantee) {
    publish(event -> event.setGuarantee(guarantee));
  }

  /** Returns the only event of a run that could not start. */
  static RunEvent failed(RunRequest request, Attempt attempt, String reason) {
    return ended(
        request,
        attempt,
        RunResult.newBuilder().setState(RunState.RUN_STATE_FAILED).setReason(reason));
  }

  /** Returns the end of a run that was cancelled between two attempts. */
  static RunEvent cancelled(RunRequest request, Attempt attempt) {
    return ended(
        request,
        attempt,
        RunResult.newBuilder().setState(RunState.RUN_STATE_CANCELLED).setReason("cancelled"));
  }

  private static RunEvent ended(RunRequest request, Attempt attempt, RunResult.Builder result) {
    return RunEvent.newBuilder()
        .setRun(request.getRun())
        .setAttempt(attempt.number())
        .setAt(Timestamps.now())
        .setFinished(result)
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
        RunEvent.newBuilder()
            .setRun(header.getRun())
            .setAttempt(header.getAttempt())
            .setAt(Timestamps.now());
    content.accept(event);
    return event.build();
  }

  private RunCheckpoint message(TrainingCheckpoint checkpoint) {
    return RunCheckpoint.of(
        CheckpointHeader.newBuilder()
            .setRun(header)
            .setSnapshots(counts())
            .setWrittenAt(Timestamps.now()),
        checkpoint);
  }

  private Snapshot message(TrainingSnapshot taken) {
    return Snapshot.newBuilder()
        .setHeader(header)
        .setStep(taken.step())
        .setPhase(taken.phase())
        .setWitness(taken.witness())
        .addAllWeights(taken.weights())
        .addAllGradients(taken.gradients())
        .setTakenAt(Timestamps.now())
        .setFeaturesSha256(taken.featuresSha256())
        .build();
  }

  private SnapshotCounts counts() {
    return SnapshotCounts.newBuilder().setPublished(published).setDropped(dropped).build();
  }

  private RunHeader header() {
    RunHeader.Builder builder =
        RunHeader.newBuilder()
            .setRun(request.getRun())
            .setExperiment(request.getExperiment())
            .setVariant(request.getVariant())
            .setSeed(request.getSeed())
            .setAttempt(attempt.number())
            .setSpec(request.getSpec())
            .setDataSet(data.identity())
            .setTotalSteps(training.totalSteps())
            .setStartedAt(Timestamps.now())
            .setTrainer(settings.name())
            .putAllVersions(settings.versions())
            .addAllWarnings(request.getWarningsList());
    training.switchStep().ifPresent(builder::setSwitchStep);
    return builder.build();
  }
}
