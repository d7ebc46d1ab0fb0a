package io.fullrank.metrics;

import static io.fullrank.metrics.Records.request;
import static io.fullrank.proto.v1.Outcome.OUTCOME_CERTIFIED;
import static io.fullrank.proto.v1.Outcome.OUTCOME_REFUTED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_FINISHED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_RUNNING;
import static io.fullrank.proto.v1.Variant.VARIANT_BASE;
import static io.fullrank.proto.v1.Variant.VARIANT_TWO_PHASE;
import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.proto.v1.Attention;
import io.fullrank.proto.v1.AttentionKind;
import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.CertificateMethod;
import io.fullrank.proto.v1.CheckSummary;
import io.fullrank.proto.v1.CompareTestErrorsResponse;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.Experiment;
import io.fullrank.proto.v1.GeneralizationSummary;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.Histogram;
import io.fullrank.proto.v1.LatestTestError;
import io.fullrank.proto.v1.Measure;
import io.fullrank.proto.v1.MeasureKind;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.PairedDifference;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.RuleAction;
import io.fullrank.proto.v1.RuleCondition;
import io.fullrank.proto.v1.RuleEvent;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunCount;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotAccount;
import io.fullrank.proto.v1.Spectrum;
import io.fullrank.proto.v1.Statement;
import io.fullrank.proto.v1.TestErrorCurve;
import io.fullrank.proto.v1.TestErrorPoint;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.testsupport.process.PackagedService;
import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.Keys;

/** The page of the packaged service in a browser, in front of a gRPC server of the test's. */
class LivePageIT {

  @TempDir static Path folder;

  private static ScriptedMetrics metrics;
  private static PackagedService service;
  private static Browser browser;

  @BeforeAll
  static void start() throws IOException {
    browser = Browser.start();
    metrics = new ScriptedMetrics();
    service = metrics.startService(folder.resolve("service.log"));
  }

  @AfterAll
  static void stop() throws InterruptedException {
    if (browser != null) {
      browser.close();
      service.close();
      metrics.close();
    }
  }

  @Test
  void leadsFromExperimentsToARun() {
    put("way", VARIANT_TWO_PHASE, 1, RUN_STATE_RUNNING, 3);
    open("#/");
    browser.awaitText("h3", "way-e");
    assertThat(browser.texts("h1")).containsExactly("Experiments");

    browser.find("a[href='#/experiments/way-e']").sendKeys(Keys.ENTER);
    browser.awaitText("tbody", "CERTIFIED, σ_min ≥ 0.108");
    assertThat(browser.texts("h1")).containsExactly("Experiment way-e");
    assertThat(browser.texts("#breadcrumb [aria-current]")).containsExactly("way-e");

    browser.find("a[href='#/runs/way-two-phase-1']").sendKeys(Keys.ENTER);
    browser.awaitText("h1", "Run way-two-phase-1");
    browser.awaitText("#connection", "Live");
    assertThat(browser.texts("#breadcrumb a")).containsExactly("Experiments", "way-e");
    browser.requireContent();
  }

