package io.fullrank.metrics.query;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.fullrank.metrics.Records;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.GeneralizationSummary;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.PairedDifference;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
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
import org.junit.jupiter.params.provider.ValueSource;

class GeneralizationComparisonTest {

  /** The lines that SciPy computed, see the script beside the file. */
  static Stream<String> oracle() throws IOException {
    return Files.readAllLines(Path.of("src/test/oracle/comparison.txt")).stream();
  }

  @ParameterizedTest
  @MethodSource("oracle")
  void agreesWithSciPy(String line) {
    String[] fields = line.split(" \\| ", -1);
    double[] expected = Arrays.stream(fields).skip(6).mapToDouble(Double::parseDouble).toArray();
    List<Run> runs = new ArrayList<>();
    addRuns(runs, Variant.VARIANT_BASE, Arrays.copyOfRange(fields, 0, 3), expected[0]);
    addRuns(runs, Variant.VARIANT_TWO_PHASE, Arrays.copyOfRange(fields, 3, 6), expected[0]);
    Collections.shuffle(runs, new Random(1));

    Comparison comparison = GeneralizationComparison.of("e", runs);

    GeneralizationSummary base = comparison.getBase();
    GeneralizationSummary twoPhase = comparison.getTwoPhase();
    assertThat(comparison.getEquivalenceMargin()).isEqualTo(expected[0]);
    assertThat(base.getMeanTestError()).isCloseTo(expected[1], within(1e-15));
    assertThat(base.getStdTestError()).isCloseTo(expected[2], within(1e-15));
    assertThat(twoPhase.getMeanTestError()).isCloseTo(expected[3], within(1e-15));
    assertThat(twoPhase.getStdTestError()).isCloseTo(expected[4], within(1e-15));
    assertThat(base.getMeanTrainLoss()).isCloseTo(expected[5], within(1e-15));
    assertThat(base.getStdTrainLoss()).isCloseTo(expected[6], within(1e-15));
    assertThat(twoPhase.getMeanTrainLoss()).isCloseTo(expected[7], within(1e-15));
    assertThat(twoPhase.getStdTrainLoss()).isCloseTo(expected[8], within(1e-15));
    assertThat(base.getMeanSeconds()).isCloseTo(expected[9], within(1e-12));
    assertThat(twoPhase.getMeanSeconds()).isCloseTo(expected[10], within(1e-12));
    assertThat(comparison.getWallTimeRatio()).isCloseTo(expected[11], within(1e-12));
    assertThat(comparison.getDifference().getMean()).isCloseTo(expected[12], within(1e-15));
    assertThat(comparison.getDifference().getCi95Low()).isCloseTo(expected[13], within(1e-12));
    assertThat(comparison.getDifference().getCi95High()).isCloseTo(expected[14], within(1e-12));
    assertThat(comparison.getEquivalent()).isEqualTo(expected[15] < 0.05);
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
                .setSpec(spec(0.01))
                .setBase(GeneralizationSummary.newBuilder().setRuns(1))
                .setTwoPhase(GeneralizationSummary.newBuilder().setRuns(1).setWithoutTestError(1))
                .setDifference(PairedDifference.getDefaultInstance())
                .setEquivalenceMargin(0.01)
                .build());
  }

  @Test
  void pairsRunsWhereverTheyWereTrainedAndSaysHowManyToldNoTestError() {
    Run.Builder silent = external(run(Variant.VARIANT_TWO_PHASE, 2, 0.5, 0.01)).toBuilder();
    silent.getResultBuilder().clearTestError();
    Comparison comparison =
        GeneralizationComparison.of(
            "e",
            List.of(
                run(Variant.VARIANT_BASE, 1, 0.5, 0.01),
                run(Variant.VARIANT_BASE, 2, 0.5, 0.01),
                external(run(Variant.VARIANT_TWO_PHASE, 1, 0.25, 0.01)),
                silent.build()));

    assertThat(comparison.getDifference())
        .isEqualTo(PairedDifference.newBuilder().setPairs(1).setMean(-0.25).build());
    assertThat(comparison.getTwoPhase().getMeanTestError()).isEqualTo(0.25);
    assertThat(comparison.getTwoPhase().getSeeds()).isEqualTo(1);
    assertThat(comparison.getTwoPhase().getWithoutTestError()).isEqualTo(1);
    assertThat(comparison.getBase().getWithoutTestError()).isZero();
  }

  private static Run external(Run run) {
    RunRequest own = run.getRequest();
    return run.toBuilder()
        .setRequest(
            Records.external(own.getRun(), own.getExperiment(), own.getVariant(), own.getSeed()))
        .build();
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
                .setSpec(spec(0.01))
                .setBase(
                    GeneralizationSummary.newBuilder()
                        .setRuns(1)
                        .setSeeds(1)
                        .setMeanTestError(0.5)
                        .setMeanTrainLoss(0.0625)
                        .setMeanSeconds(8))
                .setTwoPhase(
                    GeneralizationSummary.newBuilder()
                        .setRuns(1)
                        .setSeeds(1)
                        .setMeanTestError(0.25)
                        .setMeanTrainLoss(0.0625)
                        .setMeanSeconds(8))
                .setWallTimeRatio(1)
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

  @Test
  void leavesOutThePairOfARunThatDidNotFinish() {
    Run cancelled =
        run(Variant.VARIANT_TWO_PHASE, 2, 0.5, 0.01).toBuilder()
            .setState(RunState.RUN_STATE_CANCELLED)
            .build();
    Comparison comparison =
        GeneralizationComparison.of(
            "e",
            List.of(
                timed(run(Variant.VARIANT_BASE, 1, 0.5, 0.01), 4),
                timed(run(Variant.VARIANT_BASE, 2, 0.25, 0.01), 100),
                timed(run(Variant.VARIANT_TWO_PHASE, 1, 0.5, 0.01), 2),
                timed(cancelled, 1)));

    assertThat(comparison.getBase().getSeeds()).isEqualTo(2);
    assertThat(comparison.getBase().getMeanSeconds()).isEqualTo(52);
    assertThat(comparison.getTwoPhase().getSeeds()).isEqualTo(1);
    assertThat(comparison.getTwoPhase().getRuns()).isEqualTo(2);
    assertThat(comparison.getTwoPhase().hasStdTestError()).isFalse();
    assertThat(comparison.getDifference())
        .isEqualTo(PairedDifference.newBuilder().setPairs(1).setMean(0).build());
    assertThat(comparison.hasEquivalent()).isFalse();
    assertThat(comparison.getWallTimeRatio()).isEqualTo(0.5);
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
  void doesNotCountATestErrorThatIsNoNumber(double testError) {
    Comparison comparison =
        GeneralizationComparison.of(
            "e",
            List.of(
                run(Variant.VARIANT_BASE, 1, 0.5, 0.01),
                run(Variant.VARIANT_BASE, 2, testError, 0.01),
                run(Variant.VARIANT_TWO_PHASE, 1, 0.25, 0.01),
                run(Variant.VARIANT_TWO_PHASE, 2, 0.25, 0.01)));

    assertThat(comparison.getBase().getSeeds()).isEqualTo(1);
    assertThat(comparison.getBase().getRuns()).isEqualTo(2);
    assertThat(comparison.getDifference().getPairs()).isEqualTo(1);
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, 1e308})
  void leavesOutTheMomentsOfALossThatHasNone(double loss) {
    Run.Builder run = run(Variant.VARIANT_BASE, 1, 0.5, 0.01).toBuilder();
    run.getResultBuilder().setFinalTrainLoss(loss);
    Run.Builder unsaid = run(Variant.VARIANT_TWO_PHASE, 1, 0.5, 0.01).toBuilder();
    unsaid.getResultBuilder().clearFinalTrainLoss();

    Comparison comparison =
        GeneralizationComparison.of(
            "e",
            List.of(
                run.build(),
                run(Variant.VARIANT_BASE, 2, 0.5, 0.01),
                unsaid.build(),
                run(Variant.VARIANT_TWO_PHASE, 2, 0.5, 0.01)));

    assertThat(comparison.getBase().getSeeds()).isEqualTo(2);
    assertThat(comparison.getBase().hasMeanTrainLoss()).isEqualTo(Double.isFinite(loss));
    assertThat(comparison.getBase().hasStdTrainLoss()).isFalse();
    assertThat(comparison.getTwoPhase().hasMeanTrainLoss()).isFalse();
    assertThat(comparison.getTwoPhase().hasStdTrainLoss()).isFalse();
  }

  @Test
  void statesNoRatioOfTimesThatARunDidNotTell() {
    Comparison comparison =
        GeneralizationComparison.of(
            "e",
            List.of(
                timed(run(Variant.VARIANT_BASE, 1, 0.5, 0.01), 0),
                timed(run(Variant.VARIANT_TWO_PHASE, 1, 0.5, 0.01), 3)));

    assertThat(comparison.hasWallTimeRatio()).isFalse();
    assertThat(comparison.getBase().hasMeanSeconds()).isFalse();
    assertThat(comparison.getTwoPhase().getMeanSeconds()).isEqualTo(3);
  }

  @Test
  void countsTheWitnessOfTwoPhaseRunsAndTheNewestStepOfBaseRuns() {
    Verdict certified = verdict(Outcome.OUTCOME_CERTIFIED, 0.5);
    Verdict refuted = verdict(Outcome.OUTCOME_REFUTED, 0);
    Run base = run(Variant.VARIANT_BASE, 1, 0.5, 0.01);
    Run twoPhase = run(Variant.VARIANT_TWO_PHASE, 1, 0.5, 0.01);
    Comparison comparison =
        GeneralizationComparison.of(
            "e",
            List.of(
                base,
                withVerdicts(base, certified, null),
                withVerdicts(base, verdict(Outcome.OUTCOME_CERTIFIED, 0.25), null),
                withVerdicts(base, refuted, null),
                withVerdicts(base, verdict(Outcome.OUTCOME_UNDETERMINED, 0), null),
                withVerdicts(twoPhase, certified, null),
                withVerdicts(twoPhase, certified, refuted),
                withVerdicts(twoPhase, refuted, verdict(Outcome.OUTCOME_CERTIFIED, 0.125))));

    GeneralizationSummary ofBase = comparison.getBase();
    assertThat(ofBase.getRuns()).isEqualTo(5);
    assertThat(ofBase.getCertified()).isEqualTo(2);
    assertThat(ofBase.getRefuted()).isEqualTo(1);
    assertThat(ofBase.getUndetermined()).isEqualTo(1);
    assertThat(ofBase.getSigmaMinLowerBound()).isEqualTo(0.25);
    GeneralizationSummary ofTwoPhase = comparison.getTwoPhase();
    assertThat(ofTwoPhase.getRuns()).isEqualTo(3);
    assertThat(ofTwoPhase.getCertified()).isEqualTo(1);
    assertThat(ofTwoPhase.getRefuted()).isEqualTo(1);
    assertThat(ofTwoPhase.getSigmaMinLowerBound()).isEqualTo(0.125);
  }

  @Test
  void statesNoBoundThatOneOfTheCertifiedLacks() {
    Run base = run(Variant.VARIANT_BASE, 1, 0.5, 0.01);
    Comparison comparison =
        GeneralizationComparison.of(
            "e",
            List.of(
                withVerdicts(base, verdict(Outcome.OUTCOME_CERTIFIED, 0.25), null),
                withVerdicts(base, verdict(Outcome.OUTCOME_CERTIFIED, 0), null)));

    assertThat(comparison.getBase().getCertified()).isEqualTo(2);
    assertThat(comparison.getBase().hasSigmaMinLowerBound()).isFalse();
  }

  private static Run timed(Run run, double seconds) {
    Run.Builder timed = run.toBuilder();
    timed.getResultBuilder().setSeconds(seconds);
    return timed.build();
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

  private static void addRuns(List<Run> runs, Variant variant, String[] lists, double margin) {
    double[][] numbers =
        Arrays.stream(lists)
            .map(list -> Arrays.stream(list.split(" ")).mapToDouble(Double::parseDouble).toArray())
            .toArray(double[][]::new);
    for (int i = 0; i < numbers[0].length; i++) {
      Run.Builder run = run(variant, i + 1, numbers[0][i], margin).toBuilder();
      run.getResultBuilder().setFinalTrainLoss(numbers[1][i]).setSeconds(numbers[2][i]);
      runs.add(run.build());
    }
  }

  private static ExperimentSpec spec(double margin) {
    return Records.request("r", "e", Variant.VARIANT_BASE, 1).getSpec().toBuilder()
        .setEquivalenceMargin(margin)
        .build();
  }

  private static Run run(Variant variant, long seed, double testError, double margin) {
    return Run.newBuilder()
        .setRequest(Records.request("r", "e", variant, seed).toBuilder().setSpec(spec(margin)))
        .setState(RunState.RUN_STATE_FINISHED)
        .setResult(
            RunResult.newBuilder().setTestError(testError).setFinalTrainLoss(0.0625).setSeconds(8))
        .build();
  }

  private static Run withVerdicts(Run run, Verdict latest, Verdict witness) {
    Run.Builder changed = run.toBuilder().setLatestVerdict(latest);
    return witness == null ? changed.build() : changed.setWitnessVerdict(witness).build();
  }

  private static Verdict verdict(Outcome outcome, double sigmaMin) {
    Verdict.Builder verdict = Records.verdict("r", 1, 10, outcome).toBuilder();
    Certificate.Builder certificate = verdict.getCertificateBuilder();
    return (sigmaMin > 0
            ? verdict.setCertificate(certificate.setSigmaMinLowerBound(sigmaMin))
            : verdict.setCertificate(certificate.clearSigmaMinLowerBound()))
        .build();
  }
}
