package io.fullrank.checker.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.certificate.backend.openblas.OpenBlas;
import io.fullrank.checker.ClientSnapshots;
import io.fullrank.checker.OnlyCheck;
import io.fullrank.checker.TestSnapshots;
import io.fullrank.checker.check.CheckResources;
import io.fullrank.checker.check.SnapshotCheck;
import io.fullrank.network.data.DataSet;
import io.fullrank.network.data.DataSets;
import io.fullrank.network.experiment.ExperimentFile;
import io.fullrank.network.state.TrainingCheckpoint;
import io.fullrank.network.training.TrainingObserver;
import io.fullrank.network.training.TrainingRun;
import io.fullrank.network.training.TrainingSnapshot;
import io.fullrank.proto.v1.DataType;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.Histogram;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.Snapshot;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Function;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The checks on the snapshots of real runs, with and without memory for what a run starts from. */
class MonitorChecksTest {

  private static final CheckResources KEEPING =
      new CheckResources(new OpenBlas(1), 1, 1 << 20, 0.5, false);

  private static final String LAMBDA = "gram-lambda-min";

  @TempDir Path folder;

  @Test
  void theEnvelopeProvablyAppliesToAWideNetworkAndIsKept() throws IOException {
    List<Verdict> verdicts =
        judge(GradientDescentCheck::new, KEEPING, du("du-resnet, layers: 2, width: 3000"));

    assertThat(verdicts).hasSize(3);
    for (Verdict verdict : verdicts) {
      assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_CERTIFIED);
      assertThat(verdict.getCertificate().getReason())
          .contains("λ_min(G(0)) ≥ ¾λ_0 is proven, λ_min(G(k)) ≥ λ_0/2 is proven");
      assertThat(verdict.getLayersList()).containsExactly("hidden.2");
      double half =
          bound(verdict, MeasureKind.MEASURE_KIND_UPPER_BOUND, "population-lambda-min") / 2;
      assertThat(bound(verdict, MeasureKind.MEASURE_KIND_LOWER_BOUND, LAMBDA)).isGreaterThan(half);
      assertThat(bound(verdict, MeasureKind.MEASURE_KIND_MEASURED, "loss"))
          .isLessThanOrEqualTo(estimate(verdict, "loss-envelope"))
          .isLessThan(bound(verdict, MeasureKind.MEASURE_KIND_MEASURED, "initial-loss"));
      assertThat(estimate(verdict, "gram-change")).isPositive();
      assertThat(ofLayer(verdict, "weight-change", "hidden.2")).isPresent();
    }
    assertThat(estimate(verdicts.get(2), "loss-envelope"))
        .isLessThan(estimate(verdicts.get(0), "loss-envelope"));
  }

  @Test
  void theEnvelopeProvablyDoesNotApplyToANarrowNetwork() throws IOException {
    Verdict verdict =
        judge(GradientDescentCheck::new, KEEPING, du("du-resnet, layers: 2, width: 2")).get(0);

    assertThat(verdict.getCertificate().getOutcome()).isEqualTo(Outcome.OUTCOME_REFUTED);
    assertThat(verdict.getCertificate().getReason())
        .contains("λ_min(G(0)) ≥ ¾λ_0 is refuted, λ_min(G(k)) ≥ λ_0/2 is refuted");
    assertThat(bound(verdict, MeasureKind.MEASURE_KIND_UPPER_BOUND, LAMBDA)).isZero();
    assertThat(bound(verdict, MeasureKind.MEASURE_KIND_LOWER_BOUND, "population-lambda-min"))
        .isPositive();
    assertThat(verdict.getMeasuresList())
        .extracting(Measure::getName)
        .contains("loss")
        .doesNotContain("loss-envelope");
  }

  /** Where there is no memory to keep it, what a run starts from is computed again. */
  @Test
  void findsTheSameWithoutMemory() throws IOException {
    String narrow = du("du-resnet, layers: 2, width: 12");
    List<Verdict> keeping = judge(GradientDescentCheck::new, KEEPING, narrow);
    List<Verdict> forgetting = judge(GradientDescentCheck::new, OnlyCheck.RESOURCES, narrow);

    assertThat(forgetting)
        .extracting(Verdict::getMeasuresList)
        .containsExactlyElementsOf(keeping.stream().map(Verdict::getMeasuresList).toList());
  }

  @Test
  void convolutionsHaveCertificatesButNoPopulationKernel() throws IOException {
    Verdict verdict =
        judge(GradientDescentCheck::new, KEEPING, du("du-conv-resnet, layers: 2, width: 4")).get(0);

    assertThat(verdict.getCertificate().getReason())
        .contains("λ_0 is not known of convolutions, and of the activations gelu and relu");
    assertThat(verdict.getCertificate().getRows()).isEqualTo(40);
    assertThat(verdict.getMeasuresList())
        .extracting(Measure::getName)
        .contains(LAMBDA, "gram-change", "weight-change")
        .doesNotContain("population-lambda-min", "loss-envelope");
  }

  @Test
  void gradientDescentSaysWhatItIsNotAbout() throws IOException {
    Verdict other = judge(GradientDescentCheck::new, KEEPING, strokes("softplus")).get(0);
    assertThat(other.getCertificate().getReason())
        .isEqualTo(
            "this check is about the networks du-fully-connected, du-resnet and du-conv-resnet");

    Verdict loss =
        judge(
                GradientDescentCheck::new,
                KEEPING,
                du("du-resnet, layers: 2, width: 2"),
                "loss=cross-entropy")
            .get(0);
    assertThat(loss.getCertificate().getReason()).contains("set loss: squared");

    Verdict sgd =
        judge(
                GradientDescentCheck::new,
                KEEPING,
                du("du-resnet, layers: 2, width: 2"),
                "algorithm=sgd")
            .get(0);
    assertThat(sgd.getCertificate().getReason())
        .contains("the envelope is about gradient-descent with a constant learning rate");
  }

  @Test
  void marginsOfAHomogeneousNetworkAreThoseOfTheNormalisedOne() throws IOException {
    Verdict verdict =
        judge(MarginsCheck::new, KEEPING, strokes("relu"), "network.without-bias=true").get(2);

    assertThat(bound(verdict, MeasureKind.MEASURE_KIND_MEASURED, "homogeneous")).isEqualTo(1);
    double product =
        ofLayer(verdict, "norm", "hidden.1").orElseThrow()
            * ofLayer(verdict, "norm", "hidden.2").orElseThrow()
            * ofLayer(verdict, "norm", "output").orElseThrow();
    assertThat(estimate(verdict, "norm-product") / product).isBetween(1 - 1e-12, 1 + 1e-12);
    assertThat(ofLayer(verdict, "squared-norm-growth", "output")).isPresent();
    assertThat(estimate(verdict, "normalized-margin-min"))
        .isLessThanOrEqualTo(estimate(verdict, "normalized-margin-median"));
    // All outputs of a network of unit norms are small beside its inputs, so it knows little.
    assertThat(estimate(verdict, "normalized-cross-entropy-train")).isBetween(1.0, Math.log(10));
    assertThat(estimate(verdict, "normalized-cross-entropy-test")).isBetween(1.0, 3.0);
    Histogram margins = verdict.getHistograms(0);
    assertThat(margins.getName()).isEqualTo("normalized-margin");
    assertThat(margins.getCountsList().stream().mapToLong(Long::longValue).sum()).isEqualTo(40);
    double least = bound(verdict, MeasureKind.MEASURE_KIND_LOWER_BOUND, "leave-one-out-loss");
    assertThat(least).isPositive();
    assertThat(bound(verdict, MeasureKind.MEASURE_KIND_UPPER_BOUND, "leave-one-out-loss"))
        .isBetween(least, 1.01 * least);
    assertThat(bound(verdict, MeasureKind.MEASURE_KIND_UPPER_BOUND, "leave-one-out-error"))
        .isBetween(0.0, 1.0);
  }

  @Test
  void marginsOfOthersAreMarkedAsWhatTheyAre() throws IOException {
    Verdict verdict = judge(MarginsCheck::new, KEEPING, strokes("softplus")).get(0);

    assertThat(bound(verdict, MeasureKind.MEASURE_KIND_MEASURED, "homogeneous")).isZero();
    assertThat(verdict.getMeasuresList())
        .extracting(Measure::getName)
        .contains("normalized-margin-median", "norm");
  }

  @Test
  void collapseLooksAtEveryHiddenLayer() throws IOException {
    Verdict verdict = judge(CollapseCheck::new, KEEPING, strokes("relu")).get(2);

    assertThat(verdict.getExamples()).isEqualTo(40);
    for (String layer : List.of("hidden.1", "hidden.2")) {
      assertThat(ofLayer(verdict, "effective-rank", layer).orElseThrow()).isBetween(1.0, 40.0);
      assertThat(ofLayer(verdict, "srank", layer).orElseThrow()).isBetween(1.0, 40.0);
      assertThat(ofLayer(verdict, "stable-rank", layer).orElseThrow()).isBetween(1.0, 40.0);
      assertThat(ofLayer(verdict, "dormant-fraction-0", layer).orElseThrow())
          .isLessThanOrEqualTo(ofLayer(verdict, "dormant-fraction-0.025", layer).orElseThrow());
      assertThat(ofLayer(verdict, "dormant-fraction-0.1", layer).orElseThrow()).isBetween(0.0, 1.0);
    }
    assertThat(ofLayer(verdict, "example-gradient-norm-median", "output").orElseThrow())
        .isBetween(
            ofLayer(verdict, "example-gradient-norm-min", "output").orElseThrow(),
            ofLayer(verdict, "example-gradient-norm-max", "output").orElseThrow());
    assertThat(verdict.getMeasuresList())
        .allMatch(measure -> measure.getKind() == MeasureKind.MEASURE_KIND_ESTIMATE);
  }

  /** Rows (1, 0, 0), (0, 1, 0), (1, 1, 0): singular values √3 and 1, and a unit that is dead. */
  @Test
  void collapseLooksAtTheFeaturesOfOtherPrograms() {
    Snapshot snapshot =
        ClientSnapshots.snapshot(
            "external", DataType.DATA_TYPE_FLOAT32, 3, 3, 1, 0, 0, 0, 1, 0, 1, 1, 0);

    Verdict verdict =
        OnlyCheck.of(new CollapseCheck(KEEPING), folder)
            .check(TestSnapshots.judgedBy(snapshot, "collapse"));

    assertThat(verdict.getExamples()).isEqualTo(3);
    assertThat(ofLayer(verdict, "stable-rank", "features").orElseThrow())
        .isBetween(4.0 / 3 - 1e-9, 4.0 / 3 + 1e-9);
    assertThat(ofLayer(verdict, "srank", "features")).hasValue(2);
    assertThat(ofLayer(verdict, "dormant-fraction-0", "features")).hasValue(1.0 / 3);
  }

  private static String du(String network) {
    return """
        name: du
        dataset: {name: strokes, train: 4, test: 4, standardise: true, label-noise: {probability: 1}}
        network: {type: %s, activation: tanh}
        loss: squared
        algorithm: {gradient-descent: {learning-rate: 0.02, schedule: constant}}
        epochs: 3
        variants: [base]
        seeds: [1]
        """
        .formatted(network);
  }

  private static String strokes(String activation) {
    return """
        name: monitored
        dataset: {name: strokes, train: 40, test: 20}
        network: {type: fully-connected, widths: [20, 64], activation: %s}
        epochs: 3
        variants: [base]
        seeds: [1]
        """
        .formatted(activation);
  }

  /** The verdicts on all snapshots of a run. */
  private List<Verdict> judge(
      Function<CheckResources, SnapshotCheck> check,
      CheckResources resources,
      String experiment,
      String... overrides)
      throws IOException {
    Path file = Files.writeString(folder.resolve("experiment.yaml"), experiment);
    ExperimentSpec spec = ExperimentFile.read(file, List.of(overrides));
    DataSet data = DataSets.load(spec.getDataSet(), folder);
    RunHeader header =
        RunHeader.newBuilder()
            .setRun("run")
            .setAttempt(1)
            .setSpec(spec)
            .setVariant(Variant.VARIANT_BASE)
            .setSeed(1)
            .setDataSet(data.identity())
            .build();
    Snapshots snapshots = new Snapshots(header, new ArrayList<>());
    new TrainingRun(spec, Variant.VARIANT_BASE, 1, data).train(snapshots);
    SnapshotCheck made = check.apply(resources);
    OnlyCheck only = OnlyCheck.of(made, folder);
    return snapshots.taken.stream()
        .map(snapshot -> only.check(TestSnapshots.judgedBy(snapshot, made.name())))
        .toList();
  }

  private static double bound(Verdict verdict, MeasureKind kind, String name) {
    return measure(verdict, kind, name, "").orElseThrow();
  }

  private static double estimate(Verdict verdict, String name) {
    return bound(verdict, MeasureKind.MEASURE_KIND_ESTIMATE, name);
  }

  private static OptionalDouble ofLayer(Verdict verdict, String name, String layer) {
    return measure(verdict, MeasureKind.MEASURE_KIND_ESTIMATE, name, layer);
  }

  private static OptionalDouble measure(
      Verdict verdict, MeasureKind kind, String name, String layer) {
    return verdict.getMeasuresList().stream()
        .filter(each -> each.getName().equals(name) && each.getLayer().equals(layer))
        .filter(each -> each.getKind() == kind)
        .mapToDouble(Measure::getValue)
        .findFirst();
  }

  /** Keeps the snapshots of a run. */
  private record Snapshots(RunHeader header, List<Snapshot> taken) implements TrainingObserver {

    @Override
    public void snapshot(TrainingSnapshot snapshot) {
      taken.add(
          Snapshot.newBuilder()
              .setHeader(header)
              .setStep(snapshot.step())
              .setPhase(snapshot.phase())
              .addAllWeights(snapshot.weights())
              .build());
    }

    @Override
    public void started(long step) {}

    @Override
    public void offerCheckpoint(boolean essential, Supplier<TrainingCheckpoint> checkpoint) {}

    @Override
    public void progress(Progress progress) {}

    @Override
    public Optional<Verdict> awaitVerdict(TrainingSnapshot witness, Duration timeout) {
      throw new AssertionError("a base run waits for nothing");
    }

    @Override
    public List<Verdict> verdicts() {
      return List.of();
    }

    @Override
    public void ruleActed(RuleEvent event) {}

    @Override
    public void keepCheckpoint(TrainingCheckpoint checkpoint) {}

    @Override
    public void guarantee(Guarantee guarantee) {}

    @Override
    public boolean cancelled() {
      return false;
    }
  }
}
