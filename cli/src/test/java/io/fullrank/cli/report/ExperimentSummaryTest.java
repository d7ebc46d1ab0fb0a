package io.fullrank.cli.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.cli.SampleRuns;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.GeneralizationSummary;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.util.List;
import org.junit.jupiter.api.Test;

class ExperimentSummaryTest {

  @Test
  void comparesCertifiesAndSaysWhetherTheGuaranteeHeld() {
    List<Run> runs =
        List.of(
            SampleRuns.finished(Variant.VARIANT_BASE, 1, 0.01, 0.07),
            SampleRuns.finishedTwoPhase(1, 0.012, 0.07, SampleRuns.bound(0.1201, 0.012, true)),
            SampleRuns.finished(Variant.VARIANT_BASE, 2, 0.02, 0.076),
            SampleRuns.finishedTwoPhase(2, 0.014, 0.072, SampleRuns.limit(0.0140001)));

    assertThat(String.join("\n", lines(runs, SampleRuns.comparison())))
        .isEqualTo(
            """
            Experiment strokes-0a1b2c: strokes, 600 training and 1000 test examples, hidden layers of 64, 768

                          seeds   test error   train loss   certificate
              base        2       7.3% ± 0.4   0.015        CERTIFIED 2 of 2, σ_min ≥ 0.0123
              two-phase   2       7.1% ± 0.5   0.013        CERTIFIED 2 of 2, σ_min ≥ 0.00199
              difference −0.2 points (95% confidence: −0.5 to +0.1, 2 pairs of runs); equivalent within 0.5 points: yes
              two-phase runs took 0.89 times as long as base runs

            Two-phase runs: the features at the switch, and what follows for phase 2
              seed 1   CERTIFIED 600 × 769, σ_min ≥ 0.00199, σ_max ≤ 482, step 240   bound: loss ≤ 0.121 at step 400; held, the loss is 0.012
              seed 2   CERTIFIED 600 × 769, σ_min ≥ 0.00199, σ_max ≤ 482, step 240   limit: the output layer alone can approach the infimum of the training loss; the final loss is at most 0.0141 above it

            Snapshots: 40 published, 28 checked, 8 skipped, 4 dropped, 0 lost""");
  }

  @Test
  void saysWhatAnExternalRunIsAndWhatItsProgramDidNotMeasure() {
    Comparison comparison =
        SampleRuns.comparison().toBuilder()
            .setTwoPhase(
                GeneralizationSummary.newBuilder()
                    .setRuns(1)
                    .setCertified(1)
                    .setWithoutTestError(1))
            .clearDifference()
            .clearWallTimeRatio()
            .build();

    assertThat(
            String.join(
                "\n",
                lines(
                    List.of(
                        SampleRuns.external(Variant.VARIANT_TWO_PHASE, 1),
                        SampleRuns.finished(Variant.VARIANT_BASE, 1, 0.01, 0.07)),
                    comparison)))
        .isEqualTo(
            """
            Experiment strokes-0a1b2c: semeion, 1000 training examples, Net$1 in torch 2.13.0, cpu, last hidden layer of 1280; hidden layers of 64, 768
              trained outside Fullrank by torch 2.13.0, cpu with AdamW (lr 0.001, weight_decay 0.01); 2 layers of 99648 parameters; operators below the output layer: not analytic: relu; features as computed by the client
              warning: 257 + 1 < 1000: it can only be refuted
              strokes-0a1b2c.two-phase.1 is stalled: nothing heard since 2027-01-15T08:00:00Z

                          seeds    test error   train loss   certificate
              base        2        7.3% ± 0.4   0.015        CERTIFIED 2 of 2, σ_min ≥ 0.0123
              two-phase   0 of 1   —            —            CERTIFIED 1 of 1
              finished runs without a test error, which the comparison leaves out: 1 two-phase

            Two-phase runs: the features at the switch, and what follows for phase 2
              seed 1   CERTIFIED 600 × 769, σ_min ≥ 0.105, σ_max ≤ 482, step 240, features as computed by the client   no guarantee was stated

            Snapshots: 10 published, 7 checked, 2 skipped, 1 dropped, 0 lost""");
  }

  @Test
  void saysWhoStatesTheGuaranteeOfAnExternalRun() {
    Run run =
        SampleRuns.external(Variant.VARIANT_TWO_PHASE, 1).toBuilder()
            .setGuarantee(SampleRuns.bound(0.12, 0.1, true))
            .build();

    assertThat(lines(List.of(run), SampleRuns.comparison()))
        .anySatisfy(line -> assertThat(line).contains("; held").endsWith(", as the client states"));
  }

  @Test
  void describesTheNetwork() {
    assertThat(subject(SampleRuns.RESIDUAL))
        .endsWith("strokes, residual network of 8, 16 channels and a hidden layer of 600");
    assertThat(subject(SampleRuns.DU)).endsWith("strokes, du-resnet with 3 hidden layers of 700");
  }

