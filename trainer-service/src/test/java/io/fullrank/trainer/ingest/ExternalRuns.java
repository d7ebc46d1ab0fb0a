package io.fullrank.trainer.ingest;

import com.google.protobuf.ByteString;
import com.google.protobuf.util.Durations;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.Begin;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExternalAlgorithm;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.PhaseTwoSolver;
import io.fullrank.proto.v1.RegisterRunRequest;
import io.fullrank.proto.v1.ReportRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotBegin;
import io.fullrank.proto.v1.TwoPhaseSpec;
import io.fullrank.proto.v1.Variant;
import java.util.Random;
import java.util.UUID;

/** What an external program of tests registers and reports. */
final class ExternalRuns {

  private ExternalRuns() {}

  static ByteString newKey() {
    return ByteString.copyFromUtf8(UUID.randomUUID().toString());
  }

  static ExperimentSpec.Builder spec(int width) {
    return ExperimentSpec.newBuilder()
        .setName("outside")
        .setNetwork(
            NetworkSpec.newBuilder()
                .setExternal(
                    ExternalNetwork.newBuilder()
                        .setFramework("torch")
                        .setModel("Net")
                        .setLastHiddenWidth(width)
                        .setOutputs(10)))
        .setAlgorithm(
            AlgorithmSpec.newBuilder()
                .setExternal(
                    ExternalAlgorithm.newBuilder().setName("AdamW").putSettings("lr", "0.001")))
        .setLoss(Loss.LOSS_CROSS_ENTROPY)
        .setTwoPhase(
            TwoPhaseSpec.newBuilder()
                .setSwitchFraction(0.5)
                .setSolver(PhaseTwoSolver.PHASE_TWO_SOLVER_BASE)
                .setVerdictTimeout(Durations.fromSeconds(30)));
  }

  static RegisterRunRequest.Builder registration(ByteString key, int width) {
    return RegisterRunRequest.newBuilder()
        .setSpec(spec(width))
        .setVariant(Variant.VARIANT_TWO_PHASE)
        .setSeed(1)
        .setRunKey(key);
  }

  static Begin.Builder begin(String run, ByteString key) {
    return Begin.newBuilder()
        .setRun(run)
        .setRunKey(key)
        .setProtocol(1)
        .setAttempt(1)
        .setDataSet(DataSetIdentity.newBuilder().setName("semeion"))
        .setTotalSteps(100)
        .setClient("test client");
  }

  static SnapshotBegin.Builder snapshot(long step, long rows, long columns) {
    return SnapshotBegin.newBuilder()
        .setStep(step)
        .setPhase(Phase.PHASE_ONE)
        .setRows(rows)
        .setColumns(columns)
        .setType(DataType.DATA_TYPE_FLOAT32);
  }

  static ReportRequest.Builder finished() {
    return ReportRequest.newBuilder()
        .setResult(RunResult.newBuilder().setState(RunState.RUN_STATE_FINISHED).setSteps(100));
  }

  static byte[] features(int rows, int columns) {
    byte[] bytes = new byte[rows * columns * Float.BYTES];
    new Random(1).nextBytes(bytes);
    return bytes;
  }
}