  @Test
  void showsAtAGlanceHowFarExperimentsAreWhatCameOutAndWhatNeedsAttention() {
    put("glance", VARIANT_TWO_PHASE, 1, RUN_STATE_RUNNING, 3);
    Verdict latest =
        verdict(60, OUTCOME_CERTIFIED, CertificateMethod.CERTIFICATE_METHOD_CHOLESKY, "shown")
            .toBuilder()
            .setRun("glance-two-phase-1")
            .build();
    Experiment.Builder figures =
        Experiment.newBuilder()
            .addRuns(RunCount.newBuilder().setState(RUN_STATE_FINISHED).setRuns(3))
            .addRuns(RunCount.newBuilder().setState(RUN_STATE_RUNNING).setRuns(1))
            .setDone(0.875)
            .addChecks(
                CheckSummary.newBuilder()
                    .setCheck("expressivity")
                    .setCertified(3)
                    .setRefuted(1)
                    .setLatest(latest))
            .addTestErrors(testError(VARIANT_BASE, 0.0671))
            .addTestErrors(testError(VARIANT_TWO_PHASE, 0.0668));
    metrics.describe(
        "glance-e",
        figures.build(),
        CompareTestErrorsResponse.newBuilder()
            .setBase(curve(0.5, 0.0671))
            .setTwoPhase(curve(0.4, 0.0668))
            .build());
    Attention lapsed =
        Attention.newBuilder()
            .setKind(AttentionKind.ATTENTION_KIND_CERTIFICATE_LAPSED)
            .setRun("glance-two-phase-1")
            .setExperiment("glance-e")
            .setCheck("expressivity")
            .setStep(60)
            .setText("CERTIFIED at step 50, REFUTED at step 60")
            .build();
    metrics.concern(List.of(lapsed));
    open("#/");

    browser.awaitText(
        ".attention li",
        "certificate lapsed\nglance-two-phase-1\n"
            + "expressivity: CERTIFIED at step 50, REFUTED at step 60\nstep 60");
    String card = ".card:has(a[href='#/experiments/glance-e'])";
    browser.awaitText(card, "88%: 3 finished, 1 running");
    assertThat(browser.find(card + " [role=progressbar]").getAttribute("aria-valuenow"))
        .isEqualTo("88");
    browser.awaitText(card, "expressivity 3 CERTIFIED, 1 REFUTED");
    browser.awaitText(card, "latest CERTIFIED, σ_min ≥ 0.108 at step 60");
    browser.awaitText(card, "two-phase 6.7%");
    browser.awaitResult(
        "return document.querySelector(\"%s svg\").getAttribute('aria-label')".formatted(card),
        "Test error over the steps: base from 50.0% to 6.7%, two-phase from 40.0% to 6.7%");

    // It follows, keeping the keyboard where it is.
    browser.run("document.querySelector(\"%s h3 a\").focus()".formatted(card));
    metrics.describe(
        "glance-e", figures.setDone(1).build(), CompareTestErrorsResponse.getDefaultInstance());
    metrics.concern(List.of());
    browser.awaitText(card, "100%: 3 finished");
    browser.awaitText("#attention", "Nothing does.");
    assertThat(browser.run("return document.activeElement.textContent")).isEqualTo("glance-e");

    // More than a page of experiments, and more than a few concerns.
    metrics.concern(
        IntStream.range(0, 30)
            .mapToObj(i -> lapsed.toBuilder().setRun("glance-run-" + i).build())
            .toList());
    IntStream.range(0, 25)
        .forEach(i -> put("glance-more-" + i, VARIANT_BASE, 1, RUN_STATE_FINISHED, 1));
    browser.awaitText(".attention + button", "Show all 30");
    assertThat(browser.texts(".attention li")).hasSize(5);
    browser.find(".attention + button").sendKeys(Keys.ENTER);
    browser.awaitText(".attention li", "glance-run-29");
    assertThat(browser.texts(".card")).hasSize(20);
    browser.find(".pages button:last-child").sendKeys(Keys.ENTER);
    browser.awaitText(".pages", "Page 2");
    browser.awaitText("h3", "glance-more-0");
    browser.requireContent();
    metrics.concern(List.of());
  }

  @Test
  void asksForNoMoreThanAPageOfAHundredExperiments() {
    for (int i = 0; i < 100; i++) {
      put("hundred-" + i, VARIANT_BASE, 1, RUN_STATE_FINISHED, 1);
      metrics.describe(
          "hundred-%d-e".formatted(i),
          Experiment.newBuilder().setDone(1).addTestErrors(testError(VARIANT_BASE, 0.25)).build(),
          CompareTestErrorsResponse.newBuilder().setBase(curve(0.5, 0.25)).build());
    }
    open("#/");
    browser.awaitText("#connection", "Live");
    assertThat(browser.texts(".card")).hasSize(20);
    // The list, what needs attention, and a curve for each of those shown.
    assertThat(
            (Long)
                browser.run(
                    "return performance.getEntriesByType('resource')"
                        + ".filter(({name}) => name.includes('/test-errors')).length"))
        .isEqualTo(20);
    browser.requireContent();
  }

  private static LatestTestError testError(Variant variant, double mean) {
    return LatestTestError.newBuilder().setVariant(variant).setRuns(2).setMean(mean).build();
  }

