package io.fullrank.network.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.protobuf.ByteString;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.experiment.ExperimentFile;
import io.fullrank.network.state.TrainingCheckpoint;
import io.fullrank.network.state.UnusableCheckpointException;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.HiddenLayersPosition;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Tensor;
import io.fullrank.proto.v1.TrainingPosition;
import io.fullrank.proto.v1.Variant;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A run that stops and goes on from a checkpoint gives the bits of one that never stopped. */
class ResumedTrainingTest {

  private static final String[] FULLY_CONNECTED = {
    "dataset={name: strokes, train: 40, test: 20}", "network.widths=[12, 120]"
  };

  /** With batch normalisation, augmentation, and a last mini-batch of another size. */
  private static final String[] RESIDUAL = {
    "dataset={name: strokes, train: 40, test: 20, augmentation: {crop-padding: 2}}",
    "network={type: resnet, stages: [{blocks: 1, channels: 4}, {blocks: 1, channels: 6, stride: 4}], wide: 60}"
  };

  static Stream<Arguments> everyAlgorithmAndSolver() {
    return Stream.of(
            "sgd: {batch-size: 16, learning-rate: 0.01, momentum: 0.9, weight-decay: 1e-4}",
            "sgd: {batch-size: 16, learning-rate: 0.01, nesterov: true, warm-up-epochs: 4}",
            "adam: {batch-size: 16}",
            "adamw: {batch-size: 16}",
            "rmsprop: {batch-size: 16, momentum: 0.5}",
            "gradient-descent: {learning-rate: 0.2}",
            "bcgd: {batch-size: 16, bits: 2, weight-decay: 1e-4}")
        .flatMap(
            algorithm ->
                Stream.of("base", "gradient-descent", "nesterov", "minimum-norm")
                    .map(solver -> Arguments.of(algorithm, solver)));
  }

  @ParameterizedTest
  @MethodSource("everyAlgorithmAndSolver")
  void goesOnWithTheSameBits(String algorithm, String solver) {
    new Case(Variant.VARIANT_TWO_PHASE, FULLY_CONNECTED, algorithm, solver).check();
  }

  @ParameterizedTest
  @ValueSource(strings = {"base", "gradient-descent", "nesterov", "minimum-norm"})
  void goesOnWithTheSameBitsWithBatchNormalisationAndAugmentation(String solver) {
    new Case(Variant.VARIANT_TWO_PHASE, RESIDUAL, "sgd: {batch-size: 16}", solver).check();
    new Case(Variant.VARIANT_TWO_PHASE, RESIDUAL, "adam: {batch-size: 16}", solver).check();
  }

  /** Before a wait for a verdict, after it, and in between. */
  @ParameterizedTest
  @ValueSource(strings = {"base", "gradient-descent", "nesterov"})
  void hiddenLayersGoOnMovingWithTheSameBits(String solver) {
    Case run =
        new Case(
            Variant.VARIANT_TWO_PHASE,
            FULLY_CONNECTED,
            "sgd: {batch-size: 16}",
            solver + ", hidden: rank-preserving, switch-fraction: 0.3");
    assertThat(run.checkEveryStepOfPhaseTwo().witnesses).hasSizeGreaterThan(1);
  }

  @Test
  void hiddenLayersGoOnMovingWithTheSameBitsWithBatchNormalisation() {
    Case run =
        new Case(
            Variant.VARIANT_TWO_PHASE,
            RESIDUAL,
            "sgd: {batch-size: 16}",
            "base, hidden: rank-preserving, switch-fraction: 0.3");
    assertThat(run.checkEveryStepOfPhaseTwo().snapshots.stream().map(Recorder.Taken::sha256))
        .filteredOn(sha256 -> !sha256.isEmpty())
        .hasSizeGreaterThan(4)
        .satisfies(all -> assertThat(Set.copyOf(all)).hasSizeGreaterThan(1));
  }

  @Test
  void cancelledWhileItWaitsForANewCertificateItAsksAgain() {
    Case run =
        new Case(
            Variant.VARIANT_TWO_PHASE,
            FULLY_CONNECTED,
            "sgd: {batch-size: 16}",
            "base, hidden: rank-preserving, switch-fraction: 0.3");
    Recorder whole = run.recorder();
    RunResult result = run.train(whole);
    long second = whole.witnesses.get(1).step();
    // Asked before each step, the one that waits included, and after the first wait.
    Recorder recorder = run.recorder().keepCheckpointsAt(second);
    recorder.cancelAfter(second + 2);

    RunResult cancelled = run.train(recorder);

    assertThat(cancelled.getState()).isEqualTo(RunState.RUN_STATE_CANCELLED);
    assertThat(cancelled.getSteps()).isEqualTo(second);
    assertThat(recorder.guarantees).hasSize(1);
    run.assertSameAfter(recorder.checkpoints.get(0), whole, result);
  }

