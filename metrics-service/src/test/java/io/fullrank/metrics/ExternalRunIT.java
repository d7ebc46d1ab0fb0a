package io.fullrank.metrics;

import static io.fullrank.metrics.Records.external;
import static io.fullrank.metrics.Records.heartbeat;
import static io.fullrank.metrics.Records.now;
import static io.fullrank.metrics.RunningMetrics.LIMIT;
import static io.fullrank.proto.v1.Outcome.OUTCOME_CERTIFIED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_FINISHED;
import static io.fullrank.proto.v1.Variant.VARIANT_BASE;
import static io.fullrank.proto.v1.Variant.VARIANT_TWO_PHASE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.CompareGeneralizationRequest;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.DataSetIdentity;
import io.fullrank.proto.v1.FeatureSource;
import io.fullrank.proto.v1.ListProgressRequest;
import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunHeader;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.SkipReason;
import io.fullrank.proto.v1.SnapshotCounts;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.WatchExperimentRequest;
import io.fullrank.proto.v1.WatchExperimentResponse;
import io.fullrank.proto.v1.WatchRunResponse;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Runs that programs outside Fullrank train, written to Kafka as records: what the packaged service
 * says of them to gRPC clients, to Prometheus and on its page.
 */
class ExternalRunIT {

  @TempDir static Path folder;

  private static RunningMetrics running;

  @BeforeAll
  static void start() throws Exception {
    running = RunningMetrics.start(folder);
  }

  @AfterAll
  static void stop() throws Exception {
    running.close();
  }

  @Test
  void watchersLearnThatARunIsSilentWithoutAnEvent() {
    request(external("still", "still-e", VARIANT_BASE, 1));
    report(Records.started("still", 1));
    report(heartbeat("still", 1, 1));
    await().atMost(LIMIT).until(() -> running.exists("still"));
    Iterator<WatchRunResponse> run = running.watch("still");
    Iterator<WatchExperimentResponse> experiment =
        running
            .metrics()
            .watchExperiment(WatchExperimentRequest.newBuilder().setExperiment("still-e").build());

    Run stalled = next(run, Run::getStalled);
    assertThat(stalled.hasLastEventAt()).isTrue();
    assertThat(nextOf(experiment, Run::getStalled)).isEqualTo(stalled);
    assertThat(running.run("still")).isEqualTo(stalled);
    assertThat(running.sample("fullrank_run_stalled" + labels("still", "still-e"))).isEqualTo(1);

    report(heartbeat("still", 1, 3600));
    assertThat(next(run, heard -> !heard.getStalled()).getLastEventAt())
        .isNotEqualTo(stalled.getLastEventAt());
    assertThat(nextOf(experiment, heard -> !heard.getStalled()).getStalled()).isFalse();
    assertThat(running.sample("fullrank_run_stalled" + labels("still", "still-e"))).isZero();
  }

  @Test
  void whatWasNotMeasuredIsAbsentEverywhere() throws Exception {
    request(external("some", "some-e", VARIANT_BASE, 1));
    report(Records.started("some", 1));
    report(heartbeat("some", 1, 3600));
    report(measured("some", Progress.newBuilder().setStep(10).setTestError(0.25)));
    report(measured("some", Progress.newBuilder().setStep(20).setBatchLoss(0.5)));
    await()
        .atMost(LIMIT)
        .until(() -> running.exists("some") && running.run("some").getProgress().getStep() == 20);

    assertThat(
            running
                .metrics()
                .listProgress(ListProgressRequest.newBuilder().setRun("some").build())
                .getProgressList())
        .containsExactly(
            Progress.newBuilder().setStep(10).setTestError(0.25).build(),
            Progress.newBuilder().setStep(20).setBatchLoss(0.5).build());
    String labels = labels("some", "some-e");
    assertThat(running.sample("fullrank_run_batch_loss" + labels)).isEqualTo(0.5);
    assertThat(running.sample("fullrank_run_test_error_ratio" + labels)).isEqualTo(0.25);
    assertThat(running.service().http().samples())
        .contains(
            "fullrank_run_info{run=\"some\",experiment=\"some-e\",variant=\"base\",seed=\"1\","
                + "framework=\"torch 2.13.0\",network=\"Classifier\",algorithm=\"AdamW\"} 1.0")
        .noneMatch(line -> line.startsWith("fullrank_run_train_loss" + labels))
        .noneMatch(line -> line.startsWith("fullrank_run_generalization_gap_ratio" + labels));
    assertThat(running.service().http().get("/api/v1/runs/some").body())
        .doesNotContain("trainLoss", "trainError", "testLoss")
        .contains("\"testError\":0.25");
    assertThat(running.deadLetters(Topic.PROGRESS)).isEmpty();
  }

  @Test
  void comparesRunsOfMixedOrigin() {
    request(Records.request("mix-base-1", "mix", VARIANT_BASE, 1));
    finish("mix-base-1", RunResult.newBuilder().setTestError(0.5));
    request(external("mix-two-phase-1", "mix", VARIANT_TWO_PHASE, 1));
    finish("mix-two-phase-1", RunResult.newBuilder().setTestError(0.25));
    request(external("mix-two-phase-2", "mix", VARIANT_TWO_PHASE, 2));
    finish("mix-two-phase-2", RunResult.newBuilder());

    await()
        .atMost(LIMIT)
        .untilAsserted(
            () -> {
              Comparison comparison =
                  running
                      .metrics()
                      .compareGeneralization(
                          CompareGeneralizationRequest.newBuilder().setExperiment("mix").build())
                      .getComparison();
              assertThat(comparison.getTwoPhase().getWithoutTestError()).isEqualTo(1);
              assertThat(comparison.getDifference().getPairs()).isEqualTo(1);
              assertThat(comparison.getDifference().getMean()).isEqualTo(-0.25);
            });
  }

