package io.fullrank.metrics.endpoint;

import com.google.common.collect.Lists;
import io.fullrank.metrics.prometheus.CatchUp;
import io.fullrank.metrics.query.ExperimentRemoval;
import io.fullrank.metrics.query.GeneralizationComparison;
import io.fullrank.metrics.query.PageToken;
import io.fullrank.metrics.query.Pages;
import io.fullrank.metrics.query.RunQueries;
import io.fullrank.metrics.query.RunQueries.ExperimentState;
import io.fullrank.metrics.query.StepLists;
import io.fullrank.metrics.query.TestErrorCurves;
import io.fullrank.metrics.selection.Portion;
import io.fullrank.metrics.store.SubmissionOrder;
import io.fullrank.metrics.v1.ExperimentPlace;
import io.fullrank.metrics.v1.HeldCheck;
import io.fullrank.metrics.v1.HeldExperiment;
import io.fullrank.metrics.v1.Place;
import io.fullrank.metrics.v1.RunFilter;
import io.fullrank.metrics.v1.Submission;
import io.fullrank.metrics.watch.Watches;
import io.fullrank.proto.v1.CheckSummary;
import io.fullrank.proto.v1.CompareGeneralizationRequest;
import io.fullrank.proto.v1.CompareGeneralizationResponse;
import io.fullrank.proto.v1.CompareTestErrorsRequest;
import io.fullrank.proto.v1.CompareTestErrorsResponse;
import io.fullrank.proto.v1.DeleteExperimentRequest;
import io.fullrank.proto.v1.DeleteExperimentResponse;
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
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunState;
import io.fullrank.proto.v1.Variant;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.proto.v1.WatchExperimentRequest;
import io.fullrank.proto.v1.WatchExperimentResponse;
import io.fullrank.proto.v1.WatchRunRequest;
import io.fullrank.proto.v1.WatchRunResponse;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.quarkus.grpc.GrpcService;
import io.smallrye.common.annotation.Blocking;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Answers gRPC clients, whichever instance holds what they ask for. UNAVAILABLE means that the
 * state has not caught up yet, or that runs are moving between instances: try again soon.
 */
@GrpcService
@Blocking
public final class MetricsGrpcService extends MetricsServiceGrpc.MetricsServiceImplBase {

  private static final int NAMES_IN_ERRORS = 5;

  /** How many experiments have their specifications read at a time. */
  private static final int EXPERIMENTS_AT_A_TIME = 16;

  private static final int CURVE_POINTS = 32;
  private static final int ATTENTION_LIMIT = 20;

  private final RunQueries queries;
  private final Watches watches;
  private final ExperimentRemoval removal;
  private final CatchUp catchUp;

  /**
   * Creates the service.
   *
   * @param queries answers questions about all runs
   * @param watches streams of changes
   * @param removal removes experiments
   * @param catchUp whether the state is complete
   */
  public MetricsGrpcService(
      RunQueries queries, Watches watches, ExperimentRemoval removal, CatchUp catchUp) {
    this.queries = queries;
    this.watches = watches;
    this.removal = removal;
    this.catchUp = catchUp;
  }

  @Override
  public void listExperiments(
      ListExperimentsRequest request, StreamObserver<ListExperimentsResponse> client) {
    answer(client, () -> listExperiments(request));
  }

  @Override
  public void listRuns(ListRunsRequest request, StreamObserver<ListRunsResponse> client) {
    answer(client, () -> listRuns(request));
  }

  @Override
  public void getRun(GetRunRequest request, StreamObserver<GetRunResponse> client) {
    answer(client, () -> GetRunResponse.newBuilder().setRun(requireRun(request.getRun())).build());
  }

  @Override
  public void listProgress(
      ListProgressRequest request, StreamObserver<ListProgressResponse> client) {
    answer(
        client,
        () -> {
          requireGiven("run", request.getRun());
          StepLists.require(request);
          return queries.progress(request).orElseThrow(() -> noRun(request.getRun()));
        });
  }

  @Override
  public void listVerdicts(
      ListVerdictsRequest request, StreamObserver<ListVerdictsResponse> client) {
    answer(
        client,
        () -> {
          requireGiven("run", request.getRun());
          StepLists.require(request);
          return queries.verdicts(request).orElseThrow(() -> noRun(request.getRun()));
        });
  }

  @Override
  public void watchRun(WatchRunRequest request, StreamObserver<WatchRunResponse> client) {
    try {
      requireCaughtUp();
      Run unused = requireRun(request.getRun());
      watches.ofRun(
          request.getRun(),
          request.getResumeToken(),
          (ServerCallStreamObserver<WatchRunResponse>) client);
    } catch (StatusRuntimeException refused) {
      client.onError(refused);
    }
  }