  private static TestErrorCurve curve(double from, double to) {
    return TestErrorCurve.newBuilder()
        .setRuns(2)
        .addPoints(TestErrorPoint.newBuilder().setStep(1).setMean(from))
        .addPoints(TestErrorPoint.newBuilder().setStep(9).setMean(to))
        .build();
  }

  @Test
  void updatesWhileARunGoesOn() {
    put("live", VARIANT_TWO_PHASE, 1, RUN_STATE_RUNNING, 3);
    open("#/runs/live-two-phase-1");
    browser.awaitPoints("Loss", 6);
    browser.awaitText("dl", "3 of 100, phase 1");

    metrics.report("live-two-phase-1", progress(4));
    browser.awaitText("dl", "4 of 100");
    browser.awaitPoints("Loss", 8);

    metrics.finish("live-two-phase-1");
    browser.awaitText("dl", "finished");
    browser.awaitText("#connection", "Ended");
    browser.requireContent();
  }

  @Test
  void saysThatTheStreamBrokeAndRecovers() {
    put("broken", VARIANT_TWO_PHASE, 1, RUN_STATE_RUNNING, 3);
    open("#/runs/broken-two-phase-1");
    browser.awaitText("#connection", "Live");

    metrics.fail(Status.UNAVAILABLE.withDescription("the broker is on fire"));
    browser.awaitText("#connection", "Connection lost: the broker is on fire. Trying again");
    // What is known is still shown.
    assertThat(browser.texts("dl").get(0)).contains("3 of 100");

    metrics.recover();
    metrics.report("broken-two-phase-1", progress(5));
    browser.awaitText("#connection", "Live");
    browser.awaitText("dl", "5 of 100");
    browser.awaitPoints("Loss", 8);
  }

  @Test
  void saysThatTheServiceIsGoneAndRecovers() throws Exception {
    put("gone", VARIANT_TWO_PHASE, 1, RUN_STATE_RUNNING, 3);
    open("#/experiments/gone-e");
    browser.awaitText("#connection", "Live");

    service.kill();
    browser.awaitText("#connection", "Connection lost");
    metrics.report("gone-two-phase-1", progress(6));
    service = service.startAgain().awaitLive();
    browser.awaitText("#connection", "Live");
    browser.awaitText("tbody", "6 of 100");
  }

  @Test
  void namesARunThatIsNotThere() {
    open("#/runs/no-such");
    browser.awaitText("#connection", "run: there is no no-such");
  }

  @Test
  void comparesVariantsWithTheirUncertainty() {
    put("pair", VARIANT_BASE, 1, RUN_STATE_FINISHED, 2);
    put("pair", VARIANT_TWO_PHASE, 1, RUN_STATE_FINISHED, 2);
    metrics.compare(
        Comparison.newBuilder()
            .setExperiment("pair-e")
            .setBase(summary(0.0671, 0.0132, 0.10999))
            .setTwoPhase(summary(0.0668, 0.0127, 0.1088))
            .setDifference(
                PairedDifference.newBuilder()
                    .setPairs(3)
                    .setMean(-0.0003)
                    .setCi95Low(-0.0021)
                    .setCi95High(0.0018))
            .setEquivalenceMargin(0.005)
            .setEquivalent(true)
            .build());
    open("#/experiments/pair-e");
    browser.awaitText("#difference", "equivalent");

    assertThat(browser.texts("[aria-labelledby=comparison] tbody tr"))
        .containsExactly(
            "base 3 6.7% ± 1.3% 4.5e-4 – CERTIFIED 3 of 3 0.109",
            "two-phase 3 6.7% ± 1.3% 4.5e-4 – CERTIFIED 3 of 3 0.108");
    assertThat(browser.texts("#difference"))
        .containsExactly(
            "Test error, two-phase minus base: 0.0 points (95% confidence: −0.2 to +0.2, 3 pairs of"
                + " runs); equivalent within 0.5 points: yes.");
    metrics.compare(Comparison.getDefaultInstance());
    browser.requireContent();
  }

