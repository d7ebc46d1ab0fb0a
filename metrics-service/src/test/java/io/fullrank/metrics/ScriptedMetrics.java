package io.fullrank.metrics;

import io.fullrank.proto.v1.Attention;
import io.fullrank.proto.v1.CompareGeneralizationRequest;
import io.fullrank.proto.v1.CompareGeneralizationResponse;
import io.fullrank.proto.v1.CompareTestErrorsRequest;
import io.fullrank.proto.v1.CompareTestErrorsResponse;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.Experiment;
import io.fullrank.proto.v1.GetRunRequest;
import io.fullrank.proto.v1.GetRunResponse;
import io.fullrank.proto.v1.ListAttentionRequest;
import io.fullrank.proto.v1.ListAttentionResponse;
import io.fullrank.proto.v1.ListExperimentsRequest;
import io.fullrank.proto.v1.ListExperimentsResponse;
import io.fullrank.proto.v1.ListProgressRequest;
import io.fullrank.proto.v1.ListProgressResponse;
import io.fullrank.proto.v1.ListRunsRequest;
import io.fullrank.proto.v1.ListRunsResponse;
import io.fullrank.proto.v1.ListVerdictsRequest;
import io.fullrank.proto.v1.ListVerdictsResponse;
import io.fullrank.proto.v1.MetricsServiceGrpc;
import io.fullrank.proto.v1.Progress;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.proto.v1.WatchExperimentRequest;
import io.fullrank.proto.v1.WatchExperimentResponse;
import io.fullrank.proto.v1.WatchRunRequest;
import io.fullrank.proto.v1.WatchRunResponse;
import io.fullrank.testsupport.FreePort;
import io.fullrank.testsupport.process.JavaCommand;
import io.fullrank.testsupport.process.PackagedService;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * A real gRPC server that serves what a test has put in, so that a test decides what is told when.
 */
