package io.fullrank.metrics;

import static io.fullrank.metrics.Records.finished;
import static io.fullrank.metrics.Records.progress;
import static io.fullrank.metrics.Records.record;
import static io.fullrank.metrics.Records.request;
import static io.fullrank.metrics.Records.skipped;
import static io.fullrank.metrics.Records.started;
import static io.fullrank.metrics.Records.verdict;
import static io.fullrank.metrics.RunningMetrics.LIMIT;
import static io.fullrank.metrics.RunningMetrics.failure;
import static io.fullrank.metrics.RunningMetrics.serving;
import static io.fullrank.proto.v1.Outcome.OUTCOME_CERTIFIED;
import static io.fullrank.proto.v1.Outcome.OUTCOME_UNDETERMINED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_FINISHED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_PENDING;
import static io.fullrank.proto.v1.RunState.RUN_STATE_RUNNING;
import static io.fullrank.proto.v1.Variant.VARIANT_BASE;
import static io.fullrank.proto.v1.Variant.VARIANT_TWO_PHASE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Timestamp;
import grpc.health.v1.HealthOuterClass.HealthCheckResponse.ServingStatus;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.CompareGeneralizationRequest;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.DataSetSpec;
import io.fullrank.proto.v1.Experiment;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.Guarantee;
import io.fullrank.proto.v1.LatestTestError;
import io.fullrank.proto.v1.ListExperimentsRequest;
import io.fullrank.proto.v1.ListProgressRequest;
import io.fullrank.proto.v1.ListProgressResponse;
import io.fullrank.proto.v1.ListRunsRequest;
import io.fullrank.proto.v1.ListRunsResponse;
import io.fullrank.proto.v1.ListVerdictsRequest;
import io.fullrank.proto.v1.ListVerdictsResponse;
import io.fullrank.proto.v1.MetricsServiceGrpc;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunCount;
import io.fullrank.proto.v1.RunEvent;
import io.fullrank.proto.v1.RunRequest;
import io.fullrank.proto.v1.RunResult;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.SnapshotAccount;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.proto.v1.WatchExperimentRequest;
import io.fullrank.proto.v1.WatchExperimentResponse;
import io.fullrank.proto.v1.WatchRunRequest;
import io.fullrank.proto.v1.WatchRunResponse;
import io.fullrank.testsupport.process.JavaCommand;
import io.fullrank.testsupport.process.PackagedService;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.reflection.v1.ServiceResponse;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.grpc.stub.StreamObserver;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The packaged service against a real broker; each test has runs of its own. */
class MetricsServiceIT {

  @TempDir static Path folder;

  private static RunningMetrics running;
  private static PackagedService service;
  private static ManagedChannel channel;

  @BeforeAll
  static void start() throws Exception {
    running = RunningMetrics.start(folder);
    service = running.service();
    channel = running.channel();
  }

  @AfterAll
  static void stop() throws Exception {
    running.close();
  }

  @Test
  void startsWithoutAWordAboutThreadsThatItDoesNotUse() throws Exception {
    assertThat(service.log()).contains("Caught up").doesNotContain("virtual threads");
  }