  @Override
  public void watchExperiment(
      WatchExperimentRequest request, StreamObserver<WatchExperimentResponse> client) {
    try {
      requireCaughtUp();
      watches.ofExperiment(
          request.getExperiment(),
          runsOf(request.getExperiment()),
          request.getResumeToken(),
          (ServerCallStreamObserver<WatchExperimentResponse>) client);
    } catch (StatusRuntimeException refused) {
      client.onError(refused);
    }
  }

  @Override
  public void compareGeneralization(
      CompareGeneralizationRequest request, StreamObserver<CompareGeneralizationResponse> client) {
    answer(
        client,
        () ->
            CompareGeneralizationResponse.newBuilder()
                .setComparison(
                    GeneralizationComparison.of(
                        request.getExperiment(), experiment(request.getExperiment())))
                .build());
  }

  @Override
  public void compareTestErrors(
      CompareTestErrorsRequest request, StreamObserver<CompareTestErrorsResponse> client) {
    answer(
        client,
        () ->
            TestErrorCurves.of(
                experiment(request.getExperiment()),
                queries::progress,
                Pages.few("max_points", request.getMaxPoints(), CURVE_POINTS)));
  }

  @Override
  public void listAttention(
      ListAttentionRequest request, StreamObserver<ListAttentionResponse> client) {
    answer(
        client, () -> queries.attention(Pages.few("limit", request.getLimit(), ATTENTION_LIMIT)));
  }

  @Override
  public void deleteExperiment(
      DeleteExperimentRequest request, StreamObserver<DeleteExperimentResponse> client) {
    answer(
        client,
        () -> {
          requireGiven("experiment", request.getExperiment());
          int runs = removal.remove(request.getExperiment());
          if (runs == 0) {
            throw noExperiment(request.getExperiment());
          }
          return DeleteExperimentResponse.newBuilder().setRuns(runs).build();
        });
  }

  private ListExperimentsResponse listExperiments(ListExperimentsRequest request) {
    int size = Pages.size(request.getPageSize());
    ListExperimentsRequest list = request.toBuilder().clearPageSize().clearPageToken().build();
    Optional<ExperimentPlace> after =
        PageToken.place(request.getPageToken(), list, Place.AfterCase.EXPERIMENT)
            .map(Place::getExperiment);
    // One more than asked for tells whether there is another page.
    List<ExperimentState> found =
        queries.experiments().stream()
            .filter(
                experiment ->
                    after.isEmpty()
                        || ExperimentState.ORDER.compare(experiment.place(), after.get()) > 0)
            .limit(size + 1L)
            .toList();
    Portion<Experiment> read = new Portion<>(size + 1);
    for (List<ExperimentState> some : Lists.partition(found, EXPERIMENTS_AT_A_TIME)) {
      if (!read.isFull()) {
        experiments(some).forEach(read::add);
      }
    }
    List<Experiment> experiments = read.values();
    int onPage = Pages.fitting(experiments, size);
    ListExperimentsResponse.Builder page =
        ListExperimentsResponse.newBuilder().addAllExperiments(experiments.subList(0, onPage));
    if (onPage < experiments.size()) {
      page.setNextPageToken(
          PageToken.of(list, Place.newBuilder().setExperiment(found.get(onPage - 1).place())));
    }
    return page.build();
  }

  private List<Experiment> experiments(List<ExperimentState> states) {
    // Every run of an experiment has its specification; that of the newest verdict has the verdict.
    Set<String> wanted =
        states.stream()
            .flatMap(
                state ->
                    Stream.concat(
                        Stream.of(state.first().getRun()),
                        state.figures().getChecksList().stream().map(HeldCheck::getLatestRun)))
            .collect(Collectors.toSet());
    Map<String, Run> runs =
        queries.runs(wanted).values().stream()
            .collect(Collectors.toMap(run -> run.getRequest().getRun(), Function.identity()));
    // One answer may not have had room for all.
    Function<String, Optional<Run>> find =
        name -> Optional.ofNullable(runs.get(name)).or(() -> queries.run(name));
    return states.stream().map(state -> experiment(state, find)).toList();
  }

  private static Experiment experiment(
      ExperimentState state, Function<String, Optional<Run>> find) {
    HeldExperiment figures = state.figures();
    Experiment.Builder experiment =
        Experiment.newBuilder()
            .setExperiment(state.first().getExperiment())
            .setSubmittedAt(state.first().getAt())
            .addAllRuns(figures.getRunsList())
            .setDone(figures.getDone() / state.count())
            .addAllTestErrors(figures.getTestErrorsList());
    find.apply(state.first().getRun())
        .ifPresent(run -> experiment.setSpec(run.getRequest().getSpec()));
    for (HeldCheck check : figures.getChecksList()) {
      CheckSummary.Builder summary = experiment.addChecksBuilder().mergeFrom(check.getSummary());
      find.apply(check.getLatestRun()).stream()
          .flatMap(run -> run.getLatestVerdictsList().stream())
          .filter(verdict -> verdict.getCheck().equals(summary.getCheck()))
          .findFirst()
          .ifPresent(verdict -> summary.setLatest(inShort(verdict)));
    }
    return experiment.build();
  }