  @Test
  void refusesCertifiedWeightsOfOtherFeatures() {
    Case run =
        new Case(
            Variant.VARIANT_TWO_PHASE,
            FULLY_CONNECTED,
            "sgd: {batch-size: 16}",
            "base, hidden: rank-preserving, switch-fraction: 0.3");
    run.assertRefused(
        run.switchStep() + 1,
        position -> position,
        tensors ->
            tensors.stream()
                .map(
                    tensor ->
                        tensor.getName().equals("phase/certified-hidden-weights")
                            ? tensor.toBuilder()
                                .setData(
                                    ByteString.copyFrom(new byte[8])
                                        .concat(tensor.getData().substring(8)))
                                .build()
                            : tensor)
                .toList(),
        "the weights that were certified give other features here");
  }

  @Test
  void saysThatAnOlderVersionWroteNoPositionOfHiddenLayers() {
    Case run =
        new Case(
            Variant.VARIANT_TWO_PHASE,
            FULLY_CONNECTED,
            "sgd: {batch-size: 16}",
            "base, hidden: rank-preserving, switch-fraction: 0.3");
    run.assertRefused(
        run.switchStep() + 1,
        position -> position.toBuilder().clearHiddenLayers().build(),
        tensors -> tensors,
        "it does not say where the hidden layers have come to: an older version wrote it");
  }

  @Test
  void baseRunGoesOnWithTheSameBits() {
    new Case(Variant.VARIANT_BASE, RESIDUAL, "sgd: {batch-size: 16}", "base").check();
  }

  @Test
  void copyOfTheStateDoesNotChangeWithIt() {
    Case run = new Case(Variant.VARIANT_TWO_PHASE, FULLY_CONNECTED, "adam: {}", "nesterov");
    Recorder recorder = run.recorder();
    run.train(recorder.keepCheckpointsAt(1, 2));
    TrainingCheckpoint first = recorder.checkpointAt(1);
    assertThat(first.tensors()).isNotEqualTo(recorder.checkpointAt(2).tensors());
    Recorder again = run.recorder();
    run.train(again.keepCheckpointsAt(1));
    assertThat(again.checkpointAt(1).tensors()).isEqualTo(first.tensors());
  }