  @Test
  void thePageShowsWhatARunIsAndWhatItDidNotMeasure() {
    try (Browser browser = Browser.start()) {
      request(Records.request("own-base-1", "page", VARIANT_BASE, 1));
      report(Records.started("own-base-1", 1));
      report(Records.progress("own-base-1", 1, 50, 0, 0));
      start("page-two-phase-1", VARIANT_TWO_PHASE);
      await().atMost(LIMIT).until(() -> running.exists("page-two-phase-1"));
      browser.open(running.service().http().uri("/") + "#/runs/page-two-phase-1");

      browser.awaitText("dl", "Classifier in torch 2.13.0, last hidden layer of 1280");
      browser.awaitText("dl", "AdamW (betas (0.9, 0.999), lr 0.001)");
      browser.awaitText("dl", "not analytic: relu");
      browser.awaitText("dl", "0.125 (mini-batch)");
      browser.awaitText("dl", "semeion, 1000 training rows");
      browser.awaitText("dl", "as computed by the client, 10 × 20");
      assertThat(browser.texts("#warnings li"))
          .containsExactly(
              "65 + 1 < 1000: only REFUTED can come; use a wide head",
              "1 snapshot was dropped before it reached Kafka.");
      browser.awaitText("[aria-labelledby=certificates] tbody", "as computed by the client");
      assertThat(browser.texts("[aria-labelledby=layers] tbody tr"))
          .containsExactly("0 Linear 16,448", "2 Linear 83,200", "4 Linear 12,810");
      // Two losses of mini-batches, one test error, and no key for what was not measured.
      browser.awaitPoints("Loss", 2);
      browser.awaitPoints("Error", 1);
      assertThat(browser.texts(".legend li:not([hidden])"))
          .containsExactly("mini-batch", "test", "bound");
      browser.awaitText("dl", "running, stalled: nothing heard since");

      report(heartbeat("page-two-phase-1", 1, 3600));
      browser.awaitText("dl", "running\n");
      assertThat(browser.texts("dl").get(0)).doesNotContain("stalled");
      browser.requireContent();

      browser.open(running.service().http().uri("/") + "#/experiments/page");
      browser.awaitText("[aria-labelledby=runs] tbody", "torch 2.13.0 running 20 0.125");
      browser.awaitText("[aria-labelledby=runs] tbody", "Fullrank running 50 of 100 0.02 37.5%");
      browser.awaitText("p", "2 runs, 1 trained outside Fullrank");
      browser.awaitPoints("Training loss", 3);
      report(
          Records.event("page-two-phase-1", 1)
              .setFinished(RunResult.newBuilder().setState(RUN_STATE_FINISHED).setSteps(30))
              .build());
      browser.awaitText("#left-out", "which the comparison leaves out: 1 two-phase");
      browser.requireContent();
    }
  }

  /** A run that falls silent after a second, with losses of mini-batches, a verdict and a skip. */
  private static void start(String run, Variant variant) {
    request(
        external(run, "page", variant, 1).toBuilder()
            .addWarnings("65 + 1 < 1000: only REFUTED can come; use a wide head")
            .build());
    report(
        Records.event(run, 1)
            .setStarted(
                RunHeader.newBuilder()
                    .setRun(run)
                    .setAttempt(1)
                    .setSpec(external(run, "page", variant, 1).getSpec())
                    .setTrainer("laptop, process 17")
                    .setDataSet(DataSetIdentity.newBuilder().setName("semeion").setTrainRows(1000)))
            .build());
    report(heartbeat(run, 1, 1));
    report(measured(run, Progress.newBuilder().setStep(10).setBatchLoss(0.25).setTestError(0.375)));
    report(
        measured(
            run,
            Progress.newBuilder()
                .setStep(20)
                .setPhase(Phase.PHASE_ONE)
                .setBatchLoss(0.125)
                .setSnapshots(SnapshotCounts.newBuilder().setPublished(3).setDropped(1))));
    running.send(
        Topic.VERDICTS,
        run,
        Records.record(
            Records.verdict(run, 1, 20, OUTCOME_CERTIFIED).toBuilder()
                .setWitness(true)
                .setFeatureSource(FeatureSource.FEATURE_SOURCE_CLIENT)
                .build()));
    running.send(
        Topic.VERDICTS,
        run,
        Records.record(
            Records.skipped(run, 1, 10).toBuilder()
                .setReason(SkipReason.SKIP_REASON_NO_FEATURES)
                .build()));
  }

  private static void request(RunRequest request) {
    running.send(Topic.EXPERIMENTS, request.getRun(), request);
  }

  private static void report(RunEvent event) {
    running.send(Topic.PROGRESS, event.getRun(), now(event));
  }

  private static void finish(String run, RunResult.Builder result) {
    report(Records.event(run, 1).setFinished(result.setState(RUN_STATE_FINISHED)).build());
  }

  private static RunEvent measured(String run, Progress.Builder progress) {
    return Records.event(run, 1).setProgress(progress).build();
  }

  private static Run next(Iterator<WatchRunResponse> watch, Predicate<Run> wanted) {
    Run run = watch.next().getRun();
    while (!wanted.test(run)) {
      run = watch.next().getRun();
    }
    return run;
  }

  private static Run nextOf(Iterator<WatchExperimentResponse> watch, Predicate<Run> wanted) {
    Run run = watch.next().getRuns(0);
    while (!wanted.test(run)) {
      run = watch.next().getRuns(0);
    }
    return run;
  }

  private static String labels(String run, String experiment) {
    return "{run=\"%s\",experiment=\"%s\",variant=\"base\",seed=\"1\"}".formatted(run, experiment);
  }
}
