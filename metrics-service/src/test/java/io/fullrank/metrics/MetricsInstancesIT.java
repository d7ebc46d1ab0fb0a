package io.fullrank.metrics;

import static io.fullrank.metrics.Records.finished;
import static io.fullrank.metrics.Records.progress;
import static io.fullrank.metrics.Records.record;
import static io.fullrank.metrics.Records.request;
import static io.fullrank.metrics.Records.started;
import static io.fullrank.metrics.Records.verdict;
import static io.fullrank.proto.v1.Outcome.OUTCOME_CERTIFIED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_FINISHED;
import static io.fullrank.proto.v1.RunState.RUN_STATE_RUNNING;
import static io.fullrank.proto.v1.Variant.VARIANT_BASE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.MessageLite;
import com.google.protobuf.Timestamp;
import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.metrics.store.RunHistory;
import io.fullrank.proto.Topic;
import io.fullrank.proto.v1.DeleteExperimentRequest;
import io.fullrank.proto.v1.GetRunRequest;
import io.fullrank.proto.v1.ListExperimentsRequest;
import io.fullrank.proto.v1.ListProgressRequest;
import io.fullrank.proto.v1.ListProgressResponse;
import io.fullrank.proto.v1.ListRunsRequest;
import io.fullrank.proto.v1.ListRunsResponse;
import io.fullrank.proto.v1.ListVerdictsRequest;
import io.fullrank.proto.v1.MetricsServiceGrpc;
import io.fullrank.proto.v1.MetricsServiceGrpc.MetricsServiceBlockingStub;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.WatchExperimentRequest;
import io.fullrank.proto.v1.WatchExperimentResponse;
import io.fullrank.proto.v1.WatchRunRequest;
import io.fullrank.proto.v1.WatchRunResponse;
import io.fullrank.testsupport.FreePort;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.client.GrpcConnection;
import io.fullrank.testsupport.process.JavaCommand;
import io.fullrank.testsupport.process.PackagedService;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two instances of the packaged service that share the work; each test has runs of its own. */
class MetricsInstancesIT {

  private static final Duration LIMIT = Waiting.LIMIT;
  // Enough runs that probably none of six partitions is empty.
  private static final int RUNS = 24;

  @TempDir static Path folder;

  private static EmbeddedKafka kafka;
  private static KafkaProducer<String, byte[]> producer;
  private static Instance one;
  private static Instance other;

  /** A service and a channel to it. */
  private record Instance(PackagedService service, GrpcConnection connection)
      implements AutoCloseable {

    static Instance start(String name) throws Exception {
      PackagedService service =
          PackagedService.start(
              JavaCommand.service("metrics-service")
                  .with(
                      "-Xmx128m",
                      "-Dfullrank.kafka.bootstrap-servers=" + kafka.bootstrapServers(),
                      "-Dfullrank.metrics.standby-replicas=1",
                      "-Dfullrank.metrics.retention=P3650D",
                      "-Dfullrank.metrics.state-directory=" + folder.resolve(name)),
              folder.resolve(name + ".log"));
      return new Instance(service, GrpcConnection.to(service.grpcPort()));
    }

    MetricsServiceBlockingStub metrics() {
      return MetricsServiceGrpc.newBlockingStub(connection.channel())
          .withWaitForReady()
          .withDeadlineAfter(LIMIT.toSeconds(), TimeUnit.SECONDS);
    }

    Iterator<WatchExperimentResponse> watch(String experiment) {
      return MetricsServiceGrpc.newBlockingStub(connection.channel())
          .withDeadlineAfter(10, TimeUnit.MINUTES)
          .watchExperiment(WatchExperimentRequest.newBuilder().setExperiment(experiment).build());
    }

    Run run(String name) {
      return metrics().getRun(GetRunRequest.newBuilder().setRun(name).build()).getRun();
    }

    List<Run> runs(String experiment) {
      return metrics()
          .listRuns(
              ListRunsRequest.newBuilder().setExperiment(experiment).setPageSize(1000).build())
          .getRunsList();
    }

    int held() {
      return service.http().samples().stream()
          .filter(line -> line.startsWith("fullrank_runs{"))
          .mapToInt(line -> (int) Double.parseDouble(line.substring(line.indexOf(' ') + 1)))
          .sum();
    }

    @Override
    public void close() throws InterruptedException {
      connection.close();
      service.close();
    }
  }

