package io.fullrank.network.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import com.google.protobuf.ByteString;
import com.google.protobuf.Duration;
import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.certificate.matrix.Matrix;
import io.fullrank.network.Networks;
import io.fullrank.network.architecture.Evaluator;
import io.fullrank.network.architecture.Features;
import io.fullrank.network.architecture.Network;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.sample.ImageShape;
import io.fullrank.network.data.sample.Samples;
import io.fullrank.network.guarantee.OutputProblem;
import io.fullrank.network.loss.LossFunction;
import io.fullrank.network.phase.PhaseTwoFeatures;
import io.fullrank.network.phase.TwoPhaseTraining;
import io.fullrank.network.tensor.Gaussian;
import io.fullrank.network.tensor.Parameters;
import io.fullrank.network.training.Recorder.Taken;
import io.fullrank.proto.v1.AlgorithmSpec;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.CosineSchedule;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.HiddenLayers;
import io.fullrank.proto.v1.LayerNorm;
import io.fullrank.proto.v1.LearningRateSchedule;
import io.fullrank.proto.v1.Loss;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.PhaseTwoSolver;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotPolicy;
import io.fullrank.proto.v1.StochasticGradientDescent;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.TwoPhaseSpec;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

class TrainingRunTest {

  private static final int ROWS = 50;
  private static final int INPUTS = 6;
  private static final int CLASSES = 3;

  /** 50 rows in batches of 16: 4 steps per epoch, T = 40, τ = 24. */
  private static final DataSet DATA = data(ROWS);

  private static DataSet data(int rows) {
    return new DataSet(
        DataSetIdentity.newBuilder().setName("test").setInputs(INPUTS).setClasses(CLASSES).build(),
        samples(rows, 1),
        samples(30, 2));
  }

  /** Three clusters that overlap. */
  private static Samples samples(int rows, long seed) {
    Gaussian gaussian = new Gaussian(seed);
    float[] values = new float[rows * INPUTS];
    int[] labels = new int[rows];
    for (int i = 0; i < rows; i++) {
      labels[i] = i % CLASSES;
      for (int j = 0; j < INPUTS; j++) {
        values[i * INPUTS + j] =
            (float) (0.7 * gaussian.next() + (j % CLASSES == labels[i] ? 1 : 0));
      }
    }
    return Samples.of(INPUTS, values, labels);
  }

  private static ExperimentSpec.Builder spec() {
    return ExperimentSpec.newBuilder()
        .setName("test")
        .setNetwork(Networks.spec(100, 20, 150))
        .setLoss(Loss.LOSS_CROSS_ENTROPY)
        .setAlgorithm(
            AlgorithmSpec.newBuilder()
                .setSgd(
                    StochasticGradientDescent.newBuilder()
                        .setBatchSize(16)
                        .setLearningRate(0.05)
                        .setMomentum(0.9)
                        .setWeightDecay(1e-4)
                        .setSchedule(
                            LearningRateSchedule.newBuilder()
                                .setCosine(CosineSchedule.getDefaultInstance()))))
        .setEpochs(10)
        .setTwoPhase(
            TwoPhaseSpec.newBuilder()
                .setSwitchFraction(0.6)
                .setNoise(1e-3)
                .setSolver(PhaseTwoSolver.PHASE_TWO_SOLVER_BASE)
                .setVerdictTimeout(Duration.newBuilder().setSeconds(30).setNanos(500_000_000)))
        .setSnapshots(
            SnapshotPolicy.newBuilder().setEverySteps(7).setWeights(true).setGradients(true));
  }

  @Test
  void augmentationChangesOnlyWhatPhaseOneTrainsOn() {
    DataSet pictures =
        new DataSet(
            DATA.identity(),
            Samples.of(new ImageShape(1, 2, 3), DATA.train().values(), DATA.train().labels()),
            DATA.test());
    ExperimentSpec plain = spec().build();
    ExperimentSpec.Builder augmented = spec();
    augmented.getDataSetBuilder().getAugmentationBuilder().setCropPadding(1);
    Recorder without = new Recorder(plain, pictures);
    Recorder with = new Recorder(augmented.build(), pictures);
    Recorder again = new Recorder(augmented.build(), pictures);
    new TrainingRun(plain, Variant.VARIANT_TWO_PHASE, 1, pictures).train(without);
    new TrainingRun(augmented.build(), Variant.VARIANT_TWO_PHASE, 1, pictures).train(with);
    new TrainingRun(augmented.build(), Variant.VARIANT_TWO_PHASE, 1, pictures).train(again);

    assertThat(with.snapshots).isEqualTo(again.snapshots).isNotEqualTo(without.snapshots);
    // The witness is about the rows as they are: what a checker computes from its weights.
    Taken witness = with.witnesses.get(0);
    try (Matrix features =
        Features.compute(network(), parameters(witness.weights()), pictures.train())) {
      assertThat(witness.sha256()).isEqualTo(ByteString.copyFrom(features.sha256()));
    }
  }

