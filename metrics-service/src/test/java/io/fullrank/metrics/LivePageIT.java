package io.fullrank.metrics;

import static io.fullrank.metrics.Records.request;
import static io.fullrank.proto.v1.Outcome.OUTCOME_CERTIFIED;
import static io.fullrank.proto.v1.Outcome.OUTCOME_REFUTED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_FINISHED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_RUNNING;
import static io.fullrank.proto.v1.Variant.VARIANT_BASE;
import static io.fullrank.proto.v1.Variant.VARIANT_TWO_PHASE;
import static org.assertj.core.api.Assertions.assertThat;

import io.fullrank.proto.v1.Certificate;
import io.fullrank.proto.v1.CertificateMethod;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.GeneralizationSummary;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.GuaranteeStatement;
import io.fullrank.proto.v1.Outcome;
import io.fullrank.proto.v1.PairedDifference;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotAccount;
import io.fullrank.proto.v1.Spectrum;
import io.fullrank.proto.v1.Statement;
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
    browser.awaitText("tbody", "way-e");
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
