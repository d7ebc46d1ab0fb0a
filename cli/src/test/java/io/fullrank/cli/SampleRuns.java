package io.fullrank.cli;

import com.google.protobuf.Timestamp;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.CertificateMethod;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.DataSetSpec;
import io.fullrank.proto.v1.DuForm;
import io.fullrank.proto.v1.DuNetwork;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExternalAlgorithm;
import io.fullrank.proto.v1.ExternalLayer;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.FeatureSource;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.Gelu;
import io.fullrank.proto.v1.GeneralizationSummary;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.PairedDifference;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.ResidualNetwork;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotAccount;
import io.fullrank.proto.v1.Softplus;
import io.fullrank.proto.v1.Stage;
import io.fullrank.proto.v1.Tanh;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;

/** Runs of one experiment as the metrics service answers them. */
public final class SampleRuns {

  public static final String EXPERIMENT = "strokes-0a1b2c";

  public static final ExperimentSpec SPEC =
      ExperimentSpec.newBuilder()
          .setName("strokes")
          .setDataSet(DataSetSpec.newBuilder().setName("strokes").setTrainSize(600))
          .setNetwork(
              NetworkSpec.newBuilder()
                  .setFullyConnected(
                      FullyConnected.newBuilder()
                          .addWidths(64)
                          .addWidths(768)
                          .setActivation(
                              Activation.newBuilder()
                                  .setSoftplus(Softplus.newBuilder().setSharpness(100)))))
          .setEpochs(40)
          .addVariants(Variant.VARIANT_BASE)
          .addVariants(Variant.VARIANT_TWO_PHASE)
          .setEquivalenceMargin(0.005)
          .build();

  public static final NetworkSpec.Builder RESIDUAL =
      NetworkSpec.newBuilder()
          .setResidual(
              ResidualNetwork.newBuilder()
                  .addStages(Stage.newBuilder().setBlocks(2).setChannels(8).setStride(1))
                  .addStages(Stage.newBuilder().setBlocks(1).setChannels(16).setStride(2))
                  .setWide(600)
                  .setActivation(Activation.newBuilder().setTanh(Tanh.getDefaultInstance())));

  public static final NetworkSpec.Builder DU =
      NetworkSpec.newBuilder()
          .setDu(
              DuNetwork.newBuilder()
                  .setForm(DuForm.DU_FORM_RESIDUAL)
                  .setResidualConstant(0.5)
                  .setWidth(700)
                  .setLayers(3)
                  .setActivation(Activation.newBuilder().setGelu(Gelu.getDefaultInstance())));

  private SampleRuns() {}

  public static Run pending(Variant variant, long seed) {
    return Run.newBuilder()
        .setRequest(
            RunRequest.newBuilder()
                .setRun(
                    "%s.%s.%d"
                        .formatted(
                            EXPERIMENT,
                            variant == Variant.VARIANT_BASE ? "base" : "two-phase",
                            seed))
                .setExperiment(EXPERIMENT)
                .setVariant(variant)
                .setSeed(seed)
                .setSpec(SPEC))
        .setState(RunState.RUN_STATE_PENDING)
        .build();
  }

  public static Run running(Variant variant, long seed, long step) {
    return pending(variant, seed).toBuilder()
        .setState(RunState.RUN_STATE_RUNNING)
        .setHeader(
            RunHeader.newBuilder()
                .setTotalSteps(400)
                .setDataSet(
                    DataSetIdentity.newBuilder()
                        .setName("strokes")
                        .setTrainRows(600)
                        .setTestRows(1000)))
        .setProgress(
            Progress.newBuilder()
                .setStep(step)
                .setEpoch(step / 10.0)
                .setPhase(
                    variant == Variant.VARIANT_TWO_PHASE && step >= 240
                        ? Phase.PHASE_TWO
                        : Phase.PHASE_ONE)
                .setTrainLoss(0.14326)
                .setTestError(0.0731))
        .setSnapshots(SnapshotAccount.newBuilder().setPublished(4).setChecked(3))
        .build();
  }

  /** What a program outside Fullrank trains, and says of it. */
  public static final ExperimentSpec EXTERNAL =
      SPEC.toBuilder()
          .setDataSet(DataSetSpec.newBuilder().setName("semeion"))
          .setNetwork(
              NetworkSpec.newBuilder()
                  .setExternal(
                      ExternalNetwork.newBuilder()
                          .setFramework("torch 2.13.0, cpu")
                          // A name that regular expressions would take for a group.
                          .setModel("Net$1")
                          .addLayers(layer("0", "Linear", 16_448))
                          .addLayers(layer("2", "Linear", 83_200))
                          .setLastHiddenWidth(1280)
                          .setOutputs(10)
                          .setAnalytic(false)
                          .addOperatorsNotAnalytic("relu")))
          .setAlgorithm(
              AlgorithmSpec.newBuilder()
                  .setExternal(
                      ExternalAlgorithm.newBuilder()
                          .setName("AdamW")
                          .putSettings("weight_decay", "0.01")
                          .putSettings("lr", "0.001")))
          .setEpochs(0)
          .build();