  private static ExperimentSpec gradientDescent(Loss loss) {
    ExperimentSpec.Builder spec = spec().setLoss(loss);
    spec.getTwoPhaseBuilder().setSolver(PhaseTwoSolver.PHASE_TWO_SOLVER_GRADIENT_DESCENT);
    spec.getAlgorithmBuilder().getSgdBuilder().setLearningRate(0.01);
    return spec.build();
  }

  private static RunResult train(ExperimentSpec spec, Variant variant, Recorder recorder) {
    return new TrainingRun(spec, variant, 5, DATA).train(recorder);
  }

  private static Parameters parameters(List<Tensor> tensors) {
    return Parameters.of(network().layout(), tensors);
  }

  private static Network network() {
    return Networks.network(100, INPUTS, CLASSES, 20, 150);
  }

  @Test
  void baseRunLearnsAndReports() {
    Recorder recorder = new Recorder(spec().build(), DATA);
    TrainingRun run = new TrainingRun(spec().build(), Variant.VARIANT_BASE, 5, DATA);
    RunResult result = run.train(recorder);

    assertThat(run.totalSteps()).isEqualTo(40);
    assertThat(run.switchStep()).isEmpty();
    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
    assertThat(result.getSteps()).isEqualTo(40);
    assertThat(result.hasGuarantee()).isFalse();
    assertThat(recorder.guarantees).isEmpty();
    assertThat(recorder.witnesses).isEmpty();
    assertThat(recorder.snapshotSteps()).containsExactly(7L, 14L, 21L, 28L, 35L, 40L);
    assertThat(recorder.progress.stream().map(Progress::getStep))
        .containsExactly(
            LongStream.rangeClosed(1, 10).mapToObj(epoch -> 4 * epoch).toArray(Long[]::new));

    Progress first = recorder.progress.get(0);
    Progress last = recorder.progress.get(9);
    assertThat(first.getEpoch()).isEqualTo(1);
    assertThat(first.getPhase()).isEqualTo(Phase.PHASE_ONE);
    assertThat(first.getLearningRate())
        .isCloseTo(0.05 * (1 + Math.cos(Math.PI * 3 / 40)) / 2, within(1e-12));
    assertThat(first.getGradientNormsList().stream().map(LayerNorm::getLayer))
        .containsExactly("hidden.1", "hidden.2", "output");
    assertThat(first.getGradientNormsList()).allMatch(norm -> norm.getNorm() > 0);
    assertThat(last.getTrainLoss()).isLessThan(first.getTrainLoss() / 2);
    assertThat(result.getFinalTrainLoss()).isEqualTo(last.getTrainLoss());
    assertThat(result.getTrainError()).isEqualTo(last.getTrainError()).isLessThan(0.2);
    assertThat(result.getTestError()).isEqualTo(last.getTestError()).isLessThan(0.4);

    // The last snapshot holds the weights that the last numbers are about.
    assertThat(
            new Evaluator(network(), LossFunction.of(Loss.LOSS_CROSS_ENTROPY))
                .evaluate(parameters(recorder.snapshots.get(5).weights()), DATA.train())
                .loss())
        .isEqualTo(result.getFinalTrainLoss());
  }

  @ParameterizedTest
  @EnumSource(
      value = PhaseTwoSolver.class,
      mode = Mode.EXCLUDE,
      names = {"PHASE_TWO_SOLVER_UNSPECIFIED", "UNRECOGNIZED"})
  void sameSeedSameBits(PhaseTwoSolver solver) {
    ExperimentSpec.Builder spec = spec();
    spec.getTwoPhaseBuilder().setSolver(solver);
    if (solver == PhaseTwoSolver.PHASE_TWO_SOLVER_MINIMUM_NORM) {
      spec.setLoss(Loss.LOSS_SQUARED);
    }
    Recorder first = new Recorder(spec.build(), DATA);
    Recorder second = new Recorder(spec.build(), DATA);
    RunResult one = train(spec.build(), Variant.VARIANT_TWO_PHASE, first);
    RunResult two = train(spec.build(), Variant.VARIANT_TWO_PHASE, second);
    assertThat(second.snapshots).isEqualTo(first.snapshots);
    assertThat(second.witnesses).isEqualTo(first.witnesses);
    assertThat(two.toBuilder().setSeconds(0).build())
        .isEqualTo(one.toBuilder().setSeconds(0).build());

    Recorder other = new Recorder(spec.build(), DATA);
    new TrainingRun(spec.build(), Variant.VARIANT_TWO_PHASE, 6, DATA).train(other);
    assertThat(other.snapshots.get(0).weights()).isNotEqualTo(first.snapshots.get(0).weights());
  }