  @Test
  void showsCertificatesWithTheirProofTheSpectrumAndTheGuarantee() {
    put("proof", VARIANT_TWO_PHASE, 1, RUN_STATE_RUNNING, 2);
    Run.Builder run = run("proof", VARIANT_TWO_PHASE, 1, RUN_STATE_RUNNING).toBuilder();
    run.setGuarantee(
        Guarantee.newBuilder()
            .setStatement(GuaranteeStatement.GUARANTEE_STATEMENT_BOUND)
            .setText("the loss is at most 4.46e-4 at step 100")
            .setHeld(true));
    Verdict refuted =
        verdict(
            10,
            OUTCOME_REFUTED,
            CertificateMethod.CERTIFICATE_METHOD_STRUCTURE,
            "rows 3 and 7 are equal");
    Verdict witness =
        verdict(60, OUTCOME_CERTIFIED, CertificateMethod.CERTIFICATE_METHOD_CHOLESKY, "shown")
            .toBuilder()
            .setWitness(true)
            .setPhase(Phase.PHASE_TWO)
            .setStatement(Statement.STATEMENT_EXACT_NETWORK)
            .setSpectrum(spectrum())
            .build();
    metrics.put(
        run.setLatestVerdict(witness).setWitnessVerdict(witness).build(),
        List.of(progress(1), progress(70)),
        List.of(refuted, witness));
    open("#/runs/proof-two-phase-1");

    browser.awaitText("#guarantee", "the loss is at most 4.46e-4 at step 100 It was kept.");
    browser.awaitText("[aria-labelledby=certificates] tbody", "60 (witness)");
    assertThat(browser.texts("[aria-labelledby=certificates] tbody tr").get(0))
        .contains("recomputed by the checker exact network CERTIFIED cholesky")
        .contains("CERTIFIED cholesky 0.108 379 0.5 s Proven: the 600 rows of the feature matrix")
        .contains("σ_min(Φ) ≥ 0.108 is");
    assertThat(browser.texts("[aria-labelledby=certificates] tbody tr").get(1))
        .contains("recomputed by the checker as computed REFUTED structure – –")
        .contains("Proven: the 600 rows of the feature matrix (600 × 769) are linearly dependent")
        .contains("rows 3 and 7 are equal");
    browser.awaitText(
        "figcaption",
        "598 of the features' singular values at step 60, from 0.001 to 481; 2 below 0.001");
    browser.requireContent();
  }