  @BeforeAll
  static void start() throws Exception {
    kafka = EmbeddedKafka.start(folder.resolve("kafka"), FreePort.any());
    producer = KafkaConnection.to(kafka.bootstrapServers()).producer("test", Map.of());
    one = Instance.start("one");
    other = Instance.start("other");
    one.service().awaitReady();
    other.service().awaitReady();
  }

  /** A test that kills instances may fail before it has replaced them. */
  @BeforeEach
  void replaceTheDead() throws Exception {
    one = alive(one);
    other = alive(other);
  }

  private static Instance alive(Instance instance) throws Exception {
    if (instance.service().isAlive()) {
      return instance;
    }
    instance.close();
    Instance replacement = Instance.start("replacement-" + UUID.randomUUID());
    replacement.service().awaitReady();
    return replacement;
  }

  @AfterAll
  static void stop() throws Exception {
    producer.close(Duration.ZERO);
    one.close();
    other.close();
    kafka.close();
  }

  @Test
  void anyInstanceAnswersAnyCall() {
    List<String> names = submit("shared");
    for (String run : names) {
      send(Topic.PROGRESS, run, started(run, 1));
      for (int step = 10; step <= 30; step += 10) {
        send(Topic.PROGRESS, run, progress(run, 1, step, 1, 0));
        send(Topic.VERDICTS, run, record(verdict(run, 1, step, OUTCOME_CERTIFIED)));
      }
      send(Topic.PROGRESS, run, finished(run, 1, RUN_STATE_FINISHED, 3, 0));
    }
    await()
        .atMost(LIMIT)
        .until(() -> one.runs("shared").stream().filter(RunHistory::isSettled).count() == RUNS);

    // Both hold some, and both show all.
    await().atMost(LIMIT).until(() -> one.held() > 0 && other.held() > 0);
    assertThat(other.runs("shared")).isEqualTo(one.runs("shared"));
    for (String run : names) {
      assertThat(one.run(run)).isEqualTo(other.run(run));
      ListProgressRequest steps = ListProgressRequest.newBuilder().setRun(run).build();
      assertThat(one.metrics().listProgress(steps).getProgressList())
          .extracting(Progress::getStep)
          .containsExactly(10L, 20L, 30L);
      assertThat(other.metrics().listProgress(steps)).isEqualTo(one.metrics().listProgress(steps));
      ListVerdictsRequest verdicts = ListVerdictsRequest.newBuilder().setRun(run).build();
      assertThat(one.metrics().listVerdicts(verdicts).getVerdictsCount()).isEqualTo(3);
      assertThat(other.metrics().listVerdicts(verdicts))
          .isEqualTo(one.metrics().listVerdicts(verdicts));
    }
    ListExperimentsRequest all = ListExperimentsRequest.getDefaultInstance();
    assertThat(one.metrics().listExperiments(all)).isEqualTo(other.metrics().listExperiments(all));

    // A list goes on with any instance.
    List<String> listed = new ArrayList<>();
    ListRunsRequest.Builder request =
        ListRunsRequest.newBuilder().setExperiment("shared").setPageSize(5);
    int pages = 0;
    do {
      ListRunsResponse page = (pages++ % 2 == 0 ? one : other).metrics().listRuns(request.build());
      page.getRunsList().forEach(run -> listed.add(run.getRequest().getRun()));
      request.setPageToken(page.getNextPageToken());
    } while (!request.getPageToken().isEmpty());
    assertThat(listed).isEqualTo(names);
    assertThat(pages).isEqualTo(5);
  }

