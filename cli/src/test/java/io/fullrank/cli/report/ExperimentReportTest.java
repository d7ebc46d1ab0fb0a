package io.fullrank.cli.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.collect.ImmutableList;
import io.fullrank.cli.SampleRuns;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.NetworkSpec;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleCondition;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Statement;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExperimentReportTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  @Test
  void writesAnExperimentAsTheGoldenFileHasIt() throws Exception {
    List<Run> runs =
        List.of(
            SampleRuns.finished(Variant.VARIANT_BASE, 1, 0.015, 0.07),
            SampleRuns.finishedTwoPhase(1, 0.012, 0.0731, SampleRuns.bound(0.12, 0.012, true)),
            SampleRuns.finishedTwoPhase(2, 0.013, 0.068, SampleRuns.limit(0.013)));

    String json = report(runs, SampleRuns.comparison()).toJson();

    assertThat(JSON.readTree(json)).isEqualTo(golden("report.json"));
    assertThat(json).containsSubsequence("experiment", "dataset", "network", "runs", "comparison");
  }

  @Test
  void writesNullForWhatIsNotKnown() throws Exception {
    List<Run> runs = List.of(SampleRuns.pending(Variant.VARIANT_TWO_PHASE, 1));

    String json = report(runs, Comparison.getDefaultInstance()).toJson();

    assertThat(JSON.readTree(json)).isEqualTo(golden("report-of-nothing.json"));
  }

  @Test
  void writesNullForWhatIsNotANumber() {
    Run diverged =
        SampleRuns.pending(Variant.VARIANT_BASE, 1).toBuilder()
            .setState(RunState.RUN_STATE_FAILED)
            .setResult(
                RunResult.newBuilder()
                    .setFinalTrainLoss(Double.NaN)
                    .setTrainError(Double.POSITIVE_INFINITY)
                    .setTestError(0.9))
            .build();

    JsonNode run = tree(report(List.of(diverged), SampleRuns.comparison())).at("/runs/0");

    assertThat(run.get("finalTrainLoss").isNull()).isTrue();
    assertThat(run.get("trainError").isNull()).isTrue();
    assertThat(run.get("testError").doubleValue()).isEqualTo(0.9);
  }

  @Test
  void writesNoGuaranteeWhereNoneApplies() {
    Guarantee none =
        Guarantee.newBuilder()
            .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_NONE)
            .setReason("no verdict in time")
            .build();
    Run run = SampleRuns.finishedTwoPhase(1, 0.1, 0.1, none);

    assertThat(tree(report(List.of(run), SampleRuns.comparison())).at("/runs/0/guarantee").isNull())
        .isTrue();
  }

  @Test
  void reportsTheWitnessOfATwoPhaseRunAndTheLatestVerdictOfABaseRun() {
    JsonNode runs =
        tree(report(
                List.of(
                    SampleRuns.finished(Variant.VARIANT_BASE, 1, 0.1, 0.1),
                    SampleRuns.finishedTwoPhase(1, 0.1, 0.1, SampleRuns.limit(0.1))),
                SampleRuns.comparison()))
            .get("runs");

    assertThat(runs.at("/0/certificate/step").intValue()).isEqualTo(400);
    assertThat(runs.at("/1/certificate/step").intValue()).isEqualTo(240);
  }

  @Test
  void reportsWhatEachCheckFoundByItsName() {
    Run.Builder run = SampleRuns.finished(Variant.VARIANT_BASE, 1, 0.1, 0.1).toBuilder();
    run.addLatestVerdicts(run.getLatestVerdict())
        .addLatestVerdicts(
            SampleRuns.certified(400, 0.5, 3).toBuilder()
                .setCheck("tangent-kernel")
                .addLayers("hidden.1")
                .addMeasures(measure("gradient-norm-lower-bound", "", 0.25))
                .addMeasures(measure("gradient-norm", "", 0.75))
                .addMeasures(measure("gradient-norm", "hidden.1", 0.5)))
        .addLatestVerdicts(
            Verdict.newBuilder()
                .setCheck("collapse")
                .setStep(300)
                .addMeasures(measure("effective-rank", "", 12)));

    JsonNode checks =
        tree(report(List.of(run.build()), SampleRuns.comparison())).at("/runs/0/checks");

    assertThat(ImmutableList.copyOf(checks.fieldNames()))
        .containsExactly("expressivity", "tangent-kernel", "collapse");
    JsonNode kernel = checks.get("tangent-kernel");
    assertThat(kernel.get("outcome").asText()).isEqualTo("CERTIFIED");
    assertThat(kernel.get("layers").get(0).asText()).isEqualTo("hidden.1");
    assertThat(kernel.get("sigmaMinLowerBound").asDouble()).isEqualTo(0.5);
    assertThat(kernel.get("gradientNormLowerBound").asDouble()).isEqualTo(0.25);
    assertThat(kernel.get("gradientNorm").asDouble()).isEqualTo(0.75);
    assertThat(kernel.get("step").asInt()).isEqualTo(400);
    assertThat(kernel.get("rows").asLong()).isPositive();
    assertThat(kernel.has("method")).isTrue();
    assertThat(checks.get("collapse").toString())
        .isEqualTo("{\"step\":300,\"effectiveRank\":12.0}");
  }

  private static Measure measure(String name, String layer, double value) {
    return Measure.newBuilder()
        .setName(name)
        .setLayer(layer)
        .setValue(value)
        .setKind(
            name.endsWith("-bound")
                ? MeasureKind.MEASURE_KIND_LOWER_BOUND
                : MeasureKind.MEASURE_KIND_MEASURED)
        .build();
  }

  @Test
  void keepsSeedsAboveTheSignedRange() {
    Run run = SampleRuns.pending(Variant.VARIANT_BASE, -1L);

    assertThat(tree(report(List.of(run), SampleRuns.comparison())).at("/runs/0/seed").asText())
        .isEqualTo("18446744073709551615");
  }

  @Test
  void replacesAnOlderFileAndLeavesNothingBesideIt(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("out.json");
    Files.writeString(file, "older");

    ExperimentReport.write(file, List.of(report(List.of(), SampleRuns.comparison())));

    assertThat(JSON.readTree(file.toFile()).get("experiment").asText())
        .isEqualTo(SampleRuns.EXPERIMENT);
    assertThat(folder).isDirectoryContaining("glob:**out.json");
    try (var files = Files.list(folder)) {
      assertThat(files).hasSize(1);
    }
  }

  @Test
  void writesSeveralReportsAsAList(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("out.json");
    ExperimentReport report = report(List.of(), SampleRuns.comparison());

    ExperimentReport.write(file, List.of(report, report));

    JsonNode list = JSON.readTree(file.toFile());
    assertThat(list).hasSize(2).allMatch(each -> each.equals(tree(report)));
  }

  @Test
  void namesTheFileThatCannotBeWritten(@TempDir Path folder) {
    Path file = folder.resolve("gone").resolve("out.json");

    assertThatThrownBy(
            () -> ExperimentReport.write(file, List.of(report(List.of(), SampleRuns.comparison()))))
        .isInstanceOf(ExecutionFailedException.class)
        .hasMessageContaining(file.toString());
  }

  @Test
  void describesANetworkInTheWordsOfTheExperimentFile() throws Exception {
    assertThat(network(SampleRuns.RESIDUAL))
        .isEqualTo(
            JSON.readTree(
                """
                {"type": "resnet", "stages": [{"blocks": 2, "channels": 8, "stride": 1}, {"blocks": 1, "channels": 16, "stride": 2}],
                 "wide": 600, "activation": {"tanh": {}}, "initialization": "he"}
                """));
    assertThat(network(SampleRuns.DU))
        .isEqualTo(
            JSON.readTree(
                """
                {"type": "du-resnet", "width": 700, "layers": 3, "residual-constant": 0.5, "activation": {"gelu": {}}}
                """));
  }

  @Test
  void describesAnExternalRunAsItsProgramDoes() throws Exception {
    JsonNode report =
        tree(
            ExperimentReport.of(
                SampleRuns.EXPERIMENT,
                SampleRuns.EXTERNAL,
                List.of(SampleRuns.external(Variant.VARIANT_TWO_PHASE, 1)),
                SampleRuns.comparison()));

    assertThat(report.get("network"))
        .isEqualTo(
            JSON.readTree(
                """
                {"type": "external", "framework": "torch 2.13.0, cpu", "model": "Net$1",
                 "layers": [{"name": "0", "kind": "Linear", "parameters": 16448}, {"name": "2", "kind": "Linear", "parameters": 83200}],
                 "last-hidden-width": 1280, "outputs": 10, "analytic": false, "operators-not-analytic": ["relu"]}
                """));
    assertThat(report.get("algorithm"))
        .isEqualTo(
            JSON.readTree(
                """
                {"external": {"name": "AdamW", "settings": {"lr": "0.001", "weight_decay": "0.01"}}}
                """));
    JsonNode run = report.at("/runs/0");
    assertThat(run.get("trainedBy").asText()).isEqualTo("torch 2.13.0, cpu");
    assertThat(run.get("network").asText()).startsWith("Net$1 in torch");
    assertThat(run.get("stalled").booleanValue()).isTrue();
    assertThat(run.get("lastEventAt").asText()).isEqualTo("2027-01-15T08:00:00Z");
    assertThat(run.get("warnings").get(0).asText()).contains("can only be refuted");
    assertThat(run.at("/certificate/featureSource").asText()).isEqualTo("CLIENT");
    assertThat(run.get("testError").isNull()).isTrue();
  }

  @Test
  void saysWhatRulesDid() throws Exception {
    Run.Builder run = SampleRuns.external(Variant.VARIANT_TWO_PHASE, 1).toBuilder();
    run.addRuleEventsBuilder()
        .setCondition(RuleCondition.RULE_CONDITION_LOSS_DIVERGED)
        .setAction(RuleAction.RULE_ACTION_STOP)
        .setStep(30)
        .setObservedStep(25)
        .setValue(Double.NaN)
        .setText("the training loss at step 25 is NaN");

    JsonNode report =
        tree(
            ExperimentReport.of(
                SampleRuns.EXPERIMENT,
                SampleRuns.EXTERNAL,
                List.of(run.build()),
                SampleRuns.comparison()));

    assertThat(report.at("/runs/0/ruleEvents"))
        .isEqualTo(
            JSON.readTree(
                """
                [{"when": "loss-diverged", "action": "stop", "step": 30, "observedStep": 25, "value": null, "limit": null,
                  "check": null, "layer": null, "text": "the training loss at step 25 is NaN"}]
                """));
  }

  @Test
  void reportsWhatACertificateSpeaksOf() {
    Run.Builder run = SampleRuns.finished(Variant.VARIANT_BASE, 1, 0.1, 0.07).toBuilder();
    run.getLatestVerdictBuilder().setStatement(Statement.STATEMENT_EXACT_NETWORK);

    assertThat(
            tree(report(List.of(run.build()), SampleRuns.comparison()))
                .at("/runs/0/certificate/statement")
                .asText())
        .isEqualTo("EXACT_NETWORK");
  }

  private static JsonNode network(NetworkSpec.Builder network) {
    ExperimentSpec spec = SampleRuns.SPEC.toBuilder().setNetwork(network).build();
    return tree(ExperimentReport.of(
            SampleRuns.EXPERIMENT, spec, List.of(), Comparison.getDefaultInstance()))
        .get("network");
  }

  private static ExperimentReport report(List<Run> runs, Comparison comparison) {
    return ExperimentReport.of(SampleRuns.EXPERIMENT, SampleRuns.SPEC, runs, comparison);
  }

  private static JsonNode tree(ExperimentReport report) {
    try {
      return JSON.readTree(report.toJson());
    } catch (IOException invalid) {
      throw new AssertionError(invalid);
    }
  }

  private static JsonNode golden(String name) throws IOException {
    try (InputStream file = ExperimentReportTest.class.getResourceAsStream(name)) {
      return JSON.readTree(file);
    }
  }
}