  @Test
  void showsWhatEachCheckFoundOverTheStepsAndWhatRulesDid() {
    put("checks", VARIANT_TWO_PHASE, 1, RUN_STATE_RUNNING, 2);
    List<Verdict> verdicts = new ArrayList<>();
    for (long step = 10; step <= 40; step += 10) {
      verdicts.addAll(
          List.of(tangentKernel(step), gradientDescent(step), margins(step), collapse(step)));
    }
    verdicts.add(
        check(40, "acme.sharpness")
            .addMeasures(measure("sharpness", MeasureKind.MEASURE_KIND_ESTIMATE, 12.34))
            .build());
    Run run =
        run("checks", VARIANT_TWO_PHASE, 1, RUN_STATE_RUNNING).toBuilder()
            .addAllLatestVerdicts(verdicts.subList(verdicts.size() - 5, verdicts.size()))
            .addRuleEvents(
                RuleEvent.newBuilder()
                    .setCondition(RuleCondition.RULE_CONDITION_RANK_COLLAPSE)
                    .setAction(RuleAction.RULE_ACTION_PERTURB)
                    .setStep(35)
                    .setObservedStep(30)
                    .setValue(12.5)
                    .setLimit(20)
                    .setCheck("collapse")
                    .setLayer("hidden.44")
                    .setText("The hidden layers were perturbed."))
            .build();
    metrics.put(run, List.of(progress(1), progress(50)), verdicts);
    open("#/runs/checks-two-phase-1");

    browser.awaitText(
        "[aria-labelledby=rules] tbody tr",
        "35 rank-collapse perturb 12.5 20 collapse, hidden.44 The hidden layers were perturbed.");
    assertThat(
            browser.run(
                "return Chart.getChart(document.querySelector('canvas'))"
                    + ".options.plugins.stepMarks.marks.map(mark => mark.label).join()"))
        .isEqualTo("phase 2,perturb");
    assertThat(browser.texts("section.check h2"))
        .containsExactly(
            "Check tangent-kernel",
            "Check gradient-descent",
            "Check margins",
            "Check collapse",
            "Check acme.sharpness");

    browser.awaitPoints("Gradient norm", 8);
    browser.awaitText(
        "[data-check=tangent-kernel] figcaption",
        "THE MEASURED NORM IS BELOW THE CERTIFIED BOUND at 1 of 4 steps shown");
    // A bound is rounded to remain one.
    browser.awaitText(
        "[data-check=tangent-kernel] table", "gradient-norm-lower-bound ≥ 0.0399 – lower bound");
    browser.awaitText(
        "[aria-labelledby=certificates] tbody",
        "Proven: the 600 rows of the Jacobian of the outputs in the parameters of hidden.1, output"
            + " (600 × 769) are linearly independent");
    browser.awaitText(
        "[data-check=gradient-descent] figcaption", "λ_min(G(k)) ≥ λ₀/2 is proven at all 4 steps");
    browser.awaitText(
        "[data-check=gradient-descent] figcaption", "the loss is above the envelope at 4 of 4");
    browser.awaitPoints("margin:", 12);
    browser.awaitText("[data-check=margins] figcaption", "7 values at step 40, from −1 to 1");
    browser.awaitText("[data-check='acme.sharpness'] table", "sharpness ≈ 12.3 – estimate");

    // Fifty layers, by keyboard, and as a table.
    browser.awaitPoints("By layer: effective-rank", 200);
    browser.find("[data-check=collapse] figure.wide canvas").sendKeys(Keys.ARROW_RIGHT);
    browser.awaitText("[data-check=collapse] .readout", "hidden.1 at step 40: 41");
    browser.run(
        "const select = document.querySelector('[data-check=collapse] figure.wide select');"
            + "select.value = 'dormant-units'; select.dispatchEvent(new Event('change'))");
    browser.awaitPoints("By layer: dormant-units", 200);
    browser.find("[data-check=collapse] figure.wide summary").sendKeys(Keys.ENTER);
    browser.awaitText("[data-check=collapse] figure.wide table", "hidden.50 0.5 0.5 0.5 0.5");

    // What a run's state leaves out of its latest verdicts is asked for.
    verdicts.add(margins(50));
    metrics.put(
        run.toBuilder().addLatestVerdicts(margins(50).toBuilder().clearHistograms()).build(),
        List.of(progress(1), progress(50)),
        verdicts);
    browser.awaitText("[data-check=margins] figcaption", "7 values at step 50, from −1 to 1");
    browser.requireContent();
  }

  private static Verdict.Builder check(long step, String name) {
    return Verdict.newBuilder().setStep(step).setCheck(name).setPhase(Phase.PHASE_ONE);
  }

  private static Measure measure(String name, MeasureKind kind, double value) {
    return Measure.newBuilder().setName(name).setKind(kind).setValue(value).setUnit("1").build();
  }

  /** The norm is below its bound at step 20. */
  private static Verdict tangentKernel(long step) {
    return verdict(step, OUTCOME_CERTIFIED, CertificateMethod.CERTIFICATE_METHOD_CHOLESKY, "shown")
        .toBuilder()
        .setCheck("tangent-kernel")
        .addAllLayers(List.of("hidden.1", "output"))
        .addMeasures(
            measure(
                "gradient-norm-lower-bound", MeasureKind.MEASURE_KIND_LOWER_BOUND, 0.000999 * step))
        .addMeasures(
            measure(
                "gradient-norm",
                MeasureKind.MEASURE_KIND_MEASURED,
                step == 20 ? 0.01 : 0.01 * step))
        .build();
  }

  private static Verdict gradientDescent(long step) {
    return check(step, "gradient-descent")
        .addMeasures(measure("gram-lambda-min", MeasureKind.MEASURE_KIND_LOWER_BOUND, 0.03))
        .addMeasures(measure("population-lambda-min", MeasureKind.MEASURE_KIND_UPPER_BOUND, 0.06))
        .addMeasures(measure("loss", MeasureKind.MEASURE_KIND_MEASURED, 2.0 / step))
        .addMeasures(measure("loss-envelope", MeasureKind.MEASURE_KIND_UPPER_BOUND, 1.0 / step))
        .build();
  }