  private static Verdict inShort(Verdict verdict) {
    return verdict.toBuilder()
        .clearSpectrum()
        .clearHistograms()
        .clearMeasures()
        .addAllMeasures(
            verdict.getMeasuresList().stream()
                .filter(measure -> measure.getLayer().isEmpty())
                .toList())
        .build();
  }

  private ListRunsResponse listRuns(ListRunsRequest request) {
    int size = Pages.size(request.getPageSize());
    requireKnown(request);
    ListRunsRequest list = request.toBuilder().clearPageSize().clearPageToken().build();
    Optional<Submission> after =
        PageToken.place(request.getPageToken(), list, Place.AfterCase.SUBMISSION)
            .map(Place::getSubmission);
    RunFilter filter =
        RunFilter.newBuilder()
            .setExperiment(request.getExperiment())
            .addAllStates(request.getStatesList())
            .setDataSet(request.getDataSet())
            .setVariant(request.getVariant())
            .build();
    // One more than asked for tells whether there is another page.
    List<Run> runs = queries.runs(filter, after, size + 1).values();
    int onPage = Pages.fitting(runs, size);
    ListRunsResponse.Builder page =
        ListRunsResponse.newBuilder().addAllRuns(runs.subList(0, onPage));
    if (onPage < runs.size()) {
      page.setNextPageToken(
          PageToken.of(
              list,
              Place.newBuilder()
                  .setSubmission(SubmissionOrder.of(runs.get(onPage - 1).getRequest()))));
    }
    return page.build();
  }

  private static void requireKnown(ListRunsRequest request) {
    for (RunState state : request.getStatesList()) {
      if (state == RunState.RUN_STATE_UNSPECIFIED || state == RunState.UNRECOGNIZED) {
        throw Status.INVALID_ARGUMENT
            .withDescription("states: there is no state " + state)
            .asRuntimeException();
      }
    }
    if (request.getVariant() == Variant.UNRECOGNIZED) {
      throw Status.INVALID_ARGUMENT
          .withDescription("variant: there is no variant " + request.getVariantValue())
          .asRuntimeException();
    }
  }

  private Run requireRun(String name) {
    requireGiven("run", name);
    return queries.run(name).orElseThrow(() -> noRun(name));
  }

  private Iterable<Run> experiment(String experiment) {
    requireGiven("experiment", experiment);
    Iterator<Run> runs = queries.experiment(experiment).iterator();
    if (!runs.hasNext()) {
      throw noExperiment(experiment);
    }
    return () -> runs;
  }

  private int runsOf(String experiment) {
    requireGiven("experiment", experiment);
    return queries.experiments().stream()
        .filter(state -> state.first().getExperiment().equals(experiment))
        .findFirst()
        .orElseThrow(() -> noExperiment(experiment))
        .count();
  }

  private StatusRuntimeException noRun(String name) {
    return notFound(
        "run",
        name,
        queries.experiments().stream()
            .limit(1)
            .flatMap(newest -> queries.experiment(newest.first().getExperiment()))
            .limit(NAMES_IN_ERRORS + 1L)
            .map(run -> run.getRequest().getRun())
            .toList());
  }

  private StatusRuntimeException noExperiment(String name) {
    return notFound(
        "experiment",
        name,
        queries.experiments().stream()
            .map(experiment -> experiment.first().getExperiment())
            .toList());
  }

  private static StatusRuntimeException notFound(String field, String name, List<String> present) {
    String there =
        present.isEmpty()
            ? "there is none yet"
            : "the latest are "
                + present.stream().limit(NAMES_IN_ERRORS).collect(Collectors.joining(", "))
                + (present.size() > NAMES_IN_ERRORS ? ", ..." : "");
    return Status.NOT_FOUND
        .withDescription("%s: there is no %s; %s".formatted(field, name, there))
        .asRuntimeException();
  }

  private static void requireGiven(String field, String value) {
    if (value.isEmpty()) {
      throw Status.INVALID_ARGUMENT.withDescription(field + ": is empty").asRuntimeException();
    }
  }

  private void requireCaughtUp() {
    if (!catchUp.isDone()) {
      throw Status.UNAVAILABLE
          .withDescription(
              "the state is not complete yet, waiting for %s".formatted(catchUp.waitingFor()))
          .asRuntimeException();
    }
  }

  private <T> void answer(StreamObserver<T> client, Supplier<T> response) {
    try {
      requireCaughtUp();
      client.onNext(response.get());
      client.onCompleted();
    } catch (StatusRuntimeException refused) {
      client.onError(refused);
    }
  }
}