public final class ScriptedMetrics extends MetricsServiceGrpc.MetricsServiceImplBase
    implements AutoCloseable {

  /** What is known of a run. */
  private record History(Run run, List<Progress> progress, List<Verdict> verdicts) {}

  private final Map<String, History> histories = new LinkedHashMap<>();
  private final List<ServerCallStreamObserver<?>> streams = new CopyOnWriteArrayList<>();
  private final List<Runnable> watchers = new CopyOnWriteArrayList<>();
  private final List<String> resumeTokens = new CopyOnWriteArrayList<>();
  private final Server server;
  private final Map<String, Experiment> figures = new HashMap<>();
  private final Map<String, CompareTestErrorsResponse> curves = new HashMap<>();
  private List<Attention> attention = List.of();
  private Comparison comparison = Comparison.getDefaultInstance();
  private Optional<Status> refusal = Optional.empty();
  private int sent;

  public ScriptedMetrics() throws IOException {
    server =
        Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create())
            .addService(this)
            .build()
            .start();
  }

  /** Starts the packaged service with its HTTP interface in front of this, without Kafka. */
  public PackagedService startService(Path log) throws IOException {
    return PackagedService.start(
            JavaCommand.service("metrics-service")
                .with(
                    "-Xmx128m",
                    "-Dpage.grpc.port=" + server.getPort(),
                    "-Dfullrank.kafka.bootstrap-servers=127.0.0.1:" + FreePort.any()),
            log)
        .awaitLive();
  }

  /** Puts a run in, or what has become of it. */
  public void put(Run run, List<Progress> progress, List<Verdict> verdicts) {
    synchronized (this) {
      histories.put(run.getRequest().getRun(), new History(run, progress, verdicts));
    }
    watchers.forEach(Runnable::run);
  }

  /** Has a run report its progress. */
  public void report(String name, Progress progress) {
    History history = history(name);
    List<Progress> all = new ArrayList<>(history.progress);
    all.add(progress);
    put(history.run.toBuilder().setProgress(progress).build(), all, history.verdicts);
  }

  /** Has a run end. */
  public void finish(String name) {
    History history = history(name);
    put(
        history.run.toBuilder().setState(RunState.RUN_STATE_FINISHED).build(),
        history.progress,
        history.verdicts);
  }

  /** Says what an experiment's figures and curves are, besides what its runs say. */
  synchronized void describe(
      String experiment, Experiment figures, CompareTestErrorsResponse curves) {
    this.figures.put(experiment, figures);
    this.curves.put(experiment, curves);
  }

  /** Says what a person should look at. */
  synchronized void concern(List<Attention> attention) {
    this.attention = attention;
  }

  synchronized void compare(Comparison comparison) {
    this.comparison = comparison;
  }

  /** Breaks all streams and refuses all calls until {@link #recover}. */
  public void fail(Status status) {
    synchronized (this) {
      refusal = Optional.of(status);
    }
    streams.forEach(stream -> stream.onError(status.asRuntimeException()));
    streams.clear();
    watchers.clear();
  }

  public synchronized void recover() {
    refusal = Optional.empty();
  }

  /** Returns how many responses of streams were sent. */
  public synchronized int sent() {
    return sent;
  }

  /** Returns how many streams are open. */
  public int openStreams() {
    return streams.size();
  }

  /** Returns the resume tokens that streams began with. */
  public List<String> resumeTokens() {
    return List.copyOf(resumeTokens);
  }

  @Override
  public void close() throws InterruptedException {
    server.shutdownNow();
    server.awaitTermination();
  }

  @Override
  public synchronized void listExperiments(
      ListExperimentsRequest request, StreamObserver<ListExperimentsResponse> client) {
    Map<String, Experiment> experiments = new LinkedHashMap<>();
    for (History history : histories.values()) {
      String name = history.run.getRequest().getExperiment();
      experiments.putIfAbsent(
          name,
          figures.getOrDefault(name, Experiment.getDefaultInstance()).toBuilder()
              .setExperiment(name)
              .setSpec(history.run.getRequest().getSpec())
              .setSubmittedAt(history.run.getRequest().getSubmittedAt())
              .build());
    }
    List<Experiment> newestFirst = new ArrayList<>(experiments.values());
    Collections.reverse(newestFirst);
    // The token is how many experiments came before.
    String token = request.getPageToken();
    int from = token.isEmpty() ? 0 : Integer.parseInt(token);
    int size = request.getPageSize() == 0 ? 100 : request.getPageSize();
    int to = Math.min(newestFirst.size(), from + size);
    answer(
        client,
        ListExperimentsResponse.newBuilder()
            .addAllExperiments(newestFirst.subList(from, to))
            .setNextPageToken(to < newestFirst.size() ? Integer.toString(to) : "")
            .build());
  }

  @Override
  public synchronized void listAttention(
      ListAttentionRequest request, StreamObserver<ListAttentionResponse> client) {
    answer(
        client,
        ListAttentionResponse.newBuilder()
            .addAllAttention(attention.stream().limit(request.getLimit()).toList())
            .setTotal(attention.size())
            .build());
  }

  @Override
  public synchronized void compareTestErrors(
      CompareTestErrorsRequest request, StreamObserver<CompareTestErrorsResponse> client) {
    answer(
        client,
        curves.getOrDefault(
            request.getExperiment(), CompareTestErrorsResponse.getDefaultInstance()));
  }

  @Override
  public synchronized void listRuns(
      ListRunsRequest request, StreamObserver<ListRunsResponse> client) {
    if (request.getPageSize() > 1000) {
      client.onError(
          Status.INVALID_ARGUMENT
              .withDescription("page_size: %d is more than 1000".formatted(request.getPageSize()))
              .asRuntimeException());
      return;
    }
    answer(
        client,
        ListRunsResponse.newBuilder()
            .addAllRuns(
                runs(request.getExperiment()).stream()
                    .filter(
                        run ->
                            request.getStatesCount() == 0
                                || request.getStatesList().contains(run.getState()))
                    .toList())
            .build());
  }

  @Override
  public synchronized void getRun(GetRunRequest request, StreamObserver<GetRunResponse> client) {
    if (isThere(request.getRun(), client)) {
      answer(client, GetRunResponse.newBuilder().setRun(history(request.getRun()).run).build());
    }
  }

  @Override
  public synchronized void listProgress(
      ListProgressRequest request, StreamObserver<ListProgressResponse> client) {
    if (isThere(request.getRun(), client)) {
      answer(
          client,
          ListProgressResponse.newBuilder()
              .addAllProgress(history(request.getRun()).progress)
              .build());
    }
  }

  @Override
  public synchronized void listVerdicts(
      ListVerdictsRequest request, StreamObserver<ListVerdictsResponse> client) {
    if (isThere(request.getRun(), client)) {
      answer(
          client,
          ListVerdictsResponse.newBuilder()
              .addAllVerdicts(
                  history(request.getRun()).verdicts.stream()
                      .filter(
                          verdict ->
                              request.getCheck().isEmpty()
                                  || verdict.getCheck().equals(request.getCheck()))
                      .toList())
              .build());
    }
  }

  @Override
  public void watchRun(WatchRunRequest request, StreamObserver<WatchRunResponse> client) {
    if (isThere(request.getRun(), client)) {
      resumeTokens.add(request.getResumeToken());
      new Watch<>(
          (ServerCallStreamObserver<WatchRunResponse>) client,
          () -> List.of(history(request.getRun()).run),
          runs ->
              WatchRunResponse.newBuilder()
                  .setRun(runs.get(0))
                  .setResumeToken("token " + runs.get(0).getProgress().getStep())
                  .build());
    }
  }

  @Override
  public void watchExperiment(
      WatchExperimentRequest request, StreamObserver<WatchExperimentResponse> client) {
    if (runs(request.getExperiment()).isEmpty()) {
      client.onError(
          Status.NOT_FOUND
              .withDescription("experiment: there is no " + request.getExperiment())
              .asRuntimeException());
      return;
    }
    new Watch<>(
        (ServerCallStreamObserver<WatchExperimentResponse>) client,
        () -> runs(request.getExperiment()),
        runs -> WatchExperimentResponse.newBuilder().addAllRuns(runs).build());
  }

  @Override
  public synchronized void compareGeneralization(
      CompareGeneralizationRequest request, StreamObserver<CompareGeneralizationResponse> client) {
    answer(client, CompareGeneralizationResponse.newBuilder().setComparison(comparison).build());
  }

  /** One stream: tells the state when it has changed and the reader is ready. */
  private final class Watch<R> {

    private final ServerCallStreamObserver<R> client;
    private final Supplier<List<Run>> state;
    private final Function<List<Run>, R> response;
    private List<Run> told = List.of();

    Watch(
        ServerCallStreamObserver<R> client,
        Supplier<List<Run>> state,
        Function<List<Run>, R> response) {
      this.client = client;
      this.state = state;
      this.response = response;
      Optional<Status> refused;
      synchronized (ScriptedMetrics.this) {
        refused = refusal;
      }
      if (refused.isPresent()) {
        client.onError(refused.get().asRuntimeException());
        return;
      }
      Runnable tell = this::tell;
      streams.add(client);
      watchers.add(tell);
      client.setOnCancelHandler(
          () -> {
            streams.remove(client);
            watchers.remove(tell);
          });
      client.setOnReadyHandler(tell);
      tell();
    }

    private synchronized void tell() {
      List<Run> now = state.get();
      if (!client.isReady() || client.isCancelled() || now.equals(told)) {
        return;
      }
      told = now;
      synchronized (ScriptedMetrics.this) {
        sent++;
      }
      client.onNext(response.apply(now));
      if (now.stream().allMatch(run -> run.getState() == RunState.RUN_STATE_FINISHED)) {
        streams.remove(client);
        client.onCompleted();
      }
    }
  }

  private synchronized History history(String name) {
    return histories.get(name);
  }

  private synchronized List<Run> runs(String experiment) {
    return histories.values().stream()
        .map(History::run)
        .filter(run -> experiment.isEmpty() || run.getRequest().getExperiment().equals(experiment))
        .toList();
  }

  private synchronized boolean isThere(String run, StreamObserver<?> client) {
    if (histories.containsKey(run)) {
      return true;
    }
    client.onError(
        Status.NOT_FOUND.withDescription("run: there is no " + run).asRuntimeException());
    return false;
  }

  private <R> void answer(StreamObserver<R> client, R response) {
    if (refusal.isPresent()) {
      client.onError(refusal.get().asRuntimeException());
    } else {
      client.onNext(response);
      client.onCompleted();
    }
  }
}
