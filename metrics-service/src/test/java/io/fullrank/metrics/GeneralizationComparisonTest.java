package io.fullrank.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.GeneralizationSummary;
import io.fullrank.proto.v1.PairedDifference;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Variant;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class GeneralizationComparisonTest {

  /** The lines that SciPy computed, see the script beside the file. */
  static Stream<String> oracle() throws IOException {
    return Files.readAllLines(Path.of("src/test/oracle/comparison.txt")).stream();
  }

  @ParameterizedTest
  @MethodSource("oracle")
  void agreesWithSciPy(String line) {
    String[] fields = line.split(" \\| ", -1);
    double[] expected = Arrays.stream(fields).skip(2).mapToDouble(Double::parseDouble).toArray();
    List<Run> runs = new ArrayList<>();
    addRuns(runs, Variant.VARIANT_BASE, fields[0], expected[0]);
    addRuns(runs, Variant.VARIANT_TWO_PHASE, fields[1], expected[0]);
    Collections.shuffle(runs, new Random(1));

    Comparison comparison = GeneralizationComparison.of("e", runs);

    assertThat(comparison.getEquivalenceMargin()).isEqualTo(expected[0]);
    assertThat(comparison.getBase().getMeanTestError()).isCloseTo(expected[1], within(1e-15));
    assertThat(comparison.getBase().getStdTestError()).isCloseTo(expected[2], within(1e-15));
    assertThat(comparison.getTwoPhase().getMeanTestError()).isCloseTo(expected[3], within(1e-15));
    assertThat(comparison.getTwoPhase().getStdTestError()).isCloseTo(expected[4], within(1e-15));
    assertThat(comparison.getDifference().getMean()).isCloseTo(expected[5], within(1e-15));
    assertThat(comparison.getDifference().getCi95Low()).isCloseTo(expected[6], within(1e-9));
    assertThat(comparison.getDifference().getCi95High()).isCloseTo(expected[7], within(1e-9));
    assertThat(comparison.getEquivalent()).isEqualTo(expected[8] < 0.05);
  }

  @Test
  void leavesOutWhatNoSeedDefines() {
    Comparison comparison =
        GeneralizationComparison.of(
            "e",
            List.of(
                run(Variant.VARIANT_BASE, 1, 0.1, 0.01).toBuilder()
                    .setState(RunState.RUN_STATE_FAILED)
                    .build(),
                run(Variant.VARIANT_TWO_PHASE, 1, Double.NaN, 0.01)));

    assertThat(comparison)
        .isEqualTo(
            Comparison.newBuilder()
                .setExperiment("e")
                .setBase(GeneralizationSummary.getDefaultInstance())
                .setTwoPhase(GeneralizationSummary.getDefaultInstance())
                .setDifference(PairedDifference.getDefaultInstance())
                .setEquivalenceMargin(0.01)
                .build());
  }

  @Test
  void leavesOutWhatOneSeedDoesNotDefine() {
    Comparison comparison =
        GeneralizationComparison.of(
            "e",
            List.of(
                run(Variant.VARIANT_BASE, 7, 0.5, 0.01),
                run(Variant.VARIANT_TWO_PHASE, 7, 0.25, 0.01)));

    assertThat(comparison)
        .isEqualTo(
            Comparison.newBuilder()
                .setExperiment("e")
                .setBase(GeneralizationSummary.newBuilder().setSeeds(1).setMeanTestError(0.5))
                .setTwoPhase(GeneralizationSummary.newBuilder().setSeeds(1).setMeanTestError(0.25))
                .setDifference(PairedDifference.newBuilder().setPairs(1).setMean(-0.25))
                .setEquivalenceMargin(0.01)
                .build());
  }

  @Test
  void pairsOnlySeedsThatBothVariantsHave() {
    Comparison comparison =
        GeneralizationComparison.of(
            "e",
            List.of(
                run(Variant.VARIANT_BASE, 1, 0.5, 0.01),
                run(Variant.VARIANT_BASE, 2, 0.25, 0.01),
                run(Variant.VARIANT_TWO_PHASE, 2, 0.5, 0.01),
                run(Variant.VARIANT_TWO_PHASE, 3, 0.125, 0.01)));

    assertThat(comparison.getBase().getSeeds()).isEqualTo(2);
    assertThat(comparison.getTwoPhase().getSeeds()).isEqualTo(2);
    assertThat(comparison.getDifference())
        .isEqualTo(PairedDifference.newBuilder().setPairs(1).setMean(0.25).build());
    assertThat(comparison.hasEquivalent()).isFalse();
  }

  @Test
  void equalDifferencesCollapseTheInterval() {
    Comparison within = withDifference(0.0078125, 0.01);
    assertThat(within.getDifference())
        .isEqualTo(
            PairedDifference.newBuilder()
                .setPairs(2)
                .setMean(0.0078125)
                .setCi95Low(0.0078125)
                .setCi95High(0.0078125)
                .build());
    assertThat(within.getEquivalent()).isTrue();

    assertThat(withDifference(0.0, 0.01).getEquivalent()).isTrue();
    Comparison atTheMargin = withDifference(0.0078125, 0.0078125);
    assertThat(atTheMargin.hasEquivalent()).isTrue();
    assertThat(atTheMargin.getEquivalent()).isFalse();
  }

  @Test
  void usesHalfAPointWhereNoMarginIsStated() {
    assertThat(withDifference(0.0, 0).getEquivalenceMargin()).isEqualTo(0.005);
  }

  private static Comparison withDifference(double difference, double margin) {
    return GeneralizationComparison.of(
        "e",
        List.of(
            run(Variant.VARIANT_BASE, 1, 0.25, margin),
            run(Variant.VARIANT_BASE, 2, 0.5, margin),
            run(Variant.VARIANT_TWO_PHASE, 1, 0.25 + difference, margin),
            run(Variant.VARIANT_TWO_PHASE, 2, 0.5 + difference, margin)));
  }

  private static void addRuns(List<Run> runs, Variant variant, String errors, double margin) {
    long seed = 1;
    for (String error : errors.split(" ", -1)) {
      runs.add(run(variant, seed++, Double.parseDouble(error), margin));
    }
  }

  private static Run run(Variant variant, long seed, double testError, double margin) {
    return Run.newBuilder()
        .setRequest(
            Records.request("r", "e", variant, seed).toBuilder()
                .setSpec(
                    Records.request("r", "e", variant, seed).getSpec().toBuilder()
                        .setEquivalenceMargin(margin)))
        .setState(RunState.RUN_STATE_FINISHED)
        .setResult(RunResult.newBuilder().setTestError(testError))
        .build();
  }
}
