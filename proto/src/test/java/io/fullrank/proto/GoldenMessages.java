package io.fullrank.proto;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.Duration;
import com.google.protobuf.Message;
import com.google.protobuf.Timestamp;
import io.fullrank.proto.v1.Activation;
import io.fullrank.proto.v1.Adam;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.Augmentation;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.CertificateMethod;
import io.fullrank.proto.v1.CertificateStage;
import io.fullrank.proto.v1.CheckRecord;
import io.fullrank.proto.v1.Checks;
import io.fullrank.proto.v1.ConstantSchedule;
import io.fullrank.proto.v1.ConvolutionGeometry;
import io.fullrank.proto.v1.CosineSchedule;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.DataSetSpec;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.DuForm;
import io.fullrank.proto.v1.DuNetwork;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ExpressivityParameters;
import io.fullrank.proto.v1.ExternalAlgorithm;
import io.fullrank.proto.v1.ExternalLayer;
import io.fullrank.proto.v1.ExternalNetwork;
import io.fullrank.proto.v1.FeatureSource;
import io.fullrank.proto.v1.Figure;
import io.fullrank.proto.v1.FullyConnected;
import io.fullrank.proto.v1.Gelu;
import io.fullrank.proto.v1.GradientDescent;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.Heartbeat;
import io.fullrank.proto.v1.HiddenLayers;
import io.fullrank.proto.v1.Histogram;
import io.fullrank.proto.v1.Initialization;
import io.fullrank.proto.v1.JacobianFactors;
import io.fullrank.proto.v1.LabelNoise;
import io.fullrank.proto.v1.LayerFactors;
import io.fullrank.proto.v1.LayerNorm;
import io.fullrank.proto.v1.LearningRateSchedule;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.NamedAlgorithm;
import io.fullrank.proto.v1.NamedCheck;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.PhaseTwoSolver;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Relu;
import io.fullrank.proto.v1.ResidualNetwork;
import io.fullrank.proto.v1.RootMeanSquarePropagation;
import io.fullrank.proto.v1.Rule;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleCondition;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Sigmoid;
import io.fullrank.proto.v1.SkipReason;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.SnapshotChunk;
import io.fullrank.proto.v1.SnapshotCounts;
import io.fullrank.proto.v1.SnapshotPolicy;
import io.fullrank.proto.v1.SnapshotSkipped;
import io.fullrank.proto.v1.Softplus;
import io.fullrank.proto.v1.Spectrum;
import io.fullrank.proto.v1.Stage;
import io.fullrank.proto.v1.Statement;
import io.fullrank.proto.v1.StepSchedule;
import io.fullrank.proto.v1.StochasticGradientDescent;
import io.fullrank.proto.v1.Swish;
import io.fullrank.proto.v1.TangentKernelParameters;
import io.fullrank.proto.v1.Tanh;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.TwoPhaseSpec;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The messages of the golden files: everything that lies on a topic, every field set to a value
 * that no other has. A released file is never written again: what was once on a topic must be read
 * for ever. When a message gets a field, add a message here with a new file name and run {@link
 * #main}, which writes the files that are missing.
 */
final class GoldenMessages {

  static final Path FOLDER = Path.of("src/test/resources/golden");

  private GoldenMessages() {}

  /** Writes the golden files that do not exist yet; run in the folder of the proto module. */
  public static void main(String[] arguments) throws IOException {
    Files.createDirectories(FOLDER);
    for (Map.Entry<String, Message> golden : all().entrySet()) {
      Path file = FOLDER.resolve(golden.getKey() + ".binpb");
      if (!Files.exists(file)) {
        Files.write(file, bytes(golden.getValue()));
        System.out.println("wrote " + file);
      }
    }
  }

  /** Returns a message's bytes, map entries in the order of their keys. */
  static byte[] bytes(Message message) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    CodedOutputStream out = CodedOutputStream.newInstance(bytes);
    out.useDeterministicSerialization();
    message.writeTo(out);
    out.flush();
    return bytes.toByteArray();
  }

  /** Returns the messages by the name of their file. */
  static Map<String, Message> all() {
    Map<String, Message> all = new LinkedHashMap<>();
    all.put("run_request-sgd_step_schedule", runRequest());
    all.put(
        "run_request-constant_schedule-every_epochs",
        runRequest().toBuilder()
            .setSpec(
                spec().toBuilder()
                    .setAlgorithm(
                        algorithm(
                            LearningRateSchedule.newBuilder()
                                .setConstant(ConstantSchedule.getDefaultInstance())))
                    .setSnapshots(policy().setEveryEpochs(2)))
            .build());
    all.put(
        "run_request-cosine_schedule",
        runRequest().toBuilder()
            .setSpec(
                spec().toBuilder()
                    .setAlgorithm(
                        algorithm(
                            LearningRateSchedule.newBuilder()
                                .setCosine(CosineSchedule.getDefaultInstance()))))
            .build());
    algorithms()
        .forEach(
            (name, algorithm) ->
                all.put(
                    "run_request-" + name,
                    runRequest().toBuilder()
                        .setSpec(spec().toBuilder().setAlgorithm(algorithm))
                        .build()));
    all.put("run_request-augmentation-label_noise", augmentedRunRequest());
    all.put(
        "run_request-fully_connected-tanh",
        runRequest(
            NetworkSpec.newBuilder()
                .setFullyConnected(
                    FullyConnected.newBuilder()
                        .addWidths(64)
                        .setActivation(Activation.newBuilder().setTanh(Tanh.getDefaultInstance()))
                        .setInitialization(Initialization.INITIALIZATION_GLOROT))));
    all.put(
        "run_request-residual-swish",
        runRequest(residual(Activation.newBuilder().setSwish(Swish.getDefaultInstance()))));
    all.put(
        "run_request-residual-gelu",
        runRequest(residual(Activation.newBuilder().setGelu(Gelu.getDefaultInstance()))));
    all.put(
        "run_request-residual-relu",
        runRequest(residual(Activation.newBuilder().setRelu(Relu.getDefaultInstance()))));
    all.put(
        "run_request-du-sigmoid",
        runRequest(
            NetworkSpec.newBuilder()
                .setDu(
                    DuNetwork.newBuilder()
                        .setForm(DuForm.DU_FORM_CONVOLUTIONAL_RESIDUAL)
                        .setWidth(24)
                        .setLayers(3)
                        .setResidualConstant(0.25)
                        .setActivation(
                            Activation.newBuilder().setSigmoid(Sigmoid.getDefaultInstance())))));
    all.put("run_event-started", event().setStarted(header()).build());
    all.put("run_event-started-image_shape", event().setStarted(pictureHeader()).build());
    all.put("run_event-progress", event().setProgress(progress()).build());
    all.put("run_event-guarantee", event().setGuarantee(guarantee()).build());
    all.put("run_event-finished", event().setFinished(result()).build());
    all.put("snapshot", snapshot());
    all.put("snapshot_chunk", chunk());
    all.put("check_record-verdict", CheckRecord.newBuilder().setVerdict(verdict()).build());
    all.put(
        "check_record-verdict-modular",
        CheckRecord.newBuilder().setVerdict(modularVerdict()).build());
    all.put(
        "check_record-verdict-estimate",
        CheckRecord.newBuilder().setVerdict(estimatedVerdict()).build());
    all.put(
        "check_record-verdict-carried",
        CheckRecord.newBuilder().setVerdict(carriedVerdict()).build());
    all.put(
        "check_record-verdict-with-spectrum",
        CheckRecord.newBuilder().setVerdict(verdict().toBuilder().setSpectrum(spectrum())).build());
    all.put(
        "run_request-rank_preserving",
        runRequest().toBuilder()
            .setSpec(
                spec().toBuilder()
                    .setTwoPhase(
                        spec().getTwoPhase().toBuilder()
                            .setHidden(HiddenLayers.HIDDEN_LAYERS_RANK_PRESERVING)))
            .build());
    all.put(
        "run_event-resumed",
        event().setStarted(header().toBuilder().setResumedFromStep(480)).build());
    all.put("run_request-external", externalRunRequest());
    all.put(
        "run_event-progress-batch_loss",
        event().setProgress(progress().toBuilder().setBatchLoss(0.375)).build());
    all.put(
        "run_event-heartbeat",
        event()
            .setHeartbeat(
                Heartbeat.newBuilder()
                    .setInterval(Duration.newBuilder().setSeconds(10).setNanos(7)))
            .build());
    all.put(
        "snapshot-features",
        snapshot().toBuilder()
            .setFeatures(
                Tensor.newBuilder()
                    .setName("features")
                    .setType(DataType.DATA_TYPE_BFLOAT16)
                    .addAllShape(List.of(1L, 2L))
                    .setData(ByteString.copyFrom(new byte[] {1, 2, 3, 4})))
            .build());
    all.put(
        "check_record-verdict-client",
        CheckRecord.newBuilder()
            .setVerdict(verdict().toBuilder().setFeatureSource(FeatureSource.FEATURE_SOURCE_CLIENT))
            .build());
    all.put(
        "run_request-exact_network",
        runRequest().toBuilder()
            .setSpec(
                spec().toBuilder()
                    .setChecks(
                        Checks.newBuilder()
                            .setExpressivity(ExpressivityParameters.newBuilder().setExact(true))))
            .build());
    all.put(
        "check_record-verdict-exact_network",
        CheckRecord.newBuilder()
            .setVerdict(verdict().toBuilder().setStatement(Statement.STATEMENT_EXACT_NETWORK))
            .build());
    all.put("run_request-checks-rules-without_bias", checkedRunRequest());
    all.put("run_event-rule", event().setRule(ruleEvent()).build());
    all.put("snapshot-factors", snapshot().toBuilder().setFactors(factors()).build());
    all.put(
        "check_record-verdict-tangent_kernel",
        CheckRecord.newBuilder().setVerdict(tangentKernelVerdict()).build());
    all.put(
        "check_record-skipped",
        CheckRecord.newBuilder()
            .setSkipped(
                SnapshotSkipped.newBuilder()
                    .setRun("strokes-base-1")
                    .setAttempt(2)
                    .setStep(300)
                    .setReason(SkipReason.SKIP_REASON_SUPERSEDED))
            .build());
    return all;
  }

  private static RunRequest runRequest() {
    return RunRequest.newBuilder()
        .setRun("strokes-base-1")
        .setExperiment("strokes-x7k2")
        .setVariant(Variant.VARIANT_TWO_PHASE)
        .setSeed(1L << 63)
        .setSpec(spec())
        .setSubmittedAt(time(1))
        .setCancelled(true)
        .addWarnings("first")
        .addWarnings("second")
        .build();
  }

  private static RunRequest runRequest(NetworkSpec.Builder network) {
    RunRequest.Builder request = runRequest().toBuilder();
    request.getSpecBuilder().setNetwork(network);
    return request.build();
  }

  private static NetworkSpec.Builder residual(Activation.Builder activation) {
    return NetworkSpec.newBuilder()
        .setResidual(
            ResidualNetwork.newBuilder()
                .addStages(Stage.newBuilder().setBlocks(2).setChannels(16).setStride(1))
                .addStages(Stage.newBuilder().setBlocks(3).setChannels(32).setStride(2))
                .setWide(1281)
                .setActivation(activation)
                .setInitialization(Initialization.INITIALIZATION_HE));
  }

  private static RunRequest augmentedRunRequest() {
    RunRequest.Builder request = runRequest().toBuilder();
    request
        .getSpecBuilder()
        .getDataSetBuilder()
        .setName("cifar-10")
        .setStandardise(true)
        .setAugmentation(Augmentation.newBuilder().setCropPadding(4).setHorizontalFlip(true))
        .setLabelNoise(LabelNoise.newBuilder().setProbability(0.2).setSeed(13));
    return request.build();
  }

  private static RunRequest externalRunRequest() {
    RunRequest.Builder request =
        runRequest().toBuilder().setRunKeySha256(digest(5)).clearCancelled();
    request
        .getSpecBuilder()
        .setNetwork(
            NetworkSpec.newBuilder()
                .setExternal(
                    ExternalNetwork.newBuilder()
                        .setFramework("torch 2.13.0")
                        .setModel("Sequential")
                        .addLayers(
                            ExternalLayer.newBuilder()
                                .setName("0")
                                .setKind("Linear")
                                .setParameters(16448))
                        .setLastHiddenWidth(64)
                        .setOutputs(10)
                        .setAnalytic(false)
                        .addOperatorsNotAnalytic("relu")))
        .setLoss(Loss.LOSS_EXTERNAL)
        .setAlgorithm(
            AlgorithmSpec.newBuilder()
                .setExternal(
                    ExternalAlgorithm.newBuilder().setName("AdamW").putSettings("lr", "0.001")));
    return request.build();
  }

  private static RunRequest checkedRunRequest() {
    RunRequest.Builder request = runRequest().toBuilder();
    request
        .getSpecBuilder()
        .setChecks(
            Checks.newBuilder()
                .setExpressivity(ExpressivityParameters.newBuilder().setEveryEpochs(2))
                .setTangentKernel(
                    TangentKernelParameters.newBuilder()
                        .addLayers("hidden.1")
                        .addLayers("output")
                        .setExamples(100)
                        .setEveryEpochs(3))
                .addNamed(
                    NamedCheck.newBuilder()
                        .setName("com.example.sparsity")
                        .setEveryEpochs(4)
                        .putParameters("threshold", "1e-3")))
        .addRules(
            Rule.newBuilder()
                .setWhen(RuleCondition.RULE_CONDITION_RANK_COLLAPSE)
                .setThreshold(0.25)
                .setAction(RuleAction.RULE_ACTION_PERTURB)
                .setNoise(0.5))
        .getNetworkBuilder()
        .getFullyConnectedBuilder()
        .addWidths(64)
        .setActivation(Activation.newBuilder().setRelu(Relu.getDefaultInstance()))
        .setWithoutBias(true);
    return request.build();
  }

  private static RuleEvent.Builder ruleEvent() {
    return RuleEvent.newBuilder()
        .setCondition(RuleCondition.RULE_CONDITION_RANK_COLLAPSE)
        .setAction(RuleAction.RULE_ACTION_PERTURB)
        .setStep(610)
        .setObservedStep(600)
        .setValue(3.5)
        .setLimit(4.25)
        .setCheck("collapse")
        .setLayer("hidden.1")
        .setText("hidden.1 has an effective rank of 3.5");
  }

  private static JacobianFactors.Builder factors() {
    return JacobianFactors.newBuilder()
        .addLayers(
            LayerFactors.newBuilder()
                .setLayer("conv.1")
                .setInputs(Tensors.of("inputs", new long[] {1, 1, 1, 2}, new float[] {1, -2}))
                .setOutputGradients(
                    Tensors.of("output gradients", new long[] {1, 1, 1, 1, 2}, new float[] {3, -4}))
                .setBias(true)
                .setConvolution(
                    ConvolutionGeometry.newBuilder()
                        .setKernelRows(1)
                        .setKernelColumns(2)
                        .setStrideRows(3)
                        .setStrideColumns(4)
                        .setPaddingRows(5)
                        .setPaddingColumns(6)
                        .setDilationRows(7)
                        .setDilationColumns(8)
                        .setGroups(9)))
        .setLossGradients(Tensors.of("loss gradients", new long[] {1, 1}, new float[] {0.5f}))
        .setLoss(0.125)
        .setGradientNorm(2.5);
  }

  private static Verdict tangentKernelVerdict() {
    return verdict().toBuilder()
        .setCheck("tangent-kernel")
        .addMeasures(
            Measure.newBuilder()
                .setName("gradient-norm")
                .setLayer("hidden.1")
                .setValue(1.5)
                .setUnit("1")
                .setKind(MeasureKind.MEASURE_KIND_MEASURED))
        .addHistograms(
            Histogram.newBuilder()
                .setName("normalised-margin")
                .setLayer("output")
                .addAllEdges(List.of(-1.0, 0.0, 1.5))
                .addAllCounts(List.of(3L, 40L))
                .setUnit("1"))
        .addLayers("hidden.1")
        .setExamples(100)
        .build();
  }

  private static ExperimentSpec spec() {
    return ExperimentSpec.newBuilder()
        .setName("strokes")
        .setDataSet(
            DataSetSpec.newBuilder()
                .setName("semeion")
                .setDirectory("semeion-2")
                .setTrainSize(1000)
                .setTestSize(593)
                .setSplitSeed(11))
        .setNetwork(
            NetworkSpec.newBuilder()
                .setFullyConnected(
                    FullyConnected.newBuilder()
                        .addAllWidths(List.of(64, 128, 1280))
                        .setActivation(
                            Activation.newBuilder()
                                .setSoftplus(Softplus.newBuilder().setSharpness(100)))))
        .setLoss(Loss.LOSS_SQUARED)
        .setAlgorithm(
            algorithm(
                LearningRateSchedule.newBuilder()
                    .setStep(StepSchedule.newBuilder().setEveryEpochs(30).setFactor(0.1))))
        .setEpochs(60)
        .setTwoPhase(
            TwoPhaseSpec.newBuilder()
                .setSwitchFraction(0.6)
                .setNoise(0.001)
                .setSolver(PhaseTwoSolver.PHASE_TWO_SOLVER_GRADIENT_DESCENT)
                .setVerdictTimeout(Duration.newBuilder().setSeconds(120).setNanos(5)))
        .addVariants(Variant.VARIANT_BASE)
        .addVariants(Variant.VARIANT_TWO_PHASE)
        .addAllSeeds(List.of(1L, 2L, 1L << 40))
        .setSnapshots(policy().setEverySteps(50))
        .setEquivalenceMargin(0.005)
        .build();
  }

  private static SnapshotPolicy.Builder policy() {
    return SnapshotPolicy.newBuilder().setWeights(true).setGradients(true);
  }

  private static Map<String, AlgorithmSpec.Builder> algorithms() {
    LearningRateSchedule.Builder schedule =
        LearningRateSchedule.newBuilder()
            .setConstant(ConstantSchedule.getDefaultInstance())
            .setWarmUpEpochs(3);
    Adam adam =
        Adam.newBuilder()
            .setBatchSize(32)
            .setLearningRate(0.001)
            .setBeta1(0.875)
            .setBeta2(0.75)
            .setEpsilon(1e-7)
            .setWeightDecay(1e-4)
            .setSchedule(schedule)
            .build();
    Map<String, AlgorithmSpec.Builder> algorithms = new LinkedHashMap<>();
    algorithms.put(
        "sgd-nesterov",
        AlgorithmSpec.newBuilder()
            .setSgd(
                StochasticGradientDescent.newBuilder()
                    .setBatchSize(16)
                    .setLearningRate(0.02)
                    .setMomentum(0.5)
                    .setSchedule(schedule)
                    .setNesterov(true)));
    algorithms.put("adam", AlgorithmSpec.newBuilder().setAdam(adam));
    algorithms.put("adam_w", AlgorithmSpec.newBuilder().setAdamW(adam));
    algorithms.put(
        "rmsprop",
        AlgorithmSpec.newBuilder()
            .setRmsprop(
                RootMeanSquarePropagation.newBuilder()
                    .setBatchSize(8)
                    .setLearningRate(0.002)
                    .setAlpha(0.625)
                    .setEpsilon(1e-6)
                    .setMomentum(0.25)
                    .setWeightDecay(1e-3)
                    .setSchedule(schedule)));
    algorithms.put(
        "gradient_descent",
        AlgorithmSpec.newBuilder()
            .setGradientDescent(
                GradientDescent.newBuilder()
                    .setLearningRate(0.04)
                    .setWeightDecay(1e-2)
                    .setSchedule(schedule)));
    algorithms.put(
        "named",
        AlgorithmSpec.newBuilder()
            .setNamed(
                NamedAlgorithm.newBuilder()
                    .setName("sign-descent")
                    .putParameters("scale", 0.5)
                    .setSchedule(schedule)));
    return algorithms;
  }

  private static AlgorithmSpec algorithm(LearningRateSchedule.Builder schedule) {
    return AlgorithmSpec.newBuilder()
        .setSgd(
            StochasticGradientDescent.newBuilder()
                .setBatchSize(64)
                .setLearningRate(0.05)
                .setMomentum(0.9)
                .setWeightDecay(1e-5)
                .setSchedule(schedule))
        .build();
  }

  private static RunHeader header() {
    return RunHeader.newBuilder()
        .setRun("strokes-base-1")
        .setExperiment("strokes-x7k2")
        .setVariant(Variant.VARIANT_BASE)
        .setSeed(3)
        .setAttempt(2)
        .setSpec(spec())
        .setDataSet(
            DataSetIdentity.newBuilder()
                .setName("strokes")
                .setTrainRows(1001)
                .setTestRows(594)
                .setInputs(256)
                .setClasses(10)
                .setSplitSeed(12)
                .setTrainSha256(digest(1)))
        .setTotalSteps(960)
        .setSwitchStep(576)
        .setStartedAt(time(2))
        .setTrainer("trainer-1")
        .putVersions("openblas", "0.3.31")
        .putVersions("fullrank", "0.1.0")
        .addWarnings("third")
        .build();
  }

  private static RunHeader pictureHeader() {
    RunHeader.Builder header = header().toBuilder();
    header.getDataSetBuilder().setInputs(3072).setChannels(3).setHeight(32).setWidth(33);
    return header.build();
  }

  private static RunEvent.Builder event() {
    return RunEvent.newBuilder().setRun("strokes-base-1").setAttempt(2).setAt(time(3));
  }

  private static Progress progress() {
    return Progress.newBuilder()
        .setStep(600)
        .setEpoch(37.5)
        .setPhase(Phase.PHASE_TWO)
        .setTrainLoss(0.25)
        .setTrainError(0.125)
        .setTestError(0.0625)
        .setTestLoss(0.5)
        .setLearningRate(0.01)
        .addGradientNorms(LayerNorm.newBuilder().setLayer("hidden.1").setNorm(1.5))
        .addGradientNorms(LayerNorm.newBuilder().setLayer("output").setNorm(2.5))
        .setSnapshots(counts())
        .setSeconds(12.5)
        .build();
  }

  private static SnapshotCounts counts() {
    return SnapshotCounts.newBuilder().setPublished(20).setDropped(3).build();
  }

  private static Guarantee guarantee() {
    return Guarantee.newBuilder()
        .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_BOUND)
        .setSolver("gradient descent")
        .setText("loss at most 0.02 at step 960")
        .setFromStep(576)
        .setAtStep(960)
        .setLossBound(0.02)
        .setLossInfimum(0.001)
        .setOptimalityGap(0.015)
        .setHeld(true)
        .setSmoothness(231.5)
        .setReason("none")
        .build();
  }

  private static RunResult result() {
    return RunResult.newBuilder()
        .setState(RunState.RUN_STATE_CANCELLED)
        .setSteps(959)
        .setFinalTrainLoss(0.75)
        .setTrainError(0.03125)
        .setTestError(0.015625)
        .setSnapshots(counts())
        .setGuarantee(guarantee())
        .setReason("cancelled by its user")
        .setSeconds(99.5)
        .build();
  }

  private static Snapshot snapshot() {
    return Snapshot.newBuilder()
        .setHeader(header())
        .setStep(577)
        .setPhase(Phase.PHASE_ONE)
        .setWitness(true)
        .addWeights(Tensors.of("hidden.1.weight", new long[] {2, 2}, new float[] {1, -2, 3, -4}))
        .addWeights(Tensors.of("hidden.1.bias", new long[] {2}, new double[] {0.1, -0.2}))
        .addGradients(
            Tensor.newBuilder()
                .setName("hidden.1.weight")
                .setType(DataType.DATA_TYPE_BFLOAT16)
                .addShape(1)
                .setData(ByteString.copyFrom(new byte[] {(byte) 0x80, 0x3f})))
        .addGradients(
            Tensor.newBuilder()
                .setName("hidden.1.bias")
                .setType(DataType.DATA_TYPE_FLOAT16)
                .addShape(1)
                .setData(ByteString.copyFrom(new byte[] {0x00, 0x3c})))
        .setTakenAt(time(4))
        .setFeaturesSha256(digest(2))
        .build();
  }

  /** The second of three chunks of a witness. */
  private static SnapshotChunk chunk() {
    return SnapshotChunks.split(snapshot(), (snapshot().getSerializedSize() + 2) / 3).get(1);
  }

  private static Verdict verdict() {
    return Verdict.newBuilder()
        .setRun("strokes-base-1")
        .setAttempt(2)
        .setStep(577)
        .setCheck("expressivity")
        .setPhase(Phase.PHASE_TWO)
        .setWitness(true)
        .setCertificate(
            Certificate.newBuilder()
                .setOutcome(Outcome.OUTCOME_REFUTED)
                .setMethod(CertificateMethod.CERTIFICATE_METHOD_CHOLESKY)
                .setRows(1000)
                .setColumns(1281)
                .setSigmaMinLowerBound(0.032)
                .setSigmaMaxUpperBound(481)
                .setRankLowerBound(999)
                .setFalseRefutationProbability(1e-9)
                .setReason("for the test of every field")
                .setSeconds(0.5))
        .setFeaturesSha256(digest(3))
        .setChecker("checker-1")
        .setSnapshotTakenAt(time(5))
        .setCheckedAt(time(6))
        .build();
  }

  private static Spectrum spectrum() {
    return Spectrum.newBuilder()
        .setSigmaMin(figure(0.5))
        .setSigmaMax(figure(8))
        .setConditionNumber(figure(16))
        .setEffectiveRank(figure(90))
        .setStableRank(figure(3))
        .addAllEdges(List.of(0.25, 1.0, 8.5))
        .addAllCounts(List.of(40, 55))
        .setBelowResolution(5)
        .build();
  }

  private static Figure figure(double value) {
    return Figure.newBuilder()
        .setEstimate(value)
        .setLowerBound(value * 0.9375)
        .setUpperBound(value * 1.0625)
        .build();
  }

  private static Verdict modularVerdict() {
    Verdict.Builder verdict = verdict().toBuilder();
    verdict
        .getCertificateBuilder()
        .setMethod(CertificateMethod.CERTIFICATE_METHOD_MODULAR)
        .addAllPrimes(List.of(2_097_169, 4_194_301))
        .setPrimeSeed(-2L);
    return verdict.build();
  }

  private static Verdict estimatedVerdict() {
    Verdict.Builder verdict = verdict().toBuilder();
    verdict
        .getCertificateBuilder()
        .setSigmaMinEstimate(0.034)
        .setBackend("openblas")
        .addStages(CertificateStage.newBuilder().setName("gram").setSeconds(0.3125))
        .addStages(CertificateStage.newBuilder().setName("cholesky").setSeconds(0.1875));
    return verdict.build();
  }

  private static Verdict carriedVerdict() {
    Verdict.Builder verdict = verdict().toBuilder().setCarriedFromStep(360);
    verdict.getCertificateBuilder().setMethod(CertificateMethod.CERTIFICATE_METHOD_CARRY_OVER);
    return verdict.build();
  }

  private static Timestamp time(int number) {
    return Timestamp.newBuilder().setSeconds(1_790_000_000L + number).setNanos(number).build();
  }

  private static ByteString digest(int number) {
    byte[] digest = new byte[32];
    for (int i = 0; i < digest.length; i++) {
      digest[i] = (byte) (number * 32 + i);
    }
    return ByteString.copyFrom(digest);
  }
}