  @Test
  void anyInstanceStreamsAnyRun() {
    List<String> names = submit("streamed");
    await().atMost(LIMIT).until(() -> other.runs("streamed").size() == RUNS);
    List<Instance> instances = List.of(one, other);
    Map<String, List<Iterator<WatchRunResponse>>> watches = new HashMap<>();
    for (String run : names) {
      watches.put(
          run,
          instances.stream()
              .map(
                  instance ->
                      instance.metrics().watchRun(WatchRunRequest.newBuilder().setRun(run).build()))
              .toList());
      watches.get(run).forEach(watch -> assertThat(watch.next().hasRun()).isTrue());
    }
    Iterator<WatchExperimentResponse> together = one.watch("streamed");
    WatchExperimentResponse first = together.next();
    assertThat(first.getRunsList()).extracting(run -> run.getRequest().getRun()).isEqualTo(names);

    for (String run : names) {
      send(Topic.PROGRESS, run, started(run, 1));
      for (Iterator<WatchRunResponse> watch : watches.get(run)) {
        assertThat(watch.next().getRun().getState()).isEqualTo(RUN_STATE_RUNNING);
      }
    }
    Set<String> running = new HashSet<>();
    WatchExperimentResponse last = first;
    while (running.size() < RUNS) {
      last = together.next();
      assertThat(last.getRunsCount()).isPositive();
      last.getRunsList().forEach(run -> running.add(run.getRequest().getRun()));
    }

    // Elsewhere, only what has changed since is told again.
    send(Topic.PROGRESS, names.get(3), progress(names.get(3), 1, 10, 0, 0));
    await().atMost(LIMIT).until(() -> one.run(names.get(3)).getProgress().getStep() == 10);
    Iterator<WatchExperimentResponse> resumed =
        other
            .metrics()
            .watchExperiment(
                WatchExperimentRequest.newBuilder()
                    .setExperiment("streamed")
                    .setResumeToken(last.getResumeToken())
                    .build());
    assertThat(resumed.next().getRunsList())
        .extracting(run -> run.getRequest().getRun())
        .containsExactly(names.get(3));

    for (String run : names) {
      send(Topic.PROGRESS, run, finished(run, 1, RUN_STATE_FINISHED, 0, 0));
      for (Iterator<WatchRunResponse> watch : watches.get(run)) {
        Run state = null;
        while (watch.hasNext()) {
          state = watch.next().getRun();
        }
        assertThat(state).isNotNull().extracting(Run::getState).isEqualTo(RUN_STATE_FINISHED);
      }
    }
    resumed.forEachRemaining(response -> assertThat(response.getRunsCount()).isPositive());
    together.forEachRemaining(response -> assertThat(response.getRunsCount()).isPositive());
  }

  /** As in an upgrade: a client that is told anything else gives up. */
  @Test
  void anInstanceThatStopsTellsCallersToTryAgain() throws Exception {
    try (Instance third = Instance.start("third")) {
      third.service().awaitReady();
      assertThat(third.runs("none")).isEmpty();
      CompletableFuture<Set<Status.Code>> refusals =
          CompletableFuture.supplyAsync(() -> refusalsUntilItHasStopped(third));
      third.service().close();
      assertThat(refusals.get(LIMIT.toSeconds(), TimeUnit.SECONDS))
          .doesNotContain(Status.Code.UNKNOWN, Status.Code.INTERNAL);
    }
  }

  private static Set<Status.Code> refusalsUntilItHasStopped(Instance instance) {
    Set<Status.Code> refusals = new HashSet<>();
    while (instance.service().isAlive()) {
      try {
        var unused =
            MetricsServiceGrpc.newBlockingStub(instance.connection().channel())
                .withDeadlineAfter(LIMIT.toSeconds(), TimeUnit.SECONDS)
                .listRuns(ListRunsRequest.getDefaultInstance());
      } catch (StatusRuntimeException refused) {
        refusals.add(refused.getStatus().getCode());
      }
    }
    return refusals;
  }