  private static ExternalLayer layer(String name, String kind, long parameters) {
    return ExternalLayer.newBuilder().setName(name).setKind(kind).setParameters(parameters).build();
  }

  /** A run that has told no test error yet, has a witness, and is silent. */
  public static Run external(Variant variant, long seed) {
    Run.Builder run = pending(variant, seed).toBuilder();
    run.getRequestBuilder().setSpec(EXTERNAL).addWarnings("257 + 1 < 1000: it can only be refuted");
    return run.setState(RunState.RUN_STATE_RUNNING)
        .setHeader(
            RunHeader.newBuilder()
                .setDataSet(DataSetIdentity.newBuilder().setName("semeion").setTrainRows(1000)))
        .setProgress(
            Progress.newBuilder().setStep(300).setPhase(Phase.PHASE_ONE).setBatchLoss(0.14326))
        .setWitnessVerdict(
            certified(240, 0.1055, 481.26).toBuilder()
                .setWitness(true)
                .setFeatureSource(FeatureSource.FEATURE_SOURCE_CLIENT))
        .setStalled(true)
        .setLastEventAt(Timestamp.newBuilder().setSeconds(1_800_000_000))
        .build();
  }

  public static Run finished(Variant variant, long seed, double loss, double testError) {
    return running(variant, seed, 400).toBuilder()
        .setState(RunState.RUN_STATE_FINISHED)
        .setLatestVerdict(certified(400, 0.0123456, 512.0009))
        .setSnapshots(
            SnapshotAccount.newBuilder().setPublished(10).setChecked(7).setSkipped(2).setDropped(1))
        .setResult(
            RunResult.newBuilder()
                .setState(RunState.RUN_STATE_FINISHED)
                .setSteps(400)
                .setFinalTrainLoss(loss)
                .setTrainError(0)
                .setTestError(testError)
                .setSeconds(20.5))
        .build();
  }

  public static Run finishedTwoPhase(
      long seed, double loss, double testError, Guarantee guarantee) {
    Run.Builder run = finished(Variant.VARIANT_TWO_PHASE, seed, loss, testError).toBuilder();
    run.setWitnessVerdict(certified(240, 0.0019999, 481.26));
    run.getResultBuilder().setGuarantee(guarantee);
    return run.build();
  }

  public static Guarantee bound(double lossBound, double gap, boolean held) {
    return Guarantee.newBuilder()
        .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_BOUND)
        .setSolver("gradient-descent")
        .setAtStep(400)
        .setLossBound(lossBound)
        .setOptimalityGap(gap)
        .setHeld(held)
        .build();
  }

  public static Guarantee limit(double gap) {
    return Guarantee.newBuilder()
        .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT)
        .setSolver("base")
        .setAtStep(400)
        .setOptimalityGap(gap)
        .build();
  }

  public static Verdict certified(long step, double sigmaMin, double sigmaMax) {
    return Verdict.newBuilder()
        .setCheck("expressivity")
        .setStep(step)
        .setCertificate(
            Certificate.newBuilder()
                .setOutcome(Outcome.OUTCOME_CERTIFIED)
                .setMethod(CertificateMethod.CERTIFICATE_METHOD_CHOLESKY)
                .setRows(600)
                .setColumns(769)
                .setSigmaMinLowerBound(sigmaMin)
                .setSigmaMaxUpperBound(sigmaMax))
        .build();
  }

  public static Verdict refuted(long step, String reason) {
    return Verdict.newBuilder()
        .setCheck("expressivity")
        .setStep(step)
        .setCertificate(
            Certificate.newBuilder()
                .setOutcome(Outcome.OUTCOME_REFUTED)
                .setMethod(CertificateMethod.CERTIFICATE_METHOD_STRUCTURE)
                .setRows(600)
                .setColumns(65)
                .setReason(reason))
        .build();
  }

  public static Comparison comparison() {
    return Comparison.newBuilder()
        .setExperiment(EXPERIMENT)
        .setSpec(SPEC)
        .setBase(
            GeneralizationSummary.newBuilder()
                .setRuns(2)
                .setSeeds(2)
                .setMeanTestError(0.073)
                .setStdTestError(0.004)
                .setMeanTrainLoss(0.015)
                .setStdTrainLoss(0.005)
                .setMeanSeconds(20.5)
                .setCertified(2)
                .setSigmaMinLowerBound(0.0123456))
        .setTwoPhase(
            GeneralizationSummary.newBuilder()
                .setRuns(2)
                .setSeeds(2)
                .setMeanTestError(0.071)
                .setStdTestError(0.005)
                .setMeanTrainLoss(0.013)
                .setStdTrainLoss(0.001)
                .setMeanSeconds(18.25)
                .setCertified(2)
                .setSigmaMinLowerBound(0.0019999))
        .setDifference(
            PairedDifference.newBuilder()
                .setPairs(2)
                .setMean(-0.002)
                .setCi95Low(-0.005)
                .setCi95High(0.001))
        .setEquivalenceMargin(0.005)
        .setEquivalent(true)
        .setWallTimeRatio(0.8902439)
        .build();
  }
}