  private static Verdict margins(long step) {
    return check(step, "margins")
        .addMeasures(measure("margin-min", MeasureKind.MEASURE_KIND_ESTIMATE, -0.5))
        .addMeasures(measure("margin-median", MeasureKind.MEASURE_KIND_ESTIMATE, 0.01 * step))
        .addMeasures(measure("margin-max", MeasureKind.MEASURE_KIND_ESTIMATE, 0.9))
        .addHistograms(
            Histogram.newBuilder()
                .setName("margin")
                .addAllEdges(List.of(-1.0, 0.0, 1.0))
                .addAllCounts(List.of(3L, 4L))
                .setUnit("1"))
        .build();
  }

  private static Verdict collapse(long step) {
    Verdict.Builder verdict = check(step, "collapse");
    for (int layer = 1; layer <= 50; layer++) {
      for (Measure measure :
          List.of(
              measure("effective-rank", MeasureKind.MEASURE_KIND_ESTIMATE, step + layer),
              measure("dormant-units", MeasureKind.MEASURE_KIND_ESTIMATE, 0.01 * layer))) {
        verdict.addMeasures(measure.toBuilder().setLayer("hidden." + layer));
      }
    }
    return verdict.build();
  }

  @Test
  void canBeUsedByKeyboardAndScreenReader() {
    put("read", VARIANT_TWO_PHASE, 1, RUN_STATE_RUNNING, 3);
    open("#/runs/read-two-phase-1");
    browser.awaitPoints("Loss", 6);

    assertThat(browser.texts("header, nav, main, h1")).hasSize(4);
    assertThat(browser.run("return document.documentElement.lang")).isEqualTo("en");
    assertThat(browser.find("#connection").getAttribute("role")).isEqualTo("status");
    assertThat(browser.find("canvas").getAttribute("aria-label"))
        .isEqualTo("Loss: training 0.333 at step 3, test 0.667 at step 3");
    // Every table has a caption, every column a head, every row one too.
    assertThat(
            browser.run(
                "return [...document.querySelectorAll('table')].every(table => table.caption"
                    + " && table.querySelectorAll('thead th[scope=col]').length > 0"
                    + " && [...table.tBodies[0].rows].every(row => row.querySelector('th[scope=row]')))"))
        .isEqualTo(true);

    // The first stop of the keyboard leads past the header.
    browser.find("body").sendKeys(Keys.TAB);
    assertThat(browser.run("return document.activeElement.id")).isEqualTo("skip");
    browser.run("document.activeElement.click()");
    assertThat(browser.run("return document.activeElement.id")).isEqualTo("main");

    // A chart's numbers open as a table, and follow.
    browser.find("summary").sendKeys(Keys.ENTER);
    browser.awaitText("details table", "3 0.333 0.667");
    metrics.report("read-two-phase-1", progress(4));
    browser.awaitText("details table", "4 0.25 0.5");
    browser.requireContent();
  }

  @Test
  void isDarkWhereThatIsPreferred() {
    put("dark", VARIANT_TWO_PHASE, 1, RUN_STATE_RUNNING, 3);
    open("#/runs/dark-two-phase-1");
    browser.awaitPoints("Loss", 6);
    browser.prefer("dark");
    try {
      assertThat(browser.find("body").getCssValue("background-color")).contains("20, 23, 26");
      awaitLine("#7fb0ff");
    } finally {
      browser.prefer("light");
    }
    assertThat(browser.find("body").getCssValue("background-color")).contains("255, 255, 255");
    awaitLine("#1d4ed8");
    browser.requireContent();
  }

