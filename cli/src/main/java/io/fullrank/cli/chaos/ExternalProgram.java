package io.fullrank.cli.chaos;

import com.google.protobuf.ByteString;
import io.fullrank.cli.client.IngestClient;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ServiceUnavailableException;
import io.fullrank.client.stream.Refusals;
import io.fullrank.client.stream.ReportStream;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.Begin;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExternalAlgorithm;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RegisterRunRequest;
import io.fullrank.proto.v1.RegisterRunResponse;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.ReportResponse;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotBegin;
import io.fullrank.proto.v1.Variant;
import io.grpc.StatusRuntimeException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/** A program outside Fullrank that reports the same small run each time it is run. */
final class ExternalProgram {

  private static final int ROWS = 20;
  private static final int COLUMNS = 40;
  private static final long STEPS = 20;
  private static final int SNAPSHOTS = 2;
  private static final Duration ANSWER_LIMIT = Duration.ofSeconds(20);
  private static final Duration PATIENCE = Duration.ofMinutes(10);
  private static final Duration PAUSE = Duration.ofMillis(500);

  private final StackUnderTest stack;

  /** A run that is registered and has not ended. */
  record Open(String run, ByteString key) {}

  ExternalProgram(StackUnderTest stack) {
    this.stack = stack;
  }

  /**
   * Reports a new run to one trainer after the other, all of it to each, as a program does that
   * does not know what was accepted.
   *
   * @return the identity of its experiment
   * @throws ExecutionFailedException if a trainer refuses it, or takes nothing for ten minutes
   */
  String report(List<String> trainers) throws InterruptedException {
    return report(trainers, newKey());
  }

  /**
   * Registers a new run, of which nothing is reported until {@link #finish}.
   *
   * @throws ExecutionFailedException if the trainer refuses it
   */
  Open register(String trainer) throws InterruptedException {
    ByteString key = newKey();
    try (IngestClient client = stack.ingestClient(trainer)) {
      return new Open(client.register(registration(key)).getRun(), key);
    }
  }

  /** Reports all of a run that was registered. */
  void finish(Open run) throws InterruptedException {
    report(StackUnderTest.TRAINERS, run.key());
  }

  private static ByteString newKey() {
    return ByteString.copyFromUtf8(UUID.randomUUID().toString());
  }

  private String report(List<String> trainers, ByteString key) throws InterruptedException {
    String experiment = "";
    for (String trainer : trainers) {
      try (IngestClient client = stack.ingestClient(trainer)) {
        experiment = report(client, key);
      }
    }
    return experiment;
  }

  private static String report(IngestClient client, ByteString key) throws InterruptedException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      try {
        RegisterRunResponse registered = client.register(registration(key));
        send(client, Begin.newBuilder().setRun(registered.getRun()).setRunKey(key).build());
        return registered.getExperiment();
      } catch (ServiceUnavailableException away) {
        if (System.nanoTime() > deadline) {
          throw away;
        }
      } catch (StatusRuntimeException failed) {
        if (Refusals.isRefusal(failed.getStatus()) || System.nanoTime() > deadline) {
          throw client.explained(failed);
        }
      }
      TimeUnit.NANOSECONDS.sleep(PAUSE.toNanos());
    }
  }

  private static void send(IngestClient client, Begin begin) throws InterruptedException {
    Begin first = begin.toBuilder().setAttempt(1).setTotalSteps(STEPS).build();
    try (ReportStream stream =
        ReportStream.open(client.streams(), first, new Indifferent(), ANSWER_LIMIT)) {
      for (ReportRequest report : reports()) {
        stream.send(report.toBuilder(), ANSWER_LIMIT);
      }
      stream.finish(ANSWER_LIMIT);
    }
  }

  private static List<ReportRequest> reports() {
    List<ReportRequest> reports = new ArrayList<>();
    for (int snapshot = 1; snapshot <= SNAPSHOTS; snapshot++) {
      long step = snapshot * STEPS / SNAPSHOTS;
      ByteString features = features(snapshot);
      reports.add(
          ReportRequest.newBuilder()
              .setSnapshot(
                  SnapshotBegin.newBuilder()
                      .setStep(step)
                      .setPhase(Phase.PHASE_ONE)
                      .setRows(ROWS)
                      .setColumns(COLUMNS)
                      .setType(DataType.DATA_TYPE_FLOAT32)
                      .setFeaturesSha256(sha256(features)))
              .build());
      reports.add(ReportRequest.newBuilder().setFeaturesPiece(features).build());
      Progress.Builder progress =
          Progress.newBuilder().setStep(step).setPhase(Phase.PHASE_ONE).setTrainLoss(1.0 / step);
      progress.getSnapshotsBuilder().setPublished(snapshot);
      reports.add(ReportRequest.newBuilder().setProgress(progress).build());
    }
    RunResult.Builder result =
        RunResult.newBuilder()
            .setState(RunState.RUN_STATE_FINISHED)
            .setSteps(STEPS)
            .setFinalTrainLoss(1.0 / STEPS);
    result.getSnapshotsBuilder().setPublished(SNAPSHOTS);
    reports.add(ReportRequest.newBuilder().setResult(result).build());
    return reports;
  }

  private static RegisterRunRequest registration(ByteString key) {
    return RegisterRunRequest.newBuilder()
        .setSpec(
            ExperimentSpec.newBuilder()
                .setName("external")
                .setLoss(Loss.LOSS_CROSS_ENTROPY)
                .setNetwork(
                    NetworkSpec.newBuilder()
                        .setExternal(
                            ExternalNetwork.newBuilder()
                                .setFramework("none")
                                .setLastHiddenWidth(COLUMNS)
                                .setOutputs(10)))
                .setAlgorithm(
                    AlgorithmSpec.newBuilder()
                        .setExternal(ExternalAlgorithm.newBuilder().setName("none")))
                .addVariants(Variant.VARIANT_BASE)
                .addSeeds(1))
        .setVariant(Variant.VARIANT_BASE)
        .setSeed(1)
        .setRunKey(key)
        .setTrainRows(ROWS)
        .build();
  }

  private static ByteString features(int snapshot) {
    Random random = new Random(snapshot);
    ByteBuffer entries =
        ByteBuffer.allocate(ROWS * COLUMNS * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    while (entries.hasRemaining()) {
      entries.putFloat((float) random.nextGaussian());
    }
    return ByteString.copyFrom(entries.flip());
  }

  private static ByteString sha256(ByteString bytes) {
    try {
      return ByteString.copyFrom(MessageDigest.getInstance("SHA-256").digest(bytes.toByteArray()));
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  /** Only the end of the stream says whether all was accepted. */
  private static final class Indifferent implements ReportStream.Observer {

    @Override
    public void answered(ReportResponse response) {
      // What is accepted one by one does not matter to a program that sends all again.
    }

    @Override
    public void ended() {
      // What sends is told by its next call.
    }
  }
}
