package io.fullrank.network.training;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.experiment.ExperimentFile;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Variant;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The example on generated digits, smaller, with every algorithm and every solver. */
class StrokesTrainingTest {

  private record Run(RunResult result, Recorder recorder) {

    List<Double> losses() {
      return recorder.progress.stream().map(Progress::getTrainLoss).toList();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "sgd: {batch-size: 16, nesterov: true}",
        "sgd: {batch-size: 16, warm-up-epochs: 4}",
        "adam: {batch-size: 16}",
        "adamw: {batch-size: 16}",
        "rmsprop: {batch-size: 16}",
        "gradient-descent: {learning-rate: 0.2}",
        "bcgd: {batch-size: 16, learning-rate: 0.2}"
      })
  void everyAlgorithmLearnsAndRepeatsItself(String algorithm) {
    Run run = twoPhaseRunTwice("algorithm={" + algorithm + "}", "epochs=30");

    assertThat(run.result().getGuarantee().getStatement())
        .isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT);
    assertThat(run.result().getGuarantee().getOptimalityGap())
        .isBetween(run.result().getFinalTrainLoss(), run.result().getFinalTrainLoss() + 1e-9);
    // Thirty steps of gradient descent are few.
    double part = algorithm.contains("gradient-descent") ? 0.9 : 0.5;
    assertThat(run.result().getFinalTrainLoss()).isLessThan(part * run.losses().get(0));
  }

  @ParameterizedTest
  @CsvSource({
    "gradient-descent, cross-entropy",
    "gradient-descent, squared",
    "nesterov, cross-entropy",
    "nesterov, squared"
  })
  void boundsAreKept(String solver, String loss) {
    Run run = twoPhaseRunTwice("two-phase.solver=" + solver, "loss=" + loss);

    Guarantee guarantee = run.result().getGuarantee();
    assertThat(guarantee.getSolver()).isEqualTo(solver);
    assertThat(guarantee.getStatement()).isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_BOUND);
    assertThat(guarantee.getHeld()).isTrue();
    double atSwitch =
        run.recorder().progress.stream()
            .filter(now -> now.getStep() == guarantee.getFromStep())
            .mapToDouble(Progress::getTrainLoss)
            .max()
            .orElseThrow();
    assertThat(guarantee.getLossBound()).isBetween(run.result().getFinalTrainLoss(), atSwitch);
  }

  @ParameterizedTest
  @ValueSource(strings = {"cross-entropy", "squared"})
  void nesterovIsFasterAndPromisesMore(String loss) {
    Run plain = twoPhaseRun("two-phase.solver=gradient-descent", "loss=" + loss);
    Run accelerated = twoPhaseRun("two-phase.solver=nesterov", "loss=" + loss);

    assertThat(accelerated.result().getGuarantee().getLossBound())
        .isLessThan(plain.result().getGuarantee().getLossBound());
    assertThat(accelerated.result().getFinalTrainLoss())
        .isLessThan(plain.result().getFinalTrainLoss());
  }

  @ParameterizedTest
  @ValueSource(strings = {"algorithm=sgd", "algorithm=adam"})
  void minimumNormReachesTheInfimum(String algorithm) {
    Run run = twoPhaseRunTwice("two-phase.solver=minimum-norm", "loss=squared", algorithm);

    Guarantee guarantee = run.result().getGuarantee();
    assertThat(guarantee.getStatement()).isEqualTo(GuaranteeStatement.GUARANTEE_STATEMENT_LIMIT);
    assertThat(guarantee.hasHeld()).isFalse();
    assertThat(guarantee.getOptimalityGap()).isBetween(run.result().getFinalTrainLoss(), 1e-12);
    assertThat(run.result().getTrainError()).isZero();
  }

  private static Run twoPhaseRunTwice(String... overrides) {
    Run run = twoPhaseRun(overrides);
    Run again = twoPhaseRun(overrides);
    assertThat(again.recorder().snapshots).isEqualTo(run.recorder().snapshots);
    assertThat(again.result().toBuilder().clearSeconds().build())
        .isEqualTo(run.result().toBuilder().clearSeconds().build());
    return run;
  }

  private static Run twoPhaseRun(String... overrides) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "dataset={name: strokes, train: 120, test: 100}",
                "network.widths=[24, 160]",
                "epochs=12",
                "snapshots={every-epochs: 4}"));
    all.addAll(List.of(overrides));
    ExperimentSpec spec = ExperimentFile.read(Path.of("..", "examples", "strokes.yaml"), all);
    DataSet data = DataSets.load(spec.getDataSet(), Path.of("."));
    Recorder recorder = new Recorder(spec, data);
    RunResult result = new TrainingRun(spec, Variant.VARIANT_TWO_PHASE, 1, data).train(recorder);
    assertThat(result.getReason()).isEmpty();
    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
    return new Run(result, recorder);
  }
}