  @Test
  void nothingIsLostWhenAnInstanceIsKilled() throws Exception {
    List<String> names = submit("killed");
    names.forEach(run -> send(Topic.PROGRESS, run, started(run, 1)));
    await().atMost(LIMIT).until(() -> one.held() > 0 && other.held() > 0);
    Iterator<WatchExperimentResponse> watch = one.watch("killed");

    int steps = 200;
    long killedAt = 0;
    for (int step = 1; step <= steps; step++) {
      for (String run : names) {
        var unused =
            producer.send(
                new ProducerRecord<>(
                    Topic.PROGRESS.name(), run, progress(run, 1, step, 0, 0).toByteArray()));
      }
      if (step == steps / 2) {
        producer.flush();
        other.service().kill();
        killedAt = System.nanoTime();
      }
    }
    producer.flush();
    await()
        .atMost(LIMIT)
        .ignoreExceptionsMatching(MetricsInstancesIT::isUnavailable)
        .until(() -> one.runs("killed").size() == RUNS);
    System.out.printf(
        "All runs could be listed again %.1f s after an instance was killed%n",
        (System.nanoTime() - killedAt) / 1e9);
    await()
        .atMost(LIMIT)
        .ignoreExceptionsMatching(MetricsInstancesIT::isUnavailable)
        .until(
            () ->
                one.runs("killed").stream().allMatch(run -> run.getProgress().getStep() == steps));
    for (String run : names) {
      assertThat(one.metrics().listProgress(allOf(run)).getProgressList())
          .extracting(Progress::getStep)
          .containsExactlyElementsOf(LongStream.rangeClosed(1, steps).boxed().toList());
      send(Topic.PROGRESS, run, finished(run, 1, RUN_STATE_FINISHED, 0, 0));
    }

    // The stream went on over the death of the instance.
    Map<String, Run> seen = new HashMap<>();
    watch.forEachRemaining(
        response ->
            response.getRunsList().forEach(run -> seen.put(run.getRequest().getRun(), run)));
    assertThat(seen).hasSize(RUNS);
    assertThat(seen.values())
        .allSatisfy(
            run -> {
              assertThat(run.getState()).isEqualTo(RUN_STATE_FINISHED);
              assertThat(run.getProgress().getStep()).isEqualTo(steps);
            });

    List<Run> before = one.runs("killed");
    ListProgressResponse history = one.metrics().listProgress(allOf(names.get(0)));
    other.connection().close();
    other = Instance.start("other-again");
    other.service().awaitReady();
    assertThat(other.runs("killed")).isEqualTo(before);

    // Now with nothing but Kafka left.
    one.close();
    other.close();
    one = Instance.start("one-anew");
    one.service().awaitReady();
    assertThat(one.runs("killed")).isEqualTo(before);
    assertThat(one.metrics().listProgress(allOf(names.get(0)))).isEqualTo(history);
    other = Instance.start("other-anew");
    other.service().awaitReady();
    assertThat(other.runs("killed")).isEqualTo(before);
  }

