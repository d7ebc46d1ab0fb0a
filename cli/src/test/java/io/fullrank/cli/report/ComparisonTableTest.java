package io.fullrank.cli.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.cli.SampleRuns;
import io.fullrank.proto.v1.Augmentation;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.DataSetSpec;
import io.fullrank.proto.v1.GeneralizationSummary;
import io.fullrank.proto.v1.LabelNoise;
import io.fullrank.proto.v1.PairedDifference;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.Variant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ComparisonTableTest {

  /** On augmented pictures, with random labels, and with one seed left of three. */
  private static final Comparison POOR =
      comparison(
              DataSetSpec.newBuilder()
                  .setName("cifar-10")
                  .setAugmentation(
                      Augmentation.newBuilder().setCropPadding(4).setHorizontalFlip(true))
                  .setLabelNoise(LabelNoise.newBuilder().setProbability(0.5).setSeed(1)))
          .setBase(
              GeneralizationSummary.newBuilder()
                  .setRuns(3)
                  .setSeeds(1)
                  .setMeanTestError(0.25)
                  .setCertified(2)
                  .setUndetermined(1))
          .setTwoPhase(GeneralizationSummary.newBuilder().setRuns(3))
          .clearWallTimeRatio()
          .clearEquivalent()
          .setDifference(PairedDifference.getDefaultInstance())
          .build();

  @Test
  void hasARowForEachVariant() {
    assertThat(String.join("\n", lines(TableFormat.MARKDOWN, SampleRuns.comparison(), POOR)))
        .isEqualTo(
            """
            | experiment | data set | augmentation | variant | seeds | test error | train loss | time ratio | certificate | trained by | difference in points (95% confidence) | equivalent |
            | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
            | strokes-0a1b2c | strokes (600 rows) | no | base | 2 | 7.3% ± 0.4 | 0.015 |  | CERTIFIED 2 of 2, σ_min ≥ 0.0123 | fullrank |  |  |
            | strokes-0a1b2c | strokes (600 rows) | no | two-phase | 2 | 7.1% ± 0.5 | 0.013 | 0.89 | CERTIFIED 2 of 2, σ_min ≥ 0.00199 | fullrank | −0.2 (−0.5 to +0.1) | within 0.5 points: yes |
            | strokes-0a1b2c | cifar-10 (random labels 0.5) | crop 4, flip | base | 1 of 3 | 25.0% | — |  | CERTIFIED 2 of 3, UNDETERMINED 1 of 3 | fullrank |  |  |
            | strokes-0a1b2c | cifar-10 (random labels 0.5) | crop 4, flip | two-phase | 0 of 3 | — | — | — | — | fullrank |  | within 0.5 points: too few seeds to say |""");
  }

  @Test
  void alignsColumnsForATerminal() {
    List<String> lines = lines(TableFormat.TEXT, SampleRuns.comparison());

    assertThat(lines).hasSize(3);
    int variant = lines.get(0).indexOf("variant");
    assertThat(lines.get(1).substring(variant)).startsWith("base ");
    assertThat(lines.get(2).substring(variant)).startsWith("two-phase ");
  }

  @Test
  void givesAllFiguresAsTheServiceComputedThem() {
    assertThat(String.join("\n", lines(TableFormat.CSV, SampleRuns.comparison(), POOR)))
        .isEqualTo(
            """
            experiment,data_set,train_size,crop_padding,horizontal_flip,label_noise,variant,runs,seeds,mean_test_error,std_test_error,mean_train_loss,std_train_loss,mean_seconds,certified,refuted,undetermined,sigma_min_lower_bound,wall_time_ratio,pairs,mean_difference,ci95_low,ci95_high,equivalence_margin,equivalent,without_test_error,features,trained_by
            strokes-0a1b2c,strokes,600,0,false,,base,2,2,0.073,0.004,0.015,0.005,20.5,2,0,0,0.0123456,0.8902439,2,-0.002,-0.005,0.001,0.005,true,0,recomputed,fullrank
            strokes-0a1b2c,strokes,600,0,false,,two-phase,2,2,0.071,0.005,0.013,0.001,18.25,2,0,0,0.0019999,0.8902439,2,-0.002,-0.005,0.001,0.005,true,0,,fullrank
            strokes-0a1b2c,cifar-10,0,4,true,0.5,base,3,1,0.25,,,,,2,0,1,,,0,,,,0.005,,0,recomputed,fullrank
            strokes-0a1b2c,cifar-10,0,4,true,0.5,two-phase,3,0,,,,,,0,0,0,,,0,,,,0.005,,0,,fullrank""");
  }

  @Test
  void saysNothingOfAPairWhereThereIsOneVariant() {
    Comparison single =
        SampleRuns.comparison().toBuilder()
            .clearBase()
            .clearDifference()
            .clearEquivalent()
            .clearWallTimeRatio()
            .build();

    assertThat(lines(TableFormat.MARKDOWN, single))
        .hasSize(3)
        .last()
        .asString()
        .contains("two-phase")
        .endsWith("|  |  |");
  }

  private static Comparison.Builder comparison(DataSetSpec.Builder dataSet) {
    Comparison.Builder comparison = SampleRuns.comparison().toBuilder();
    comparison.getSpecBuilder().setDataSet(dataSet);
    return comparison;
  }

  @Test
  void saysWhatTrainedTheRunsAndWhereTheirFeaturesComeFrom() {
    Run own = SampleRuns.finished(Variant.VARIANT_BASE, 1, 0.1, 0.1);
    Run external = SampleRuns.external(Variant.VARIANT_TWO_PHASE, 1);
    Comparison comparison =
        SampleRuns.comparison().toBuilder()
            .setTwoPhase(
                GeneralizationSummary.newBuilder()
                    .setRuns(1)
                    .setCertified(1)
                    .setWithoutTestError(1))
            .build();
    List<ExperimentResult> mixed =
        List.of(new ExperimentResult(comparison, List.of(own, external)));

    assertThat(new ComparisonTable(mixed).lines(TableFormat.MARKDOWN).get(2))
        .contains("σ_min ≥ 0.0123 | fullrank |");
    assertThat(new ComparisonTable(mixed).lines(TableFormat.MARKDOWN).get(3))
        .contains("CERTIFIED 1 of 1 (features as computed by the client) | torch 2.13.0, cpu |");
    assertThat(new ComparisonTable(mixed).lines(TableFormat.CSV).get(2))
        .endsWith("true,1,client,\"torch 2.13.0, cpu\"");
  }

  private static List<String> lines(TableFormat format, Comparison... comparisons) {
    List<Run> runs =
        List.of(
            SampleRuns.finished(Variant.VARIANT_BASE, 1, 0.1, 0.1),
            SampleRuns.pending(Variant.VARIANT_TWO_PHASE, 1));
    return new ComparisonTable(
            Stream.of(comparisons)
                .map(comparison -> new ExperimentResult(comparison, runs))
                .toList())
        .lines(format);
  }
}
