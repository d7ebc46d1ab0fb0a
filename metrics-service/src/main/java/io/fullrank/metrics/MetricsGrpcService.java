package io.fullrank.metrics;

import io.fullrank.proto.v1.CompareGeneralizationRequest;
import io.fullrank.proto.v1.CompareGeneralizationResponse;
import io.fullrank.proto.v1.GetRunRequest;
import io.fullrank.proto.v1.GetRunResponse;
import io.fullrank.proto.v1.ListRunsRequest;
import io.fullrank.proto.v1.ListRunsResponse;
import io.fullrank.proto.v1.ListVerdictsRequest;
import io.fullrank.proto.v1.ListVerdictsResponse;
import io.fullrank.proto.v1.MetricsServiceGrpc;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.Verdict;
import io.fullrank.proto.v1.WatchRunRequest;
import io.fullrank.proto.v1.WatchRunResponse;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.quarkus.grpc.GrpcService;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * Answers gRPC clients from memory, without ever waiting. UNAVAILABLE means that the state has not
 * caught up yet: try again soon.
 */
@GrpcService
public final class MetricsGrpcService extends MetricsServiceGrpc.MetricsServiceImplBase {

  private static final int DEFAULT_PAGE_SIZE = 100;
  private static final int MAX_PAGE_SIZE = 1000;
  // gRPC clients refuse messages over 4 MiB unless told otherwise.
  private static final int PAGE_BYTES = 3 << 20;
  private static final int NAMES_IN_ERRORS = 5;

  private final RunStore store;
  private final CatchUp catchUp;

  /**
   * Creates the service.
   *
   * @param store the runs
   * @param catchUp whether they are complete
   */
  public MetricsGrpcService(RunStore store, CatchUp catchUp) {
    this.store = store;
    this.catchUp = catchUp;
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
  public void listVerdicts(
      ListVerdictsRequest request, StreamObserver<ListVerdictsResponse> client) {
    answer(client, () -> listVerdicts(request));
  }

  @Override
  public void watchRun(WatchRunRequest request, StreamObserver<WatchRunResponse> client) {
    try {
      requireCaughtUp();
      requireRun(request.getRun());
    } catch (StatusRuntimeException refused) {
      client.onError(refused);
      return;
    }
    RunWatch.start(store, request.getRun(), (ServerCallStreamObserver<WatchRunResponse>) client);
  }

  @Override
  public void compareGeneralization(
      CompareGeneralizationRequest request, StreamObserver<CompareGeneralizationResponse> client) {
    answer(client, () -> compareGeneralization(request));
  }

  private ListRunsResponse listRuns(ListRunsRequest request) {
    int size = pageSize(request.getPageSize());
    Optional<String> after = PageToken.parts(request.getPageToken(), 1).map(parts -> parts.get(0));
    if (after.isPresent() && store.run(after.get()).isEmpty()) {
      throw PageToken.invalid(null);
    }
    // One more than asked for tells whether there is another page.
    List<Run> runs = store.runs(request.getExperiment(), after, size + 1);
    int onPage = fitting(runs, size);
    ListRunsResponse.Builder page =
        ListRunsResponse.newBuilder().addAllRuns(runs.subList(0, onPage));
    if (onPage < runs.size()) {
      page.setNextPageToken(PageToken.of(runs.get(onPage - 1).getRequest().getRun()));
    }
    return page.build();
  }

  /** Returns how many of some runs fit on a page; a run that is too large has one of its own. */
  private static int fitting(List<Run> runs, int size) {
    long bytes = 0;
    int count = 0;
    for (Run run : runs) {
      bytes += run.getSerializedSize();
      if (count == size || (bytes > PAGE_BYTES && count > 0)) {
        break;
      }
      count++;
    }
    return count;
  }

  private ListVerdictsResponse listVerdicts(ListVerdictsRequest request) {
    int size = pageSize(request.getPageSize());
    Optional<List<String>> token = PageToken.parts(request.getPageToken(), 3);
    Optional<CheckLedger.Key> after;
    try {
      after =
          token.map(
              parts -> new CheckLedger.Key(Long.parseUnsignedLong(parts.get(1)), parts.get(2)));
    } catch (NumberFormatException notAStep) {
      throw PageToken.invalid(notAStep);
    }
    requireRun(request.getRun());
    // One more than asked for tells whether there is another page.
    RunStore.Verdicts found =
        store
            .verdicts(request.getRun(), after, size + 1)
            .orElseThrow(() -> noRun(request.getRun()));
    String attempt = Long.toUnsignedString(found.attempt());
    if (token.isPresent() && !token.get().get(0).equals(attempt)) {
      throw Status.INVALID_ARGUMENT
          .withDescription(
              "page_token: run %s has started again since; leave it empty to begin anew"
                  .formatted(request.getRun()))
          .asRuntimeException();
    }
    List<Verdict> verdicts = found.verdicts();
    if (verdicts.size() <= size) {
      return ListVerdictsResponse.newBuilder().addAllVerdicts(verdicts).build();
    }
    CheckLedger.Key last = CheckLedger.Key.of(verdicts.get(size - 1));
    return ListVerdictsResponse.newBuilder()
        .addAllVerdicts(verdicts.subList(0, size))
        .setNextPageToken(PageToken.of(attempt, Long.toUnsignedString(last.step()), last.check()))
        .build();
  }

  private CompareGeneralizationResponse compareGeneralization(
      CompareGeneralizationRequest request) {
    requireGiven("experiment", request.getExperiment());
    List<Run> runs = store.runs(request.getExperiment());
    if (runs.isEmpty()) {
      throw notFound(
          "experiment", request.getExperiment(), store.latestExperiments(NAMES_IN_ERRORS + 1));
    }
    return CompareGeneralizationResponse.newBuilder()
        .setComparison(GeneralizationComparison.of(request.getExperiment(), runs))
        .build();
  }

  private Run requireRun(String name) {
    requireGiven("run", name);
    return store.run(name).orElseThrow(() -> noRun(name));
  }

  private StatusRuntimeException noRun(String name) {
    return notFound("run", name, store.latestRuns(NAMES_IN_ERRORS + 1));
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

  private static int pageSize(int requested) {
    if (Integer.compareUnsigned(requested, MAX_PAGE_SIZE) > 0) {
      throw Status.INVALID_ARGUMENT
          .withDescription(
              "page_size: %s is more than %d"
                  .formatted(Integer.toUnsignedString(requested), MAX_PAGE_SIZE))
          .asRuntimeException();
    }
    return requested == 0 ? DEFAULT_PAGE_SIZE : requested;
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