  @Test
  void anExperimentIsDeletedEverywhereForGood() throws Exception {
    List<String> names = submit("deleted");
    List<String> kept = submit("kept");
    for (String run : names) {
      send(Topic.PROGRESS, run, started(run, 1));
      send(Topic.PROGRESS, run, progress(run, 1, 10, 1, 0));
    }
    await()
        .atMost(LIMIT)
        .until(
            () ->
                one.runs("kept").size() == RUNS
                    && one.runs("deleted").stream()
                            .filter(run -> run.getProgress().getStep() == 10)
                            .count()
                        == RUNS);
    DeleteExperimentRequest deletion =
        DeleteExperimentRequest.newBuilder().setExperiment("deleted").build();
    assertThat(failure(() -> one.metrics().deleteExperiment(deletion)))
        .isEqualTo(
            "FAILED_PRECONDITION: experiment: 24 of its runs have not ended, cancel them first: "
                + String.join(", ", names.subList(0, 5))
                + ", ...");

    names.forEach(run -> send(Topic.PROGRESS, run, finished(run, 1, RUN_STATE_FINISHED, 0, 0)));
    await()
        .atMost(LIMIT)
        .until(
            () ->
                one.runs("deleted").stream().allMatch(run -> run.getState() == RUN_STATE_FINISHED));
    // What can be deleted has ended, and with it all streams about it that had begun.
    other
        .watch("deleted")
        .forEachRemaining(response -> assertThat(response.getRunsCount()).isEqualTo(RUNS));
    assertThat(one.metrics().deleteExperiment(deletion).getRuns()).isEqualTo(RUNS);

    assertThat(one.runs("deleted")).isEmpty();
    assertThat(other.runs("deleted")).isEmpty();
    assertThat(failure(() -> other.run(names.get(0)))).startsWith("NOT_FOUND: run: there is no");
    assertThat(failure(() -> other.metrics().deleteExperiment(deletion)))
        .startsWith("NOT_FOUND: experiment: there is no deleted; the latest are ");
    assertThat(failure(() -> other.watch("deleted").next()))
        .startsWith("NOT_FOUND: experiment: there is no deleted; the latest are ");

    // What comes late changes nothing, and a disk that is empty brings nothing back.
    names.forEach(run -> send(Topic.PROGRESS, run, progress(run, 1, 20, 1, 0)));
    names.forEach(run -> send(Topic.PROGRESS, run, started(run, 2)));
    one.close();
    other.close();
    one = Instance.start("one-after-deletion");
    other = Instance.start("other-after-deletion");
    one.service().awaitReady();
    other.service().awaitReady();
    assertThat(one.runs("deleted")).isEmpty();
    assertThat(other.runs("kept")).extracting(run -> run.getRequest().getRun()).isEqualTo(kept);
    assertThat(failure(() -> one.run(names.get(0)))).startsWith("NOT_FOUND: run: there is no");
  }

  @Test
  void anExperimentThatEndedLongAgoIsDeleted() {
    Timestamp longAgo = Timestamp.newBuilder().setSeconds(1_000_000_000).build();
    for (String run : List.of("expired-1", "expired-2", "going-1", "going-2")) {
      String experiment = run.substring(0, run.indexOf('-'));
      send(Topic.EXPERIMENTS, run, request(run, experiment, VARIANT_BASE, 1));
      send(Topic.PROGRESS, run, started(run, 1));
    }
    await().atMost(LIMIT).until(() -> one.runs("expired").size() == 2);
    for (String run : List.of("expired-1", "expired-2", "going-1")) {
      send(
          Topic.PROGRESS,
          run,
          finished(run, 1, RUN_STATE_FINISHED, 0, 0).toBuilder().setAt(longAgo).build());
    }
    await().atMost(LIMIT).until(() -> one.runs("expired").isEmpty());
    await().atMost(LIMIT).until(() -> other.run("going-1").getState() == RUN_STATE_FINISHED);
    assertThat(one.runs("going")).hasSize(2);
  }

  private static List<String> submit(String experiment) {
    List<String> names =
        IntStream.range(0, RUNS).mapToObj(i -> "%s-%02d".formatted(experiment, i)).toList();
    for (int i = 0; i < RUNS; i++) {
      send(Topic.EXPERIMENTS, names.get(i), request(names.get(i), experiment, VARIANT_BASE, i));
    }
    return names;
  }

  private static ListProgressRequest allOf(String run) {
    return ListProgressRequest.newBuilder().setRun(run).setPageSize(1000).build();
  }

  private static void send(Topic topic, String key, MessageLite message) {
    try {
      var unused =
          producer.send(new ProducerRecord<>(topic.name(), key, message.toByteArray())).get();
    } catch (InterruptedException | ExecutionException failed) {
      throw new IllegalStateException(failed);
    }
  }

  private static boolean isUnavailable(Throwable failure) {
    return failure instanceof StatusRuntimeException refused
        && refused.getStatus().getCode() == Status.Code.UNAVAILABLE;
  }

  private static String failure(Supplier<?> call) {
    try {
      Object answer = call.get();
      throw new AssertionError("the call was not refused: " + answer);
    } catch (StatusRuntimeException refused) {
      return refused.getMessage();
    }
  }
}
