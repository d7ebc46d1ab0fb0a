package io.fullrank.metrics;

import com.google.protobuf.Duration;
import com.google.protobuf.Timestamp;
import com.google.protobuf.util.Timestamps;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.CertificateMethod;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExternalAlgorithm;
import io.fullrank.proto.v1.ExternalLayer;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.Heartbeat;
import io.fullrank.proto.v1.LayerNorm;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SkipReason;
import io.fullrank.proto.v1.SnapshotCounts;
import io.fullrank.proto.v1.SnapshotSkipped;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;

/** Messages for tests, as trainers and checkers send them. */
public final class Records {

  private Records() {}

  public static RunRequest request(String run, String experiment, Variant variant, long seed) {
    return RunRequest.newBuilder()
        .setRun(run)
        .setExperiment(experiment)
        .setVariant(variant)
        .setSeed(seed)
        .setSpec(
            ExperimentSpec.newBuilder()
                .setName(experiment)
                .setEquivalenceMargin(0.01)
                .addVariants(Variant.VARIANT_BASE)
                .addVariants(Variant.VARIANT_TWO_PHASE))
        .setSubmittedAt(Timestamp.newBuilder().setSeconds(1_800_000_000))
        .build();
  }

  /** Returns the request of a run that a program outside Fullrank trains. */
  public static RunRequest external(String run, String experiment, Variant variant, long seed) {
    RunRequest.Builder request = request(run, experiment, variant, seed).toBuilder();
    request
        .getSpecBuilder()
        .setLoss(Loss.LOSS_EXTERNAL)
        .setNetwork(
            NetworkSpec.newBuilder()
                .setExternal(
                    ExternalNetwork.newBuilder()
                        .setFramework("torch 2.13.0")
                        .setModel("Classifier")
                        .addLayers(layer("0", "Linear", 16_448))
                        .addLayers(layer("2", "Linear", 83_200))
                        .addLayers(layer("4", "Linear", 12_810))
                        .setLastHiddenWidth(1280)
                        .setOutputs(10)
                        .setAnalytic(false)
                        .addOperatorsNotAnalytic("relu")))
        .setAlgorithm(
            AlgorithmSpec.newBuilder()
                .setExternal(
                    ExternalAlgorithm.newBuilder()
                        .setName("AdamW")
                        .putSettings("lr", "0.001")
                        .putSettings("betas", "(0.9, 0.999)")));
    return request.build();
  }

  private static ExternalLayer layer(String name, String kind, long parameters) {
    return ExternalLayer.newBuilder().setName(name).setKind(kind).setParameters(parameters).build();
  }

  public static RunEvent heartbeat(String run, long attempt, long intervalSeconds) {
    return event(run, attempt)
        .setHeartbeat(
            Heartbeat.newBuilder().setInterval(Duration.newBuilder().setSeconds(intervalSeconds)))
        .build();
  }

  public static RunEvent started(String run, long attempt) {
    return event(run, attempt)
        .setStarted(RunHeader.newBuilder().setRun(run).setAttempt(attempt).setTotalSteps(100))
        .build();
  }

  public static RunEvent resumed(String run, long attempt, long fromStep) {
    RunEvent started = started(run, attempt);
    return started.toBuilder()
        .setStarted(started.getStarted().toBuilder().setResumedFromStep(fromStep))
        .build();
  }

  public static RunEvent progress(
      String run, long attempt, long step, long published, long dropped) {
    return event(run, attempt)
        .setProgress(
            Progress.newBuilder()
                .setStep(step)
                .setEpoch(step / 10.0)
                .setTrainLoss(1.0 / step)
                .setTrainError(0.125)
                .setTestError(0.375)
                .setTestLoss(0.5)
                .setLearningRate(0.1)
                .setSnapshots(counts(published, dropped)))
        .build();
  }

  /** Returns progress with the gradient norms of a network of this many layers. */
  public static RunEvent withNorms(RunEvent progress, int layers) {
    RunEvent.Builder event = progress.toBuilder();
    for (int layer = 1; layer <= layers; layer++) {
      event
          .getProgressBuilder()
          .addGradientNorms(
              LayerNorm.newBuilder()
                  .setLayer("stage.20.block." + layer + ".convolution.1")
                  .setNorm(0.5));
    }
    return event.build();
  }

  public static RunEvent finished(
      String run, long attempt, RunState state, long published, long dropped) {
    return event(run, attempt)
        .setFinished(
            RunResult.newBuilder()
                .setState(state)
                .setSteps(100)
                .setTestError(0.25)
                .setSnapshots(counts(published, dropped)))
        .build();
  }

  public static RunEvent.Builder event(String run, long attempt) {
    return RunEvent.newBuilder().setRun(run).setAttempt(attempt);
  }

  /** Returns an event as the ingest service stamps it, now. */
  public static RunEvent now(RunEvent event) {
    return event.toBuilder().setAt(Timestamps.fromMillis(System.currentTimeMillis())).build();
  }

  static SnapshotCounts counts(long published, long dropped) {
    return SnapshotCounts.newBuilder().setPublished(published).setDropped(dropped).build();
  }

  public static Verdict verdict(String run, long attempt, long step, Outcome outcome) {
    return Verdict.newBuilder()
        .setRun(run)
        .setAttempt(attempt)
        .setStep(step)
        .setCheck("expressivity")
        .setCertificate(
            Certificate.newBuilder()
                .setOutcome(outcome)
                .setMethod(CertificateMethod.CERTIFICATE_METHOD_CHOLESKY)
                .setRows(10)
                .setColumns(20)
                .setSigmaMinLowerBound(0.03125)
                .setSeconds(0.5))
        .setSnapshotTakenAt(Timestamp.newBuilder().setSeconds(1_800_000_010))
        .setCheckedAt(Timestamp.newBuilder().setSeconds(1_800_000_012))
        .build();
  }

  public static SnapshotSkipped skipped(String run, long attempt, long step) {
    return SnapshotSkipped.newBuilder()
        .setRun(run)
        .setAttempt(attempt)
        .setStep(step)
        .setReason(SkipReason.SKIP_REASON_SUPERSEDED)
        .build();
  }

  public static CheckRecord record(Verdict verdict) {
    return CheckRecord.newBuilder().setVerdict(verdict).build();
  }

  public static CheckRecord record(SnapshotSkipped skipped) {
    return CheckRecord.newBuilder().setSkipped(skipped).build();
  }
}