  @Test
  void holdsAHundredRunsOfAThousandPoints() {
    List<Progress> progress =
        LongStream.rangeClosed(1, 1000).mapToObj(LivePageIT::progress).toList();
    for (int seed = 1; seed <= 50; seed++) {
      for (Variant variant : List.of(VARIANT_BASE, VARIANT_TWO_PHASE)) {
        Run run = run("many", variant, seed, RUN_STATE_RUNNING);
        metrics.put(run.toBuilder().setProgress(progress.get(999)).build(), progress, List.of());
      }
    }
    open("#/experiments/many-e");
    browser.awaitPoints("Training loss", 100_000);
    browser.awaitText("#connection", "Live");

    metrics.report("many-base-50", progress(1001));
    browser.awaitPoints("Training loss", 100_001);
    assertThat(browser.texts("[aria-labelledby=runs] tbody tr")).hasSize(100);
    browser.requireContent();
  }

  private static void open(String fragment) {
    // From another page, so that nothing of the one before is left.
    browser.open("about:blank");
    browser.log();
    browser.open(service.http().uri("/") + fragment);
  }

  // The page is told of the preference after its style has changed.
  private static void awaitLine(String colour) {
    browser.awaitResult(
        "return Chart.getChart(document.querySelector('canvas')).data.datasets[0].borderColor",
        colour);
  }

  /** Puts a run in with so much progress, and a certificate of its first step. */
  private static void put(String name, Variant variant, long seed, RunState state, long steps) {
    List<Progress> progress =
        LongStream.rangeClosed(1, steps).mapToObj(LivePageIT::progress).toList();
    Verdict verdict =
        verdict(1, OUTCOME_CERTIFIED, CertificateMethod.CERTIFICATE_METHOD_CHOLESKY, "shown");
    metrics.put(
        run(name, variant, seed, state).toBuilder()
            .setProgress(progress.get(progress.size() - 1))
            .setLatestVerdict(verdict)
            .build(),
        progress,
        List.of(verdict));
  }

  private static Run run(String name, Variant variant, long seed, RunState state) {
    String run = "%s-%s-%d".formatted(name, variant == VARIANT_BASE ? "base" : "two-phase", seed);
    return Run.newBuilder()
        .setRequest(request(run, name + "-e", variant, seed))
        .setState(state)
        .setHeader(
            RunHeader.newBuilder().setRun(run).setAttempt(1).setTotalSteps(100).setSwitchStep(60))
        .setSnapshots(SnapshotAccount.newBuilder().setPublished(2).setChecked(1).setSkipped(1))
        .build();
  }

  private static Progress progress(long step) {
    return Progress.newBuilder()
        .setStep(step)
        .setPhase(Phase.PHASE_ONE)
        .setTrainLoss(1.0 / step)
        .setTestLoss(2.0 / step)
        .setTrainError(0.125)
        .setTestError(0.25)
        .build();
  }

  private static Verdict verdict(
      long step, Outcome outcome, CertificateMethod method, String reason) {
    Certificate.Builder certificate =
        Certificate.newBuilder()
            .setOutcome(outcome)
            .setMethod(method)
            .setRows(600)
            .setColumns(769)
            .setReason(reason)
            .setSeconds(0.5);
    if (outcome == OUTCOME_CERTIFIED) {
      // Shown with three digits they must still be bounds.
      certificate.setSigmaMinLowerBound(0.10899).setSigmaMaxUpperBound(378.01);
    }
    return Verdict.newBuilder()
        .setStep(step)
        .setCheck("expressivity")
        .setPhase(Phase.PHASE_ONE)
        .setCertificate(certificate)
        .build();
  }

  private static Spectrum spectrum() {
    List<Double> edges = new ArrayList<>();
    IntStream.rangeClosed(0, 64).forEach(i -> edges.add(0.001 * Math.pow(481_000, i / 64.0)));
    List<Integer> counts = new ArrayList<>();
    IntStream.range(0, 64).forEach(i -> counts.add(i < 46 ? 13 : 0));
    return Spectrum.newBuilder()
        .addAllEdges(edges)
        .addAllCounts(counts)
        .setBelowResolution(2)
        .build();
  }

  private static GeneralizationSummary summary(double error, double deviation, double bound) {
    return GeneralizationSummary.newBuilder()
        .setSeeds(3)
        .setRuns(3)
        .setMeanTestError(error)
        .setStdTestError(deviation)
        .setMeanTrainLoss(0.00045)
        .setCertified(3)
        .setSigmaMinLowerBound(bound)
        .build();
  }
}