  @Test
  void cancelledWhileItWaitsForTheVerdictItStopsAtTheSwitch() {
    Case run = new Case(Variant.VARIANT_TWO_PHASE, FULLY_CONNECTED, "adam: {}", "base");
    // Asked once before each of the τ + 1 steps up to the switch, and once after the wait.
    Recorder recorder = run.recorder().keepCheckpointsAt(run.switchStep());
    recorder.cancelAfter(run.switchStep() + 1);
    RunResult result = run.train(recorder);
    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_CANCELLED);
    assertThat(result.getSteps()).isEqualTo(run.switchStep());
    assertThat(recorder.guarantees).isEmpty();
    assertThat(recorder.checkpoints)
        .extracting(checkpoint -> checkpoint.position().getPhase())
        .containsExactly(Phase.PHASE_ONE);
  }

  @Test
  void refusesFeaturesWithOtherBits() {
    Case run = new Case(Variant.VARIANT_TWO_PHASE, FULLY_CONNECTED, "adam: {}", "nesterov");
    run.assertRefused(
        run.switchStep() + 1,
        position ->
            position.toBuilder().setFeaturesSha256(ByteString.copyFromUtf8("other")).build(),
        tensors -> tensors,
        "another kind of processor");
  }

  @Test
  void refusesWhatBelongsToAnotherRun() {
    Case run = new Case(Variant.VARIANT_TWO_PHASE, FULLY_CONNECTED, "adam: {}", "nesterov");
    long late = run.switchStep() + 1;
    UnaryOperator<TrainingPosition> same = position -> position;
    run.assertRefused(1, same, without("parameters/output.bias"), "'output.bias' is missing");
    run.assertRefused(1, same, without("base/first-moment"), "the algorithm remembers");
    run.assertRefused(late, same, without("phase/output-layer"), "'output-layer' is missing");
    run.assertRefused(
        late,
        same,
        tensors ->
            tensors.stream()
                .map(
                    tensor ->
                        tensor.getName().equals("phase/look-ahead")
                            ? tensor.toBuilder()
                                .setShape(0, 8)
                                .setData(tensor.getData().substring(0, 64))
                                .build()
                            : tensor)
                .toList(),
        "'look-ahead' has 8 numbers, the phase needs 1210");
    run.assertRefused(
        1, position -> position.toBuilder().setStep(1_000_000).build(), t -> t, "step 1000000");
    run.assertRefused(
        1, position -> position.toBuilder().setBatches(2).build(), t -> t, "2 mini-batches");
    run.assertRefused(
        late, position -> position.toBuilder().setStep(1).build(), t -> t, "PHASE_TWO");
  }

  private static UnaryOperator<List<Tensor>> without(String name) {
    return tensors -> tensors.stream().filter(t -> !t.getName().equals(name)).toList();
  }

  /** A run of six epochs of which checkpoints are taken. */
  private static final class Case {
    private final ExperimentSpec spec;
    private final DataSet data;
    private final TrainingRun run;

    Case(Variant variant, String[] network, String algorithm, String solver) {
      List<String> overrides = new ArrayList<>(Arrays.asList(network));
      overrides.add("algorithm={" + algorithm + "}");
      overrides.add("two-phase={solver: " + solver + "}");
      overrides.add("loss=" + (solver.equals("minimum-norm") ? "squared" : "cross-entropy"));
      overrides.add("epochs=6");
      overrides.add("snapshots={every-steps: 1, weights: true, gradients: true}");
      ExperimentSpec.Builder built =
          ExperimentFile.read(Path.of("..", "examples", "strokes.yaml"), overrides).toBuilder();
      if (built.getDataSet().hasAugmentation()) {
        // Experiment files refuse mirror images of characters; here they are one more draw.
        built.getDataSetBuilder().getAugmentationBuilder().setHorizontalFlip(true);
      }
      spec = built.build();
      data = DataSets.load(spec.getDataSet(), Path.of("."));
      run = new TrainingRun(spec, variant, 1, data);
    }

    Recorder recorder() {
      return new Recorder(spec, data);
    }

    RunResult train(Recorder recorder) {
      return run.train(recorder);
    }

    long switchStep() {
      return run.switchStep().orElse(0);
    }

    /** In the middle of an epoch of phase 1, on both sides of the switch, and in phase 2. */
    void check() {
      long switchStep = switchStep();
      long last = run.totalSteps() - 1;
      Recorder whole = recorder().keepCheckpointsAt(2, switchStep, last);
      RunResult result = train(whole);
      assertThat(result.getReason()).isEmpty();
      assertThat(whole.starts).containsExactly(0L);
      assertThat(whole.checkpoints)
          .extracting(checkpoint -> checkpoint.position().getPhase())
          .contains(Phase.PHASE_ONE)
          .hasSizeGreaterThan(2);
      whole.checkpoints.forEach(checkpoint -> assertSameAfter(checkpoint, whole, result));
    }

    Recorder checkEveryStepOfPhaseTwo() {
      Recorder whole =
          recorder().keepCheckpointsAt(LongStream.range(switchStep(), run.totalSteps()).toArray());
      RunResult result = train(whole);
      assertThat(result.getReason()).isEmpty();
      whole.checkpoints.forEach(checkpoint -> assertSameAfter(checkpoint, whole, result));
      return whole;
    }

    private void assertSameAfter(TrainingCheckpoint checkpoint, Recorder whole, RunResult result) {
      long step = checkpoint.position().getStep();
      boolean early = checkpoint.position().getPhase() == Phase.PHASE_ONE;
      Recorder rest = recorder();
      RunResult resumed = run.resume(checkpoint, rest);
      assertThat(rest.starts).containsExactly(step);
      assertThat(rest.snapshots)
          .isEqualTo(whole.snapshots.stream().filter(taken -> taken.step() > step).toList());
      long firstWitness = early ? 0 : waits(checkpoint) ? step : step + 1;
      assertThat(rest.witnesses)
          .isEqualTo(
              whole.witnesses.stream().filter(taken -> taken.step() >= firstWitness).toList());
      assertThat(rest.guarantees).isEqualTo(early ? whole.guarantees : List.of());
      assertThat(withoutSeconds(rest.progress))
          .isEqualTo(
              withoutSeconds(
                  whole.progress.stream()
                      .filter(
                          now ->
                              now.getStep() > step
                                  || (early
                                      && now.getStep() == step
                                      && now.getPhase() == Phase.PHASE_TWO))
                      .toList()));
      assertThat(resumed.toBuilder().clearSeconds().build())
          .isEqualTo(result.toBuilder().clearSeconds().build());
      assertThat(rest.progress)
          .allMatch(now -> now.getSeconds() > checkpoint.position().getSeconds());
    }

    /** Whether it was taken before a wait for a new certificate: the old radius is used up. */
    private static boolean waits(TrainingCheckpoint checkpoint) {
      HiddenLayersPosition layers = checkpoint.position().getHiddenLayers();
      return layers.hasAround() && layers.getSigmaMin() < 0.75 * layers.getCertifiedSigmaMin();
    }

    private static List<Progress> withoutSeconds(List<Progress> progress) {
      return progress.stream().map(now -> now.toBuilder().clearSeconds().build()).toList();
    }

    /** Changes a checkpoint and expects the run not to go on from it. */
    void assertRefused(
        long step,
        UnaryOperator<TrainingPosition> position,
        UnaryOperator<List<Tensor>> tensors,
        String reason) {
      Recorder recorder = recorder().keepCheckpointsAt(step);
      train(recorder);
      TrainingCheckpoint good = recorder.checkpointAt(step);
      TrainingCheckpoint bad =
          new TrainingCheckpoint(position.apply(good.position()), tensors.apply(good.tensors()));
      Recorder silent = recorder();
      assertThatExceptionOfType(UnusableCheckpointException.class)
          .isThrownBy(() -> run.resume(bad, silent))
          .withMessageContaining(reason)
          .withMessageNotContaining("\n");
      assertThat(silent.starts).isEmpty();
    }
  }
}