  private static String subject(NetworkSpec.Builder network) {
    ExperimentSpec spec = SampleRuns.SPEC.toBuilder().setNetwork(network).build();
    return new ExperimentSummary(
            SampleRuns.EXPERIMENT, spec, List.of(), Comparison.getDefaultInstance())
        .lines()
        .get(0);
  }

  @Test
  void namesTheOutcomesOfOtherChecksInOneLine() {
    Run judged =
        SampleRuns.finished(Variant.VARIANT_BASE, 1, 0.3, 0.2).toBuilder()
            .addLatestVerdicts(SampleRuns.certified(400, 0.1, 2))
            .addLatestVerdicts(
                SampleRuns.certified(400, 0.1, 2).toBuilder().setCheck("tangent-kernel"))
            .addLatestVerdicts(Verdict.newBuilder().setCheck("collapse"))
            .build();
    Run refuted =
        SampleRuns.finished(Variant.VARIANT_BASE, 2, 0.3, 0.2).toBuilder()
            .addLatestVerdicts(SampleRuns.refuted(400, "no").toBuilder().setCheck("tangent-kernel"))
            .build();

    assertThat(lines(List.of(judged, refuted), Comparison.getDefaultInstance()))
        .contains(
            "  other checks, runs by latest outcome: collapse measured 1; tangent-kernel CERTIFIED"
                + " 1, REFUTED 1");
    assertThat(
            lines(
                List.of(SampleRuns.finished(Variant.VARIANT_BASE, 1, 0.3, 0.2)),
                Comparison.getDefaultInstance()))
        .noneMatch(line -> line.contains("other checks"));
  }

  @Test
  void saysPlainlyThatACertificateWasRefused() {
    Run run =
        SampleRuns.finished(Variant.VARIANT_TWO_PHASE, 1, 0.3, 0.2).toBuilder()
            .setWitnessVerdict(SampleRuns.refuted(240, "65 columns cannot carry 600 rows"))
            .build();

    Comparison comparison =
        Comparison.newBuilder()
            .setTwoPhase(
                GeneralizationSummary.newBuilder()
                    .setRuns(3)
                    .setSeeds(3)
                    .setCertified(1)
                    .setRefuted(1)
                    .setUndetermined(1)
                    .setSigmaMinLowerBound(0.25))
            .build();

    assertThat(lines(List.of(run), comparison))
        .anySatisfy(
            line ->
                assertThat(line)
                    .contains("two-phase")
                    .endsWith(
                        "CERTIFIED 1 of 3, REFUTED 1 of 3, UNDETERMINED 1 of 3, σ_min ≥ 0.25"))
        .anySatisfy(
            line ->
                assertThat(line)
                    .contains("seed 1")
                    .contains("REFUTED: 65 columns cannot carry 600 rows")
                    .contains("no guarantee was stated"));
  }

  @Test
  void saysLoudlyThatABoundDidNotHold() {
    Run run = SampleRuns.finishedTwoPhase(1, 0.3, 0.2, SampleRuns.bound(0.12, 0.3, false));

    assertThat(lines(List.of(run), SampleRuns.comparison()))
        .anySatisfy(line -> assertThat(line).contains("DID NOT HOLD, the loss is 0.3"));
  }

  @Test
  void leavesOutWhatAnExperimentOfOneVariantCannotCompare() {
    Comparison comparison =
        Comparison.newBuilder()
            .setBase(
                GeneralizationSummary.newBuilder().setRuns(1).setSeeds(1).setMeanTestError(0.07))
            .build();

    List<String> lines =
        lines(List.of(SampleRuns.finished(Variant.VARIANT_BASE, 1, 0.01, 0.07)), comparison);

    assertThat(lines)
        .noneMatch(line -> line.contains("two-phase"))
        .noneMatch(line -> line.contains("difference"))
        .anySatisfy(line -> assertThat(line).contains("base").contains("7.0%"));
    assertThat(lines).noneMatch(line -> line.contains("±"));
  }

  @Test
  void namesWhatFailedAndHowManySeedsAreLeft() {
    Run failed =
        SampleRuns.running(Variant.VARIANT_TWO_PHASE, 2, 30).toBuilder()
            .setState(RunState.RUN_STATE_FAILED)
            .setResult(RunResult.newBuilder().setReason("the loss is not a number"))
            .build();
    Comparison comparison =
        Comparison.newBuilder()
            .setTwoPhase(
                GeneralizationSummary.newBuilder().setRuns(2).setSeeds(1).setMeanTestError(0.07))
            .build();

    assertThat(
            lines(
                List.of(SampleRuns.finishedTwoPhase(1, 0.1, 0.07, SampleRuns.limit(0.1)), failed),
                comparison))
        .anySatisfy(line -> assertThat(line).contains("1 of 2"))
        .anySatisfy(
            line ->
                assertThat(line)
                    .contains("seed 2")
                    .contains("no verdict")
                    .contains("FAILED: the loss is not a number"))
        .anySatisfy(line -> assertThat(line).contains("1 lost"));
  }

  private static List<String> lines(List<Run> runs, Comparison comparison) {
    return new ExperimentSummary(SampleRuns.EXPERIMENT, SampleRuns.SPEC, runs, comparison).lines();
  }
}