  @Test
  void variantsAreTheSameUpToTheSwitch() {
    Recorder base = new Recorder(spec().build(), DATA);
    Recorder twoPhase = new Recorder(spec().build(), DATA);
    train(spec().build(), Variant.VARIANT_BASE, base);
    train(spec().build(), Variant.VARIANT_TWO_PHASE, twoPhase);
    assertThat(twoPhase.snapshots.subList(0, 3)).isEqualTo(base.snapshots.subList(0, 3));
    assertThat(twoPhase.snapshots.get(3)).isNotEqualTo(base.snapshots.get(3));
  }

  @Test
  void twoPhaseRunFreezesCertifiedFeatures() {
    Recorder recorder = new Recorder(spec().build(), DATA);
    TrainingRun run = new TrainingRun(spec().build(), Variant.VARIANT_TWO_PHASE, 5, DATA);
    RunResult result = run.train(recorder);

    assertThat(run.switchStep()).hasValue(24);
    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
    assertThat(recorder.timeouts).containsExactly(java.time.Duration.ofMillis(30_500));
    assertThat(recorder.witnesses).hasSize(1);
    Taken witness = recorder.witnesses.get(0);
    assertThat(witness.step()).isEqualTo(24);
    assertThat(witness.phase()).isEqualTo(Phase.PHASE_TWO);
    assertThat(witness.witness()).isTrue();
    assertThat(witness.sha256().size()).isEqualTo(32);

    float[] atSwitch = Networks.values(parameters(witness.weights()));
    int hidden = network().layout().hiddenLength();
    assertThat(recorder.snapshotSteps()).containsExactly(7L, 14L, 21L, 28L, 35L, 40L);
    for (Taken snapshot : recorder.snapshots) {
      boolean second = snapshot.step() > 24;
      assertThat(snapshot.phase()).isEqualTo(second ? Phase.PHASE_TWO : Phase.PHASE_ONE);
      assertThat(snapshot.witness()).isFalse();
      assertThat(snapshot.sha256()).isEqualTo(second ? witness.sha256() : ByteString.EMPTY);
      assertThat(snapshot.gradients()).hasSize(second ? 2 : 6);
      if (second) {
        float[] weights = Networks.values(parameters(snapshot.weights()));
        assertThat(Arrays.copyOf(weights, hidden)).containsExactly(Arrays.copyOf(atSwitch, hidden));
        assertThat(weights[hidden]).isNotEqualTo(atSwitch[hidden]);
      }
    }

    // At the end of epoch 6 as phase 1 left it, and once more at the switch.
    assertThat(
            recorder.progress.stream().filter(now -> now.getStep() == 24).map(Progress::getPhase))
        .containsExactly(Phase.PHASE_ONE, Phase.PHASE_TWO);

    Guarantee stated = recorder.guarantees.get(0);
    assertThat(stated.getStatement()).isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT);
    assertThat(stated.getFromStep()).isEqualTo(24);
    assertThat(stated.getAtStep()).isEqualTo(40);
    assertThat(stated.hasLossBound()).isFalse();
    assertThat(stated.hasOptimalityGap()).isFalse();
    Guarantee concluded = result.getGuarantee();
    assertThat(concluded.hasHeld()).isFalse();
    assertThat(concluded.getOptimalityGap())
        .isBetween(result.getFinalTrainLoss(), result.getFinalTrainLoss() + 1e-9);
    assertThat(concluded.toBuilder().clearOptimalityGap().build()).isEqualTo(stated);
  }

  @ParameterizedTest
  @EnumSource(
      value = Loss.class,
      mode = Mode.INCLUDE,
      names = {"LOSS_CROSS_ENTROPY", "LOSS_SQUARED"})
  void gradientDescentKeepsItsPromise(Loss loss) {
    ExperimentSpec spec = gradientDescent(loss);
    Recorder recorder = new Recorder(spec, DATA);
    RunResult result = train(spec, Variant.VARIANT_TWO_PHASE, recorder);

    Guarantee stated = recorder.guarantees.get(0);
    assertThat(stated.getStatement()).isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_BOUND);
    List<Double> losses =
        recorder.progress.stream()
            .filter(now -> now.getPhase() == Phase.PHASE_TWO)
            .map(Progress::getTrainLoss)
            .toList();
    assertThat(losses).hasSize(5).isSortedAccordingTo(Comparator.reverseOrder());
    assertThat(stated.getLossBound()).isBetween(result.getFinalTrainLoss(), losses.get(0));
    assertThat(result.getGuarantee().getHeld()).isTrue();
    assertThat(result.getGuarantee().getOptimalityGap())
        .isBetween(result.getFinalTrainLoss(), result.getFinalTrainLoss() + 1e-9);
    assertThat(recorder.progress.get(recorder.progress.size() - 1).getLearningRate())
        .isEqualTo(1 / stated.getSmoothness());
    float[] atSwitch = Networks.values(parameters(recorder.witnesses.get(0).weights()));
    float[] atEnd = Networks.values(parameters(recorder.snapshots.get(5).weights()));
    int hidden = network().layout().hiddenLength();
    assertThat(Arrays.copyOf(atEnd, hidden)).containsExactly(Arrays.copyOf(atSwitch, hidden));
  }

  /** What a run says at its end is about the float32 weights of its last snapshot. */
  @ParameterizedTest
  @CsvSource({
    "PHASE_TWO_SOLVER_GRADIENT_DESCENT, LOSS_CROSS_ENTROPY",
    "PHASE_TWO_SOLVER_NESTEROV, LOSS_CROSS_ENTROPY",
    "PHASE_TWO_SOLVER_GRADIENT_DESCENT, LOSS_SQUARED",
    "PHASE_TWO_SOLVER_NESTEROV, LOSS_SQUARED",
    "PHASE_TWO_SOLVER_MINIMUM_NORM, LOSS_SQUARED",
  })
  void theGuaranteeIsAboutTheWeightsThatArePublished(PhaseTwoSolver solver, Loss loss) {
    ExperimentSpec.Builder spec = gradientDescent(loss).toBuilder();
    spec.getTwoPhaseBuilder().setSolver(solver);
    Recorder recorder = new Recorder(spec.build(), DATA);
    RunResult result = train(spec.build(), Variant.VARIANT_TWO_PHASE, recorder);

    Taken last = recorder.snapshots.get(5);
    assertThat(last.step()).isEqualTo(40);
    try (OutputProblem problem =
            new OutputProblem(
                features(last),
                DATA.train().labels(),
                CLASSES,
                LossFunction.of(loss),
                new OpenBlas(1));
        Matrix published = PhaseTwoFeatures.outputLayer(parameters(last.weights()), CLASSES)) {
      Guarantee guarantee = result.getGuarantee();
      assertThat(result.getFinalTrainLoss()).isEqualTo(problem.evaluate(published).loss());
      assertThat(guarantee.getOptimalityGap())
          .isEqualTo(Math.nextUp(problem.lossUpperBound(published) - guarantee.getLossInfimum()));
      if (guarantee.hasLossBound()) {
        assertThat(guarantee.getLossBound()).isGreaterThan(problem.lossUpperBound(published));
        assertThat(guarantee.getHeld()).isTrue();
      }
    }
  }

  private static ExperimentSpec rankPreserving(PhaseTwoSolver solver) {
    ExperimentSpec.Builder spec = spec();
    spec.getTwoPhaseBuilder()
        .setSolver(solver)
        .setHidden(HiddenLayers.HIDDEN_LAYERS_RANK_PRESERVING);
    spec.getSnapshotsBuilder().setEverySteps(1);
    return spec.build();
  }

  private static float[] hidden(Taken snapshot) {
    return Arrays.copyOf(
        Networks.values(parameters(snapshot.weights())), network().layout().hiddenLength());
  }

  private static Matrix features(Taken snapshot) {
    return Features.compute(network(), parameters(snapshot.weights()), DATA.train());
  }

  private static double distance(Matrix a, Matrix b) {
    double squares = 0;
    for (long i = 0; i < a.rows(); i++) {
      for (long j = 0; j < a.columns(); j++) {
        squares += Math.pow(a.get(i, j) - b.get(i, j), 2);
      }
    }
    return Math.sqrt(squares);
  }

  /** All states that were published, in their order: each step once. */
  private static List<Taken> all(Recorder recorder) {
    List<Taken> all = new ArrayList<>(recorder.snapshots);
    all.addAll(recorder.witnesses);
    all.sort(Comparator.comparing(Taken::step));
    assertThat(all).extracting(Taken::step).doesNotHaveDuplicates();
    return all;
  }

  @ParameterizedTest
  @EnumSource(
      value = PhaseTwoSolver.class,
      names = {
        "PHASE_TWO_SOLVER_BASE",
        "PHASE_TWO_SOLVER_GRADIENT_DESCENT",
        "PHASE_TWO_SOLVER_NESTEROV"
      })
  void hiddenLayersMoveWithinTheRadiusOfTheLastCertificate(PhaseTwoSolver solver) {
    List<Double> certified = new ArrayList<>();
    ExperimentSpec spec = rankPreserving(solver);
    Recorder recorder =
        new Recorder(
            spec,
            DATA,
            verdict -> {
              certified.add(verdict.orElseThrow().getCertificate().getSigmaMinLowerBound());
              return verdict;
            });
    RunResult result = train(spec, Variant.VARIANT_TWO_PHASE, recorder);

    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
    assertThat(certified).hasSizeGreaterThan(2).allMatch(bound -> bound > 0);
    List<Taken> phaseTwo = all(recorder).stream().filter(taken -> taken.step() >= 24).toList();
    assertThat(phaseTwo).hasSize(17);
    int last = -1;
    int moves = 0;
    for (Taken taken : phaseTwo) {
      assertThat(taken.phase()).isEqualTo(Phase.PHASE_TWO);
      last += taken.witness() ? 1 : 0;
      try (Matrix reference = features(recorder.witnesses.get(last));
          Matrix features = features(taken)) {
        assertThat(taken.sha256()).isEqualTo(ByteString.copyFrom(features.sha256()));
        double left = certified.get(last) - distance(reference, features);
        assertThat(left).isGreaterThanOrEqualTo(0.5 * certified.get(last) - 1e-12);
        assertThat(SingularValues.smallest(features)).isGreaterThanOrEqualTo(left - 1e-12);
      }
      boolean moved =
          taken.step() > 24
              && !Arrays.equals(hidden(taken), hidden(phaseTwo.get((int) taken.step() - 25)));
      moves += moved ? 1 : 0;
      // Every fourth step ends an epoch and has the gradients of all layers; the others have those
      // of one layer.
      boolean endOfEpoch = taken.step() > 24 && taken.step() % 4 == 0;
      assertThat(moved).isEqualTo(endOfEpoch);
      if (taken.step() > 24) {
        assertThat(taken.gradients()).hasSize(endOfEpoch ? 6 : 2);
      }
    }
    assertThat(moves).isEqualTo(4);

    Guarantee guarantee = result.getGuarantee();
    assertThat(guarantee.getStatement()).isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT);
    assertThat(guarantee.hasLossBound()).isFalse();
    assertThat(guarantee.hasHeld()).isFalse();
    assertThat(guarantee.getText())
        .contains("moved after 4 of 4 epochs, on %d certificates".formatted(certified.size()));
    assertThat(guarantee.getOptimalityGap())
        .isBetween(result.getFinalTrainLoss(), result.getFinalTrainLoss() + 1e-9);
    assertThat(recorder.guarantees).hasSize(1);
  }

  /** Of the loss as phase 2 computes it, in float64. */
  @Test
  void noMoveOfTheHiddenLayersRaisesTheLoss() {
    ExperimentSpec spec = rankPreserving(PhaseTwoSolver.PHASE_TWO_SOLVER_BASE);
    Recorder recorder = new Recorder(spec, DATA);
    train(spec, Variant.VARIANT_TWO_PHASE, recorder);

    List<Taken> all = all(recorder);
    for (int step = 28; step <= 40; step += 4) {
      Taken after = all.get(step - 1);
      double unmoved = loss(all.get(step - 2), after);
      assertThat(loss(after, after)).isLessThan(unmoved);
    }
  }

  private static double loss(Taken ofHidden, Taken ofOutput) {
    try (OutputProblem problem =
            new OutputProblem(
                features(ofHidden),
                DATA.train().labels(),
                CLASSES,
                LossFunction.of(Loss.LOSS_CROSS_ENTROPY),
                new OpenBlas(1));
        Matrix v = PhaseTwoFeatures.outputLayer(parameters(ofOutput.weights()), CLASSES)) {
      return problem.evaluate(v).loss();
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = PhaseTwoSolver.class,
      names = {
        "PHASE_TWO_SOLVER_BASE",
        "PHASE_TWO_SOLVER_GRADIENT_DESCENT",
        "PHASE_TWO_SOLVER_NESTEROV"
      })
  void movingHiddenLayersComesOnTopOfWhatFrozenOnesDo(PhaseTwoSolver solver) {
    ExperimentSpec moving = rankPreserving(solver);
    ExperimentSpec.Builder frozen = moving.toBuilder();
    frozen.getTwoPhaseBuilder().setHidden(HiddenLayers.HIDDEN_LAYERS_FROZEN);
    Recorder first = new Recorder(moving, DATA);
    Recorder second = new Recorder(moving, DATA);
    Recorder still = new Recorder(frozen.build(), DATA);
    RunResult one = train(moving, Variant.VARIANT_TWO_PHASE, first);
    RunResult two = train(moving, Variant.VARIANT_TWO_PHASE, second);
    RunResult three = train(frozen.build(), Variant.VARIANT_TWO_PHASE, still);

    assertThat(all(second)).isEqualTo(all(first));
    assertThat(two.toBuilder().setSeconds(0).build())
        .isEqualTo(one.toBuilder().setSeconds(0).build());
    // The same steps up to the first move, and a lower loss at the end.
    assertThat(all(first).subList(0, 27)).isEqualTo(all(still).subList(0, 27));
    assertThat(one.getSteps()).isEqualTo(three.getSteps());
    assertThat(one.getFinalTrainLoss()).isLessThan(three.getFinalTrainLoss());
  }

  @Test
  void hiddenLayersStayFromAVerdictOnThatGivesNoRadius() {
    assertHiddenLayersStay(verdict -> Optional.empty(), "no verdict on the witness came within");
    assertHiddenLayersStay(
        verdict ->
            verdict.map(
                v -> v.toBuilder().setFeaturesSha256(ByteString.copyFromUtf8("other")).build()),
        "other features");
    assertHiddenLayersStay(
        verdict ->
            verdict.map(
                v ->
                    changed(
                        v,
                        v.getCertificate().toBuilder()
                            .setOutcome(Outcome.OUTCOME_REFUTED)
                            .setReason("two rows are the same"))),
        "two rows are the same");
    assertHiddenLayersStay(
        verdict ->
            verdict.map(v -> changed(v, v.getCertificate().toBuilder().clearSigmaMinLowerBound())),
        "the certificate has no lower bound on the smallest singular value");
  }

  private static void assertHiddenLayersStay(
      UnaryOperator<Optional<Verdict>> afterTheFirst, String reason) {
    ExperimentSpec spec = rankPreserving(PhaseTwoSolver.PHASE_TWO_SOLVER_BASE);
    AtomicInteger count = new AtomicInteger();
    Recorder recorder =
        new Recorder(
            spec,
            DATA,
            verdict -> count.incrementAndGet() == 1 ? verdict : afterTheFirst.apply(verdict));
    RunResult result = train(spec, Variant.VARIANT_TWO_PHASE, recorder);

    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
    assertThat(recorder.witnesses).hasSize(2);
    Taken asked = recorder.witnesses.get(1);
    for (Taken later : all(recorder)) {
      if (later.step() > asked.step()) {
        assertThat(hidden(later)).containsExactly(hidden(asked));
        assertThat(later.sha256()).isEqualTo(asked.sha256());
      }
    }
    // Its features were proven to have full rank before it was asked for: the limit stands.
    assertThat(recorder.guarantees).hasSize(2);
    assertThat(recorder.guarantees.get(0).getText()).doesNotContain("stay where they are");
    assertThat(recorder.guarantees)
        .extracting(Guarantee::getStatement)
        .containsOnly(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT);
    assertThat(result.getGuarantee().getText())
        .contains("From step %d on the hidden layers stay where they are: ".formatted(asked.step()))
        .contains(reason);
    assertThat(result.getGuarantee().hasOptimalityGap()).isTrue();
  }

  @Test
  void withoutARadiusAtTheSwitchPhaseTwoIsThatOfFrozenLayers() {
    ExperimentSpec moving = rankPreserving(PhaseTwoSolver.PHASE_TWO_SOLVER_GRADIENT_DESCENT);
    ExperimentSpec.Builder frozen = moving.toBuilder();
    frozen.getTwoPhaseBuilder().setHidden(HiddenLayers.HIDDEN_LAYERS_FROZEN);
    Recorder still = new Recorder(frozen.build(), DATA);
    Recorder moved =
        new Recorder(
            moving,
            DATA,
            verdict ->
                verdict.map(
                    v -> changed(v, v.getCertificate().toBuilder().clearSigmaMinLowerBound())));
    RunResult one = train(frozen.build(), Variant.VARIANT_TWO_PHASE, still);
    RunResult two = train(moving, Variant.VARIANT_TWO_PHASE, moved);

    assertThat(all(moved)).isEqualTo(all(still));
    Guarantee guarantee = two.getGuarantee();
    assertThat(guarantee.getText())
        .isEqualTo(
            one.getGuarantee().getText()
                + " The hidden layers stay where they are: the certificate has no lower bound on the smallest singular value.");
    assertThat(guarantee.toBuilder().clearText().build())
        .isEqualTo(one.getGuarantee().toBuilder().clearText().build());
    assertThat(guarantee.getHeld()).isTrue();

    Recorder none = new Recorder(moving, DATA, verdict -> Optional.empty());
    Guarantee nothing = train(moving, Variant.VARIANT_TWO_PHASE, none).getGuarantee();
    assertThat(nothing.getStatement()).isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_NONE);
    assertThat(none.witnesses).hasSize(1);
  }

  @Test
  void noVerdictNoGuarantee() {
    assertNoGuarantee(verdict -> Optional.empty(), "no verdict on the witness came within 30.5 s");
  }

  @Test
  void verdictOnOtherFeaturesIsNoGuarantee() {
    assertNoGuarantee(
        verdict ->
            verdict.map(
                v -> v.toBuilder().setFeaturesSha256(ByteString.copyFromUtf8("other")).build()),
        "other features");
  }

  @Test
  void verdictOnAnotherShapeIsNoGuarantee() {
    assertNoGuarantee(
        verdict -> verdict.map(v -> changed(v, v.getCertificate().toBuilder().setRows(49))),
        "49×151 matrix, phase 2 trains on 50×151");
  }

  /**
   * A checker that errs: the step is then a hundred times too long. What is measured must say so.
   */
  @Test
  void brokenPromiseIsNotSaidToHaveHeld() {
    ExperimentSpec spec = gradientDescent(Loss.LOSS_CROSS_ENTROPY);
    Recorder recorder =
        new Recorder(
            spec,
            DATA,
            verdict ->
                verdict.map(
                    v ->
                        changed(
                            v,
                            v.getCertificate().toBuilder()
                                .setSigmaMaxUpperBound(
                                    v.getCertificate().getSigmaMaxUpperBound() / 10))));
    Guarantee guarantee = train(spec, Variant.VARIANT_TWO_PHASE, recorder).getGuarantee();
    assertThat(guarantee.getStatement()).isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_BOUND);
    assertThat(guarantee.getHeld()).isFalse();
  }

  @Test
  void undeterminedIsNoGuarantee() {
    assertNoGuarantee(
        verdict ->
            verdict.map(
                v ->
                    changed(
                        v,
                        v.getCertificate().toBuilder()
                            .setOutcome(Outcome.OUTCOME_UNDETERMINED)
                            .setReason("could not tell"))),
        "could not tell");
  }

  private static Verdict changed(Verdict verdict, Certificate.Builder certificate) {
    return verdict.toBuilder().setCertificate(certificate).build();
  }

  /** With both solvers: the run goes on to the end, and says why nothing is guaranteed. */
  private static void assertNoGuarantee(UnaryOperator<Optional<Verdict>> onTheWay, String reason) {
    for (ExperimentSpec spec : List.of(spec().build(), gradientDescent(Loss.LOSS_CROSS_ENTROPY))) {
      Recorder recorder = new Recorder(spec, DATA, onTheWay);
      RunResult result = train(spec, Variant.VARIANT_TWO_PHASE, recorder);
      assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
      Guarantee guarantee = result.getGuarantee();
      assertThat(guarantee.getStatement()).isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_NONE);
      assertThat(guarantee.getReason()).contains(reason);
      assertThat(guarantee.hasLossBound()).isFalse();
      assertThat(guarantee.hasOptimalityGap()).isFalse();
      assertThat(guarantee.hasHeld()).isFalse();
      assertThat(recorder.guarantees).containsExactly(guarantee);
      Progress last = recorder.progress.get(recorder.progress.size() - 1);
      assertThat(last.getStep()).isEqualTo(40);
      assertThat(last.getTrainLoss()).isLessThan(recorder.progress.get(0).getTrainLoss());
    }
  }

  @Test
  void tooFewColumnsAreRefutedAndTrainedAnyway() {
    ExperimentSpec spec = spec().setNetwork(Networks.spec(100, 20, 40)).build();
    Recorder recorder = new Recorder(spec, DATA);
    Guarantee guarantee = train(spec, Variant.VARIANT_TWO_PHASE, recorder).getGuarantee();
    assertThat(guarantee.getStatement()).isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_NONE);
    assertThat(guarantee.getReason()).contains("REFUTED");
  }

  @Test
  void policyDecidesWhatSnapshotsHold() {
    ExperimentSpec spec =
        spec()
            .setSnapshots(SnapshotPolicy.newBuilder().setEveryEpochs(3).setGradients(true))
            .build();
    Recorder recorder = new Recorder(spec, DATA);
    train(spec, Variant.VARIANT_TWO_PHASE, recorder);
    // Epochs 3, 6 and 9 end at steps 12, 24 and 36; step 24 is the witness.
    assertThat(recorder.snapshotSteps()).containsExactly(12L, 36L, 40L);
    assertThat(recorder.snapshots).allMatch(snapshot -> snapshot.weights().isEmpty());
    assertThat(recorder.snapshots).noneMatch(snapshot -> snapshot.gradients().isEmpty());
    assertThat(recorder.witnesses.get(0).weights()).hasSize(6);
  }

  @Test
  void cancelledRunStops() {
    Recorder recorder = new Recorder(spec().build(), DATA).cancelAfter(9);
    RunResult result = train(spec().build(), Variant.VARIANT_BASE, recorder);
    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_CANCELLED);
    assertThat(result.getSteps()).isEqualTo(9);
    assertThat(result.hasFinalTrainLoss()).isFalse();
    assertThat(recorder.snapshotSteps()).containsExactly(7L);
  }

  @Test
  void divergedRunFailsAndSaysWhere() {
    ExperimentSpec.Builder spec = spec();
    spec.getAlgorithmBuilder().getSgdBuilder().setLearningRate(1e6);
    Recorder recorder = new Recorder(spec.build(), DATA);
    RunResult result = train(spec.build(), Variant.VARIANT_BASE, recorder);
    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FAILED);
    assertThat(result.getSteps()).isLessThan(40);
    assertThat(result.getReason())
        .matches(
            "diverged after \\d+ steps: .*'(hidden\\.[12]|output)\\.(weight|bias)'.*lower the learning rate");
    assertThat(result.hasFinalTrainLoss()).isFalse();
    assertThat(recorder.progress)
        .allMatch(now -> Double.isFinite(now.getTrainLoss()) && Double.isFinite(now.getTestLoss()));
  }

  @Test
  void perturbationIsGaussianAndSparesTheOutputLayer() {
    Network network = Networks.network(100, 100, 2, 200);
    Parameters parameters = Parameters.zeros(network.layout());
    TwoPhaseTraining.perturb(parameters, 0.25, 3);
    int hidden = network.layout().hiddenLength();
    float[] values = Networks.values(parameters);
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < hidden; i++) {
      sum += values[i];
      squares += (double) values[i] * values[i];
    }
    assertThat(sum / hidden).isCloseTo(0, within(5 * 0.25 / Math.sqrt(hidden)));
    assertThat(Math.sqrt(squares / hidden))
        .isCloseTo(0.25, within(5 * 0.25 / Math.sqrt(2.0 * hidden)));
    for (int i = hidden; i < values.length; i++) {
      assertThat(values[i]).isZero();
    }
    Parameters again = Parameters.zeros(network.layout());
    TwoPhaseTraining.perturb(again, 0.25, 3);
    assertThat(Networks.values(again)).containsExactly(values);
  }

  @Test
  void batchesAreNoLargerThanTheData() {
    ExperimentSpec.Builder spec = spec();
    spec.getAlgorithmBuilder().getSgdBuilder().setBatchSize(1000);
    TrainingRun run = new TrainingRun(spec.build(), Variant.VARIANT_BASE, 1, DATA);
    assertThat(run.totalSteps()).isEqualTo(10);
    assertThat(run.train(new Recorder(spec.build(), DATA)).getState())
        .isEqualTo(RunState.RUN_STATE_FINISHED);
  }

  @Test
  void refusesLabelsThatTheNetworkCannotGive() {
    DataSet wrong =
        new DataSet(DataSetIdentity.newBuilder().setClasses(2).build(), DATA.train(), DATA.test());
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new TrainingRun(spec().build(), Variant.VARIANT_BASE, 1, wrong))
        .withMessage("the training set has label 2, the data set has classes 0 to 1");
  }
}
