package io.fullrank.network.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

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
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The example experiment on real data, with fewer epochs. */
class SemeionTrainingTest {

  @ParameterizedTest
  @CsvSource({"base, GUARANTEE_STATEMENT_LIMIT", "gradient-descent, GUARANTEE_STATEMENT_BOUND"})
  void trainsToACertifiedNetwork(String solver, GuaranteeStatement statement) {
    Path folder = Path.of(System.getProperty("fullrank.shared.data", ""));
    assumeTrue(Files.isDirectory(folder.resolve("semeion")), "the shared data sets are not here");
    ExperimentSpec spec =
        ExperimentFile.read(
            Path.of("..", "examples", "semeion-fc.yaml"),
            List.of("epochs=10", "two-phase.solver=" + solver));
    DataSet data = DataSets.load(spec.getDataSet(), folder);
    Recorder recorder = new Recorder(spec, data);

    RunResult result = new TrainingRun(spec, Variant.VARIANT_TWO_PHASE, 1, data).train(recorder);

    assertThat(result.getState()).isEqualTo(RunState.RUN_STATE_FINISHED);
    assertThat(result.getTrainError()).isLessThan(0.05);
    assertThat(result.getTestError()).isBetween(0.03, 0.2);
    Guarantee guarantee = result.getGuarantee();
    assertThat(guarantee.getStatement()).isEqualTo(statement);
    assertThat(guarantee.getOptimalityGap()).isPositive().isLessThan(0.2);
    if (statement == GuaranteeStatement.GUARANTEE_STATEMENT_BOUND) {
      assertThat(guarantee.getHeld()).isTrue();
      double atSwitch =
          recorder.progress.stream()
              .filter(now -> now.getStep() == guarantee.getFromStep())
              .mapToDouble(Progress::getTrainLoss)
              .max()
              .orElseThrow();
      assertThat(guarantee.getLossBound()).isBetween(result.getFinalTrainLoss(), atSwitch);
    }
  }
}