  @Test
  void showsARunFromItsRequestToItsResult() {
    Verdict witness =
        verdict("life", 1, 60, OUTCOME_CERTIFIED).toBuilder().setWitness(true).build();

    send(Topic.EXPERIMENTS, "life", request("life", "life-e", VARIANT_TWO_PHASE, 3));
    await().atMost(LIMIT).until(() -> exists("life"));
    assertThat(run("life").getState()).isEqualTo(RUN_STATE_PENDING);

    // A verdict overtakes the start of its attempt: it counts once that has come.
    send(Topic.VERDICTS, "life", record(verdict("life", 1, 0, OUTCOME_UNDETERMINED)));
    send(Topic.PROGRESS, "life", started("life", 1));
    send(Topic.PROGRESS, "life", progress("life", 1, 50, 2, 0));
    send(Topic.VERDICTS, "life", record(skipped("life", 1, 50)));
    send(Topic.VERDICTS, "life", record(witness));
    send(Topic.VERDICTS, "life", record(witness));
    send(Topic.PROGRESS, "life", finished("life", 1, RUN_STATE_FINISHED, 4, 1));
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertThat(run("life").toBuilder().clearLastEventAt().build())
                    .isEqualTo(
                        Run.newBuilder()
                            .setRequest(request("life", "life-e", VARIANT_TWO_PHASE, 3))
                            .setState(RUN_STATE_FINISHED)
                            .setHeader(started("life", 1).getStarted())
                            .setProgress(progress("life", 1, 50, 2, 0).getProgress())
                            .setLatestVerdict(witness)
                            .setWitnessVerdict(witness)
                            .addLatestVerdicts(witness)
                            .setSnapshots(
                                SnapshotAccount.newBuilder()
                                    .setPublished(4)
                                    .setChecked(2)
                                    .setSkipped(1)
                                    .setDropped(1))
                            .setResult(finished("life", 1, RUN_STATE_FINISHED, 4, 1).getFinished())
                            .build()));
  }

  @Test
  void listsRunsInPagesInTheOrderOfTheirSubmission() {
    List<String> names = new ArrayList<>();
    for (long seed = 1; seed <= 12; seed++) {
      for (Variant variant : List.of(VARIANT_BASE, VARIANT_TWO_PHASE)) {
        String name = "list-%s-%d".formatted(variant.getNumber(), seed);
        send(Topic.EXPERIMENTS, name, request(name, "list-e", variant, seed));
      }
    }
    for (Variant variant : List.of(VARIANT_BASE, VARIANT_TWO_PHASE)) {
      for (long seed = 1; seed <= 12; seed++) {
        names.add("list-%s-%d".formatted(variant.getNumber(), seed));
      }
    }
    send(Topic.EXPERIMENTS, "list-other", request("list-other", "list-o", VARIANT_BASE, 1));
    await()
        .atMost(LIMIT)
        .until(() -> exists("list-other") && names.stream().allMatch(MetricsServiceIT::exists));

    List<List<String>> pages = pages("list-e", 10);

    assertThat(pages).extracting(List::size).containsExactly(10, 10, 4);
    assertThat(pages.stream().flatMap(List::stream)).containsExactlyElementsOf(names);
    assertThat(pages("", 0).stream().flatMap(List::stream))
        .contains("list-other")
        .containsAll(names);
    assertThat(metrics().listRuns(ListRunsRequest.newBuilder().setExperiment("no-such").build()))
        .isEqualTo(ListRunsResponse.getDefaultInstance());
  }

  @Test
  void cutsPagesBeforeTheyAreTooLargeForClients() {
    String warning = "w".repeat(200_000);
    for (int i = 1; i <= 20; i++) {
      String name = "large-" + i;
      send(
          Topic.EXPERIMENTS,
          name,
          request(name, "large-e", VARIANT_BASE, i).toBuilder().addWarnings(warning).build());
    }
    await().atMost(LIMIT).until(() -> exists("large-20"));
    await()
        .atMost(LIMIT)
        .until(() -> pages("large-e", 0).stream().map(List::size).toList().equals(List.of(15, 5)));
  }

  @Test
  void keepsARunOfWhichMoreIsKnownThanAMebibyte() {
    // Printable text that hardly compresses: 250,000 bytes in each of six records.
    Random random = new Random(17);
    Supplier<String> text =
        () -> {
          StringBuilder letters = new StringBuilder();
          random.ints(250_000, ' ', '~').forEach(letters::appendCodePoint);
          return letters.toString();
        };
    String name = "long";
    send(
        Topic.EXPERIMENTS,
        name,
        request(name, "long-e", VARIANT_BASE, 1).toBuilder().addWarnings(text.get()).build());
    RunEvent started = started(name, 1);
    send(
        Topic.PROGRESS,
        name,
        started.toBuilder()
            .setStarted(started.getStarted().toBuilder().addWarnings(text.get()))
            .build());
    send(
        Topic.PROGRESS,
        name,
        RunEvent.newBuilder()
            .setRun(name)
            .setAttempt(1)
            .setGuarantee(Guarantee.newBuilder().setText(text.get()))
            .build());
    for (long step : new long[] {1, 2}) {
      Verdict.Builder verdict = verdict(name, 1, step, OUTCOME_CERTIFIED).toBuilder();
      verdict.getCertificateBuilder().setReason(text.get());
      send(Topic.VERDICTS, name, record(verdict.setWitness(step == 1).build()));
    }
    send(
        Topic.PROGRESS,
        name,
        RunEvent.newBuilder()
            .setRun(name)
            .setAttempt(1)
            .setFinished(
                RunResult.newBuilder().setState(RunState.RUN_STATE_FINISHED).setReason(text.get()))
            .build());

    await()
        .atMost(LIMIT)
        .until(() -> exists(name) && run(name).getResult().getReason().length() == 250_000);
    assertThat(run(name).getSerializedSize()).isGreaterThan(1_300_000);
  }

  @Test
  void listsVerdictsInPagesByStep() {
    send(Topic.EXPERIMENTS, "steps", request("steps", "steps-e", VARIANT_BASE, 1));
    send(Topic.PROGRESS, "steps", started("steps", 1));
    for (long step : new long[] {30, 10, 100, 20, 9}) {
      send(Topic.VERDICTS, "steps", record(verdict("steps", 1, step, OUTCOME_CERTIFIED)));
    }
    await()
        .atMost(LIMIT)
        .until(() -> exists("steps") && run("steps").getSnapshots().getChecked() == 5);

    ListVerdictsRequest first =
        ListVerdictsRequest.newBuilder().setRun("steps").setPageSize(3).build();
    ListVerdictsResponse page = metrics().listVerdicts(first);
    assertThat(page.getVerdictsList()).extracting(Verdict::getStep).containsExactly(9L, 10L, 20L);
    ListVerdictsRequest second = first.toBuilder().setPageToken(page.getNextPageToken()).build();
    ListVerdictsResponse last = metrics().listVerdicts(second);
    assertThat(last.getVerdictsList()).extracting(Verdict::getStep).containsExactly(30L, 100L);
    assertThat(last.getNextPageToken()).isEmpty();

    send(Topic.PROGRESS, "steps", started("steps", 2));
    await().atMost(LIMIT).until(() -> run("steps").getHeader().getAttempt() == 2);
    assertThat(failure(() -> metrics().listVerdicts(second)))
        .isEqualTo(
            "INVALID_ARGUMENT: page_token: run steps has started again since; "
                + "leave it empty to begin anew");
  }

  @Test
  void listsExperimentsTheNewestFirst() {
    long base = 1_900_000_000;
    List<String> names = List.of("age-c", "age-b", "age-a");
    for (int i = 0; i < names.size(); i++) {
      for (int seed = 0; seed < 4; seed++) {
        String run = names.get(i) + seed;
        send(
            Topic.EXPERIMENTS,
            run,
            request(run, names.get(i), VARIANT_BASE, seed).toBuilder()
                .setSubmittedAt(Timestamp.newBuilder().setSeconds(base + i))
                .build());
      }
    }
    send(Topic.PROGRESS, "age-b2", started("age-b2", 1));
    send(Topic.PROGRESS, "age-b3", finished("age-b3", 1, RUN_STATE_FINISHED, 0, 0));
    Experiment middle =
        Experiment.newBuilder()
            .setExperiment("age-b")
            .setSpec(request("r", "age-b", VARIANT_BASE, 0).getSpec())
            .setSubmittedAt(Timestamp.newBuilder().setSeconds(base + 1))
            .addRuns(RunCount.newBuilder().setState(RUN_STATE_PENDING).setRuns(2))
            .addRuns(RunCount.newBuilder().setState(RUN_STATE_RUNNING).setRuns(1))
            .addRuns(RunCount.newBuilder().setState(RUN_STATE_FINISHED).setRuns(1))
            .setDone(0.25)
            .addTestErrors(
                LatestTestError.newBuilder().setVariant(VARIANT_BASE).setRuns(1).setMean(0.25))
            .build();
    ListExperimentsRequest first = ListExperimentsRequest.newBuilder().setPageSize(2).build();
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertThat(metrics().listExperiments(first).getExperimentsList())
                    .hasSize(2)
                    .contains(middle)
                    .extracting(Experiment::getExperiment)
                    .containsExactly("age-a", "age-b"));
    String token = metrics().listExperiments(first).getNextPageToken();
    assertThat(
            metrics()
                .listExperiments(first.toBuilder().setPageToken(token).build())
                .getExperiments(0)
                .getExperiment())
        .isEqualTo("age-c");
  }

  @Test
  void listsOnlyTheRunsAskedFor() {
    for (String name : List.of("only-1", "only-2", "only-3", "only-4")) {
      RunRequest request =
          request(
              name,
              "only-e",
              name.endsWith("4") ? VARIANT_TWO_PHASE : VARIANT_BASE,
              name.charAt(5) - '0');
      ExperimentSpec spec =
          request.getSpec().toBuilder()
              .setDataSet(
                  DataSetSpec.newBuilder().setName(name.endsWith("3") ? "strokes" : "semeion"))
              .build();
      send(Topic.EXPERIMENTS, name, request.toBuilder().setSpec(spec).build());
    }
    send(Topic.PROGRESS, "only-2", started("only-2", 1));
    ListRunsRequest all = ListRunsRequest.newBuilder().setExperiment("only-e").build();
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () -> {
              assertThat(names(all.toBuilder())).hasSize(4);
              assertThat(names(all.toBuilder().addStates(RUN_STATE_RUNNING)))
                  .containsExactly("only-2");
            });
    assertThat(names(all.toBuilder().addStates(RUN_STATE_RUNNING).addStates(RUN_STATE_PENDING)))
        .containsExactly("only-1", "only-2", "only-3", "only-4");
    assertThat(names(all.toBuilder().setDataSet("semeion").setVariant(VARIANT_BASE)))
        .containsExactly("only-1", "only-2");
    assertThat(names(all.toBuilder().setVariant(VARIANT_TWO_PHASE))).containsExactly("only-4");
    assertThat(names(all.toBuilder().addStates(RUN_STATE_FINISHED))).isEmpty();

    String token = metrics().listRuns(all.toBuilder().setPageSize(1).build()).getNextPageToken();
    assertThat(
            failure(
                () ->
                    metrics()
                        .listRuns(
                            all.toBuilder().setDataSet("semeion").setPageToken(token).build())))
        .startsWith("INVALID_ARGUMENT: page_token: not one that this list gave out");
    assertThat(failure(() -> metrics().listRuns(all.toBuilder().addStatesValue(0).build())))
        .isEqualTo("INVALID_ARGUMENT: states: there is no state RUN_STATE_UNSPECIFIED");
    assertThat(failure(() -> metrics().listRuns(all.toBuilder().setVariantValue(9).build())))
        .isEqualTo("INVALID_ARGUMENT: variant: there is no variant 9");
  }

  @Test
  void listsProgressAndVerdictsOfStepsAndSomeOfMany() {
    send(Topic.EXPERIMENTS, "many", request("many", "many-e", VARIANT_TWO_PHASE, 1));
    send(Topic.PROGRESS, "many", started("many", 1));
    for (long step = 1; step <= 100; step++) {
      send(Topic.PROGRESS, "many", progress("many", 1, step, 0, 0));
      send(
          Topic.VERDICTS,
          "many",
          record(
              verdict("many", 1, step, OUTCOME_CERTIFIED).toBuilder()
                  .setWitness(step == 60)
                  .build()));
    }
    await()
        .atMost(LIMIT)
        .until(
            () ->
                exists("many")
                    && run("many").getSnapshots().getChecked() == 100
                    && run("many").getProgress().getStep() == 100);
    ListProgressRequest progress = ListProgressRequest.newBuilder().setRun("many").build();
    ListVerdictsRequest verdicts = ListVerdictsRequest.newBuilder().setRun("many").build();

    assertThat(steps(progress.toBuilder().setFromStep(7).setToStep(9))).containsExactly(7L, 8L, 9L);
    assertThat(steps(progress.toBuilder().setFromStep(99))).containsExactly(99L, 100L);
    assertThat(steps(progress.toBuilder().setToStep(2))).containsExactly(1L, 2L);
    assertThat(steps(progress.toBuilder().setFromStep(101))).isEmpty();
    assertThat(steps(progress.toBuilder().setMaxPoints(4))).containsExactly(1L, 34L, 67L, 100L);
    assertThat(steps(progress.toBuilder().setFromStep(7).setToStep(9).setMaxPoints(2)))
        .containsExactly(7L, 9L);
    assertThat(steps(progress.toBuilder().setFromStep(7).setToStep(9).setMaxPoints(50)))
        .containsExactly(7L, 8L, 9L);
    assertThat(steps(verdicts.toBuilder().setFromStep(7).setToStep(9))).containsExactly(7L, 8L, 9L);
    assertThat(steps(verdicts.toBuilder().setMaxPoints(4))).containsExactly(1L, 34L, 60L, 100L);
    assertThat(steps(verdicts.toBuilder().setMaxPoints(1))).containsExactly(60L);
    assertThat(steps(verdicts.toBuilder().setToStep(50).setMaxPoints(2))).containsExactly(1L, 50L);

    List<Long> paged = new ArrayList<>();
    ListProgressRequest.Builder page = progress.toBuilder().setFromStep(11).setPageSize(40);
    do {
      ListProgressResponse response = metrics().listProgress(page.build());
      response.getProgressList().forEach(each -> paged.add(each.getStep()));
      page.setPageToken(response.getNextPageToken());
    } while (!page.getPageToken().isEmpty());
    assertThat(paged).containsExactlyElementsOf(LongStream.rangeClosed(11, 100).boxed().toList());

    assertThat(
            failure(
                () ->
                    metrics()
                        .listProgress(progress.toBuilder().setFromStep(9).setToStep(8).build())))
        .isEqualTo("INVALID_ARGUMENT: from_step: 9 is after to_step, 8");
    assertThat(
            failure(() -> metrics().listProgress(progress.toBuilder().setMaxPoints(1001).build())))
        .isEqualTo("INVALID_ARGUMENT: max_points: 1001 is more than 1000");
    assertThat(
            failure(
                () ->
                    metrics()
                        .listVerdicts(
                            verdicts.toBuilder().setMaxPoints(3).setPageToken("AAAA").build())))
        .isEqualTo(
            "INVALID_ARGUMENT: page_token: with max_points there is one page; leave it empty");
    assertThat(
            failure(() -> metrics().listProgress(progress.toBuilder().setRun("no-such").build())))
        .startsWith("NOT_FOUND: run: there is no no-such; the latest are ");
  }

  @Test
  void keepsWhatStandsOfARunThatGoesOn() {
    send(Topic.EXPERIMENTS, "on", request("on", "on-e", VARIANT_BASE, 1));
    send(Topic.PROGRESS, "on", started("on", 1));
    for (long step = 10; step <= 50; step += 10) {
      send(Topic.PROGRESS, "on", progress("on", 1, step, step / 10, 0));
      send(Topic.VERDICTS, "on", record(verdict("on", 1, step, OUTCOME_CERTIFIED)));
    }
    await().atMost(LIMIT).until(() -> exists("on") && run("on").getSnapshots().getChecked() == 5);
    ListVerdictsRequest list = ListVerdictsRequest.newBuilder().setRun("on").setPageSize(2).build();
    String afterTwenty = metrics().listVerdicts(list).getNextPageToken();
    String afterForty =
        metrics()
            .listVerdicts(list.toBuilder().setPageToken(afterTwenty).build())
            .getNextPageToken();

    send(Topic.PROGRESS, "on", Records.resumed("on", 2, 30));
    send(Topic.PROGRESS, "on", progress("on", 2, 35, 4, 0));
    send(Topic.VERDICTS, "on", record(verdict("on", 2, 35, OUTCOME_UNDETERMINED)));
    await().atMost(LIMIT).until(() -> run("on").getLatestVerdict().getStep() == 35);
    await().atMost(LIMIT).until(() -> run("on").getProgress().getStep() == 35);

    assertThat(run("on").getSnapshots())
        .isEqualTo(SnapshotAccount.newBuilder().setPublished(4).setChecked(4).build());
    assertThat(steps(ListProgressRequest.newBuilder().setRun("on")))
        .containsExactly(10L, 20L, 30L, 35L);
    // A list goes on where what was shown stands, and not where it was replaced.
    assertThat(steps(list.toBuilder().setPageToken(afterTwenty))).containsExactly(30L, 35L);
    assertThat(
            failure(
                () -> metrics().listVerdicts(list.toBuilder().setPageToken(afterForty).build())))
        .isEqualTo(
            "INVALID_ARGUMENT: page_token: run on has started again since; "
                + "leave it empty to begin anew");
  }

  @Test
  void streamsAnExperimentAndGoesOnFromAToken() {
    List<String> names = List.of("both-1", "both-2", "both-3");
    for (int i = 0; i < 3; i++) {
      send(Topic.EXPERIMENTS, names.get(i), request(names.get(i), "both-e", VARIANT_BASE, i));
    }
    await().atMost(LIMIT).until(() -> names.stream().allMatch(MetricsServiceIT::exists));
    WatchExperimentRequest request =
        WatchExperimentRequest.newBuilder().setExperiment("both-e").build();
    Iterator<WatchExperimentResponse> states = metrics().watchExperiment(request);
    assertThat(runsOf(states.next())).isEqualTo(names);

    send(Topic.PROGRESS, "both-2", started("both-2", 1));
    WatchExperimentResponse second = states.next();
    assertThat(runsOf(second)).containsExactly("both-2");

    Iterator<WatchExperimentResponse> resumed =
        metrics()
            .watchExperiment(request.toBuilder().setResumeToken(second.getResumeToken()).build());
    send(Topic.PROGRESS, "both-3", started("both-3", 1));
    assertThat(runsOf(resumed.next())).containsExactly("both-3");
    Iterator<WatchExperimentResponse> unknown =
        metrics().watchExperiment(request.toBuilder().setResumeToken("anything").build());
    assertThat(runsOf(unknown.next())).isEqualTo(names);

    names.forEach(run -> send(Topic.PROGRESS, run, finished(run, 1, RUN_STATE_FINISHED, 0, 0)));
    List<Iterator<WatchExperimentResponse>> streams = List.of(states, resumed, unknown);
    for (Iterator<WatchExperimentResponse> stream : streams) {
      Map<String, Run> last = new HashMap<>();
      stream.forEachRemaining(
          response ->
              response.getRunsList().forEach(run -> last.put(run.getRequest().getRun(), run)));
      assertThat(last.values()).hasSize(3).allMatch(run -> run.getState() == RUN_STATE_FINISHED);
    }

    // Told all there is, and all is settled: nothing is left to say.
    WatchRunRequest one = WatchRunRequest.newBuilder().setRun("both-1").build();
    String token = metrics().watchRun(one).next().getResumeToken();
    assertThat(metrics().watchRun(one.toBuilder().setResumeToken(token).build()).hasNext())
        .isFalse();
    assertThat(
            failure(
                () ->
                    metrics()
                        .watchExperiment(request.toBuilder().setExperiment("no").build())
                        .hasNext()))
        .startsWith("NOT_FOUND: experiment: there is no no; the latest are ");
  }

  @Test
  void servesAClientInPython() throws Exception {
    List<String> names = List.of("python-1", "python-2", "python-3");
    for (int i = 0; i < 3; i++) {
      send(Topic.EXPERIMENTS, names.get(i), request(names.get(i), "python-e", VARIANT_BASE, i));
    }
    send(Topic.PROGRESS, "python-1", started("python-1", 1));
    for (long step = 1; step <= 9; step++) {
      send(Topic.PROGRESS, "python-1", progress("python-1", 1, step, 1, 0));
    }
    send(Topic.VERDICTS, "python-1", record(verdict("python-1", 1, 9, OUTCOME_CERTIFIED)));
    names.forEach(run -> send(Topic.PROGRESS, run, finished(run, 1, RUN_STATE_FINISHED, 1, 0)));
    await()
        .atMost(LIMIT)
        .until(
            () ->
                names.stream()
                    .allMatch(run -> exists(run) && run(run).getState() == RUN_STATE_FINISHED));
    // Debian's packages are for Debian's Python, which need not be the first in the PATH.
    String output = "";
    int status = 3;
    for (String python : List.of("python3", "/usr/bin/python3")) {
      if (status == 3) {
        Process client =
            new ProcessBuilder(
                    python,
                    "src/test/python/metrics_client.py",
                    "127.0.0.1:" + service.grpcPort(),
                    "../proto/src/main/proto",
                    "python-e")
                .redirectError(folder.resolve("python.log").toFile())
                .start();
        output = new String(client.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        status = client.waitFor();
      }
    }
    String errors = Files.readString(folder.resolve("python.log"));
    assumeThat(status).as("SKIPPED, no client in Python: " + errors).isNotEqualTo(3);
    assertThat(status).as(errors).isZero();

    JsonNode answers = new ObjectMapper().readTree(output);
    assertThat(texts(answers.get("experiments"))).contains("python-e");
    assertThat(texts(answers.get("runs"))).isEqualTo(names);
    assertThat(answers.get("pages").asInt()).isEqualTo(2);
    assertThat(answers.at("/run/state").asText()).isEqualTo("RUN_STATE_FINISHED");
    assertThat(answers.at("/run/latestVerdict/certificate/sigmaMinLowerBound").asDouble())
        .isEqualTo(0.03125);
    assertThat(texts(answers.get("steps"))).containsExactly("1", "5", "9");
    assertThat(texts(answers.get("verdicts"))).containsExactly("9");
    assertThat(answers.get("watched").asText()).isEqualTo("python-1");
    assertThat(texts(answers.get("watched_together"))).isEqualTo(names);
    assertThat(answers.get("pairs").asInt()).isZero();
    assertThat(answers.at("/error/0").asText()).isEqualTo("NOT_FOUND");
    assertThat(answers.at("/error/1").asText()).startsWith("run: there is no no-such; the latest");
    assertThat(answers.get("deleted").asInt()).isEqualTo(3);
    assertThat(exists("python-1")).isFalse();
  }

  @Test
  void comparesVariants() {
    double[][] errors = {{0.25, 0.25}, {0.5, 0.75}};
    for (int seed = 0; seed < 2; seed++) {
      for (Variant variant : List.of(VARIANT_BASE, VARIANT_TWO_PHASE)) {
        String name = "compare-%d-%d".formatted(variant.getNumber(), seed);
        send(Topic.EXPERIMENTS, name, request(name, "compare-e", variant, seed));
        send(
            Topic.PROGRESS,
            name,
            Records.event(name, 1)
                .setFinished(
                    RunResult.newBuilder()
                        .setState(RUN_STATE_FINISHED)
                        .setTestError(errors[seed][variant == VARIANT_BASE ? 0 : 1]))
                .build());
      }
    }

    await()
        .atMost(LIMIT)
        .untilAsserted(
            () -> assertThat(compare("compare-e").getDifference().getPairs()).isEqualTo(2));
    Comparison comparison = compare("compare-e");
    assertThat(comparison.getBase().getMeanTestError()).isEqualTo(0.375);
    assertThat(comparison.getTwoPhase().getMeanTestError()).isEqualTo(0.5);
    assertThat(comparison.getDifference().getMean()).isEqualTo(0.125);
    assertThat(comparison.getEquivalenceMargin()).isEqualTo(0.01);
    assertThat(comparison.getEquivalent()).isFalse();
  }

  @Test
  void saysWhatIsWrongWithARequest() {
    send(Topic.EXPERIMENTS, "there", request("there", "there-e", VARIANT_BASE, 1));
    await().atMost(LIMIT).until(() -> exists("there"));
    ListRunsRequest list = ListRunsRequest.getDefaultInstance();

    assertThat(failure(() -> run(""))).isEqualTo("INVALID_ARGUMENT: run: is empty");
    assertThat(failure(() -> run("no-such")))
        .startsWith("NOT_FOUND: run: there is no no-such; the latest are ");
    assertThat(failure(() -> compare("no-such")))
        .startsWith("NOT_FOUND: experiment: there is no no-such; the latest are ");
    assertThat(failure(() -> watch("no-such").hasNext())).startsWith("NOT_FOUND: run: there is no");
    assertThat(failure(() -> metrics().listRuns(list.toBuilder().setPageSize(1001).build())))
        .isEqualTo("INVALID_ARGUMENT: page_size: 1001 is more than 1000");
    String long1MiB = "A".repeat(1 << 20);
    WatchRunRequest run = WatchRunRequest.newBuilder().setRun("there").build();
    assertThat(
            failure(
                () ->
                    metrics().watchRun(run.toBuilder().setResumeToken(long1MiB).build()).hasNext()))
        .startsWith("INVALID_ARGUMENT: resume_token: 1048576 characters, a token of 1 run has at");
    WatchExperimentRequest experiment =
        WatchExperimentRequest.newBuilder().setExperiment("there-e").build();
    assertThat(
            failure(
                () ->
                    metrics()
                        .watchExperiment(experiment.toBuilder().setResumeToken(long1MiB).build())
                        .hasNext()))
        .startsWith("INVALID_ARGUMENT: resume_token: 1048576 characters, a token of 1 run has at");
    for (String token : List.of("not base 64!", "bm8tc3VjaA", "AAAA")) {
      assertThat(failure(() -> metrics().listRuns(list.toBuilder().setPageToken(token).build())))
          .startsWith("INVALID_ARGUMENT: page_token: not one that this list gave out");
      assertThat(
              failure(
                  () ->
                      metrics()
                          .listVerdicts(
                              ListVerdictsRequest.newBuilder()
                                  .setRun("there")
                                  .setPageToken(token)
                                  .build())))
          .startsWith("INVALID_ARGUMENT: page_token: not one that this list gave out");
    }
  }

  @Test
  void streamsARunUntilItsSnapshotsAreAccountedFor() {
    send(Topic.EXPERIMENTS, "watched", request("watched", "watched-e", VARIANT_BASE, 1));
    await().atMost(LIMIT).until(() -> exists("watched"));

    Iterator<WatchRunResponse> states = watch("watched");
    assertThat(states.next().getRun().getState()).isEqualTo(RUN_STATE_PENDING);
    send(Topic.PROGRESS, "watched", started("watched", 1));
    nextWith(states, run -> run.getState() == RUN_STATE_RUNNING);
    send(Topic.PROGRESS, "watched", progress("watched", 1, 10, 1, 0));
    nextWith(states, run -> run.getProgress().getStep() == 10);
    send(Topic.PROGRESS, "watched", finished("watched", 1, RUN_STATE_FINISHED, 1, 0));
    nextWith(states, run -> run.getState() == RUN_STATE_FINISHED);
    send(Topic.VERDICTS, "watched", record(verdict("watched", 1, 10, OUTCOME_CERTIFIED)));
    nextWith(states, run -> run.getSnapshots().getChecked() == 1);
    assertThat(states.hasNext()).isFalse();

    // A run that is settled is sent once.
    Iterator<WatchRunResponse> again = watch("watched");
    assertThat(again.next().getRun()).isEqualTo(run("watched"));
    assertThat(again.hasNext()).isFalse();
  }

  @Test
  void aSlowReaderMissesStatesButNotTheLatest() throws Exception {
    int changes = 400;
    send(Topic.EXPERIMENTS, "slow", request("slow", "slow-e", VARIANT_BASE, 1));
    RunEvent large = started("slow", 1);
    send(
        Topic.PROGRESS,
        "slow",
        large.toBuilder()
            .setStarted(large.getStarted().toBuilder().addWarnings("w".repeat(100_000)))
            .build());
    await()
        .atMost(LIMIT)
        .until(() -> exists("slow") && run("slow").getState() == RUN_STATE_RUNNING);
    SlowReader reader = new SlowReader();
    MetricsServiceGrpc.newStub(channel)
        .watchRun(WatchRunRequest.newBuilder().setRun("slow").build(), reader);
    assertThat(reader.next().getState()).isEqualTo(RUN_STATE_RUNNING);

    for (int step = 1; step <= changes; step++) {
      send(Topic.PROGRESS, "slow", progress("slow", 1, step, 0, 0));
    }
    send(Topic.PROGRESS, "slow", finished("slow", 1, RUN_STATE_FINISHED, 0, 0));
    await().atMost(LIMIT).until(() -> run("slow").getState() == RUN_STATE_FINISHED);

    List<Run> states = new ArrayList<>();
    do {
      states.add(reader.next());
    } while (states.get(states.size() - 1).getState() != RUN_STATE_FINISHED);
    reader.completed.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
    assertThat(states.get(states.size() - 1)).isEqualTo(run("slow"));
    // What the transport takes before it says that it is full, and not a state more.
    assertThat(states).hasSizeLessThan(changes / 2);
    assertThat(states)
        .extracting(run -> run.getProgress().getStep())
        .isSorted()
        .doesNotHaveDuplicates();
  }

  @Test
  void aClientThatGoesLeavesNothingBehind() {
    send(Topic.EXPERIMENTS, "left", request("left", "left-e", VARIANT_BASE, 1));
    await().atMost(LIMIT).until(() -> exists("left"));
    await()
        .atMost(LIMIT)
        .until(() -> service.http().samples().contains("fullrank_run_watchers 0.0"));

    Context.CancellableContext client = Context.current().withCancellation();
    client.run(() -> assertThat(watch("left").hasNext()).isTrue());
    assertThat(service.http().samples()).contains("fullrank_run_watchers 1.0");

    client.cancel(null);
    await()
        .atMost(LIMIT)
        .until(() -> service.http().samples().contains("fullrank_run_watchers 0.0"));
  }

  @Test
  void showsSeriesOfARunAsLongAsItRuns() {
    String labels = "{run=\"series\",experiment=\"series-e\",variant=\"two-phase\",seed=\"7\"}";
    String outcome = labels.replace("}", ",outcome=\"%s\"}");
    String ofCheck = labels.replace("}", ",check=\"expressivity\",outcome=\"%s\"}");
    send(Topic.EXPERIMENTS, "series", request("series", "series-e", VARIANT_TWO_PHASE, 7));
    await().atMost(LIMIT).until(() -> exists("series"));
    assertThat(seriesOf("series")).isEmpty();

    Timestamp at = Timestamp.newBuilder().setSeconds(1_700_000_000).build();
    send(Topic.PROGRESS, "series", started("series", 1).toBuilder().setAt(at).build());
    send(Topic.PROGRESS, "series", progress("series", 1, 16, 5, 1).toBuilder().setAt(at).build());
    send(Topic.VERDICTS, "series", record(verdict("series", 1, 10, OUTCOME_CERTIFIED)));
    send(Topic.VERDICTS, "series", record(skipped("series", 1, 12)));
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertThat(seriesOf("series"))
                    .containsExactlyInAnyOrder(
                        "fullrank_run_step" + labels + " 16.0",
                        "fullrank_run_epoch" + labels + " 1.6",
                        "fullrank_run_phase" + labels + " 1.0",
                        "fullrank_run_train_loss" + labels + " 0.0625",
                        "fullrank_run_test_loss" + labels + " 0.5",
                        "fullrank_run_train_error_ratio" + labels + " 0.125",
                        "fullrank_run_test_error_ratio" + labels + " 0.375",
                        "fullrank_run_generalization_gap_ratio" + labels + " 0.25",
                        "fullrank_run_stalled" + labels + " 0.0",
                        "fullrank_run_last_event_timestamp_seconds" + labels + " 1.7E9",
                        "fullrank_run_info"
                            + labels.replace(
                                "}",
                                ",framework=\"fullrank\",network=\"not-set\",algorithm=\"not-set\"}")
                            + " 1.0",
                        "fullrank_run_sigma_min_lower_bound" + labels + " 0.03125",
                        "fullrank_run_latest_verdict_timestamp_seconds" + labels + " 1.800000012E9",
                        "fullrank_run_certificate_outcome"
                            + outcome.formatted("certified")
                            + " 1.0",
                        "fullrank_run_certificate_outcome" + outcome.formatted("refuted") + " 0.0",
                        "fullrank_run_certificate_outcome"
                            + outcome.formatted("undetermined")
                            + " 0.0",
                        "fullrank_run_check_outcome" + ofCheck.formatted("certified") + " 1.0",
                        "fullrank_run_check_outcome" + ofCheck.formatted("refuted") + " 0.0",
                        "fullrank_run_check_outcome" + ofCheck.formatted("undetermined") + " 0.0",
                        "fullrank_run_measures_over_limit" + labels + " 0.0",
                        "fullrank_run_snapshots_published" + labels + " 5.0",
                        "fullrank_run_snapshots_checked" + labels + " 1.0",
                        "fullrank_run_snapshots_skipped" + labels + " 1.0",
                        "fullrank_run_snapshots_dropped" + labels + " 1.0",
                        "fullrank_run_snapshots_unaccounted" + labels + " 2.0"));

    send(Topic.PROGRESS, "series", finished("series", 1, RUN_STATE_FINISHED, 5, 1));
    await().atMost(LIMIT).until(() -> seriesOf("series").isEmpty());
  }

  @Test
  void thePageFollowsARun() {
    send(Topic.EXPERIMENTS, "page", request("page", "page-e", VARIANT_TWO_PHASE, 1));
    send(Topic.PROGRESS, "page", started("page", 1));
    send(Topic.PROGRESS, "page", progress("page", 1, 10, 1, 0));
    await().atMost(LIMIT).until(() -> exists("page"));
    try (Browser browser = Browser.start()) {
      browser.open(service.http().uri("/") + "#/runs/page");
      browser.awaitText("dl", "10 of 100");
      browser.awaitText("#connection", "Live");

      send(Topic.PROGRESS, "page", progress("page", 1, 20, 1, 0));
      send(Topic.VERDICTS, "page", record(verdict("page", 1, 10, OUTCOME_CERTIFIED)));
      browser.awaitText("dl", "20 of 100");
      browser.awaitPoints("Loss", 4);
      browser.awaitText("[aria-labelledby=certificates] tbody", "CERTIFIED");

      send(Topic.PROGRESS, "page", finished("page", 1, RUN_STATE_FINISHED, 1, 0));
      browser.awaitText("dl", "finished");
      browser.awaitText("#connection", "Ended");
      browser.requireContent();
    }
  }

  // Histograms name it too, as an exemplar.
  private static List<String> seriesOf(String run) {
    return service.http().samples().stream()
        .filter(line -> line.startsWith("fullrank_run_") && line.contains("\"" + run + "\""))
        .toList();
  }

  @Test
  void countsWhatTheTopicsHold() {
    double runs = running.sample("fullrank_runs{state=\"pending\"}");
    String verdicts = "fullrank_verdicts_total{check=\"expressivity\",outcome=\"undetermined\"}";
    double undetermined = running.sample(verdicts);
    double read = running.sample("fullrank_records_read_total{topic=\"fullrank.verdicts\"}");
    double checks = running.sample("fullrank_check_duration_seconds_count");
    double fast = running.sample("fullrank_check_duration_seconds_bucket{le=\"0.25\"}");
    double late = running.sample("fullrank_verdict_latency_seconds_sum");

    send(Topic.EXPERIMENTS, "count", request("count", "count-e", VARIANT_BASE, 1));
    send(Topic.VERDICTS, "count", record(verdict("count", 1, 10, OUTCOME_UNDETERMINED)));

    await()
        .atMost(LIMIT)
        .untilAsserted(
            () -> {
              assertThat(running.sample("fullrank_runs{state=\"pending\"}")).isEqualTo(runs + 1);
              assertThat(running.sample(verdicts)).isEqualTo(undetermined + 1);
            });
    assertThat(running.sample("fullrank_records_read_total{topic=\"fullrank.verdicts\"}"))
        .isEqualTo(read + 1);
    assertThat(running.sample("fullrank_check_duration_seconds_count")).isEqualTo(checks + 1);
    assertThat(running.sample("fullrank_check_duration_seconds_bucket{le=\"0.25\"}"))
        .isEqualTo(fast);
    assertThat(running.sample("fullrank_verdict_latency_seconds_sum")).isEqualTo(late + 2);
    await()
        .atMost(LIMIT)
        .untilAsserted(
            () ->
                assertThat(
                        running.sample("fullrank_metrics_lag_records{topic=\"fullrank.verdicts\"}"))
                    .isZero());
    assertThat(running.sample("process_cpu_seconds_total")).isPositive();
    assertThat(service.http().samples())
        .contains("fullrank_active_runs_over_limit 0.0")
        .anyMatch(
            line ->
                line.matches(
                    "fullrank_build_info\\{service=\"metrics\",version=\"[^\"]+\",java=\"[^\"]+\"} 1.0"));
  }

  @Test
  void listsItsServicesByReflectionAndServes() throws Exception {
    CompletableFuture<List<String>> names = new CompletableFuture<>();
    StreamObserver<ServerReflectionRequest> reflection =
        ServerReflectionGrpc.newStub(channel)
            .serverReflectionInfo(
                new StreamObserver<>() {
                  @Override
                  public void onNext(ServerReflectionResponse response) {
                    names.complete(
                        response.getListServicesResponse().getServiceList().stream()
                            .map(ServiceResponse::getName)
                            .toList());
                  }

                  @Override
                  public void onError(Throwable failure) {
                    names.completeExceptionally(failure);
                  }

                  @Override
                  public void onCompleted() {}
                });
    reflection.onNext(ServerReflectionRequest.newBuilder().setListServices("").build());
    assertThat(names.get(LIMIT.toSeconds(), TimeUnit.SECONDS))
        .contains("fullrank.v1.MetricsService", "grpc.health.v1.Health");
    reflection.onCompleted();

    assertThat(serving(channel)).isEqualTo(ServingStatus.SERVING);
    assertThat(service.http().status("/q/health/live")).isEqualTo(200);
  }

  @Test
  void refusesAnUnreadableConfigurationNamingTheKey() throws Exception {
    Map<String, String> refused =
        Map.of(
            "fullrank.grpc.port=many",
            "fullrank.grpc.port",
            "fullrank.http.port=65536",
            "fullrank.http.port: expected a port",
            "fullrank.grpc.port=" + service.grpcPort(),
            "fullrank.grpc.port: cannot listen on",
            "fullrank.kafka.bootstrap-servers=localhost",
            "fullrank.kafka.bootstrap-servers",
            "fullrank.kafka.properties.\"fetch.min.bytes\"=x",
            "fullrank.kafka.properties");
    for (Map.Entry<String, String> option : refused.entrySet()) {
      Path output = folder.resolve("refused-%d.log".formatted(option.getKey().hashCode()));
      try (PackagedService process =
          PackagedService.start(
              JavaCommand.service("metrics-service").with("-D" + option.getKey()), output)) {
        assertThat(process.awaitExit()).as(option.getKey()).isEqualTo(2);
        assertThat(process.log())
            .startsWith("fullrank-metrics: ")
            .contains(option.getValue())
            .hasLineCount(1);
      }
    }
  }

  /** Takes one state at a time, when asked. */
  private static final class SlowReader
      implements ClientResponseObserver<WatchRunRequest, WatchRunResponse> {

    private final LinkedBlockingQueue<Run> taken = new LinkedBlockingQueue<>();
    private final CompletableFuture<Void> completed = new CompletableFuture<>();
    private ClientCallStreamObserver<WatchRunRequest> call;

    @Override
    public void beforeStart(ClientCallStreamObserver<WatchRunRequest> started) {
      call = started;
      call.disableAutoRequestWithInitial(0);
    }

    Run next() throws InterruptedException {
      call.request(1);
      Run run = taken.poll(LIMIT.toSeconds(), TimeUnit.SECONDS);
      assertThat(run).isNotNull();
      return run;
    }

    @Override
    public void onNext(WatchRunResponse response) {
      taken.add(response.getRun());
    }

    @Override
    public void onError(Throwable failure) {
      completed.completeExceptionally(failure);
    }

    @Override
    public void onCompleted() {
      completed.complete(null);
    }
  }

  private static void nextWith(Iterator<WatchRunResponse> states, Predicate<Run> wanted) {
    Run state;
    do {
      state = states.next().getRun();
    } while (!wanted.test(state));
  }

  private static Comparison compare(String experiment) {
    return metrics()
        .compareGeneralization(
            CompareGeneralizationRequest.newBuilder().setExperiment(experiment).build())
        .getComparison();
  }

  private static List<List<String>> pages(String experiment, int size) {
    List<List<String>> pages = new ArrayList<>();
    ListRunsRequest.Builder request =
        ListRunsRequest.newBuilder().setExperiment(experiment).setPageSize(size);
    do {
      ListRunsResponse page = metrics().listRuns(request.build());
      pages.add(page.getRunsList().stream().map(run -> run.getRequest().getRun()).toList());
      request.setPageToken(page.getNextPageToken());
    } while (!request.getPageToken().isEmpty());
    return pages;
  }

  private static List<String> names(ListRunsRequest.Builder request) {
    return metrics().listRuns(request.build()).getRunsList().stream()
        .map(run -> run.getRequest().getRun())
        .toList();
  }

  private static List<Long> steps(ListProgressRequest.Builder request) {
    return metrics().listProgress(request.build()).getProgressList().stream()
        .map(Progress::getStep)
        .toList();
  }

  private static List<Long> steps(ListVerdictsRequest.Builder request) {
    return metrics().listVerdicts(request.build()).getVerdictsList().stream()
        .map(Verdict::getStep)
        .toList();
  }

  private static List<String> runsOf(WatchExperimentResponse response) {
    return response.getRunsList().stream().map(run -> run.getRequest().getRun()).toList();
  }

  private static List<String> texts(JsonNode array) {
    List<String> texts = new ArrayList<>();
    array.forEach(each -> texts.add(each.asText()));
    return texts;
  }

  private static void send(Topic topic, String key, MessageLite message) {
    running.send(topic, key, message);
  }

  private static MetricsServiceGrpc.MetricsServiceBlockingStub metrics() {
    return running.metrics();
  }

  private static Run run(String name) {
    return running.run(name);
  }

  private static boolean exists(String run) {
    return running.exists(run);
  }

  private static Iterator<WatchRunResponse> watch(String run) {
    return running.watch(run);
  }
}
