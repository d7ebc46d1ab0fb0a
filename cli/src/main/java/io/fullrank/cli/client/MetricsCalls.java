package io.fullrank.cli.client;

import io.fullrank.proto.v1.GetRunRequest;
import io.fullrank.proto.v1.ListProgressRequest;
import io.fullrank.proto.v1.ListRunsRequest;
import io.fullrank.proto.v1.MetricsServiceGrpc;
import io.grpc.Channel;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Calls as clients make them of a metrics service: of ten, eight ask for a run, one for a hundred
 * steps of its progress, one for a page of ten runs.
 */
public final class MetricsCalls {

  /** Is told of the one thing that comes of a call. */
  public interface Outcome {

    /** The answer has come. */
    void onAnswer();

    /** The call was refused, or got no answer. */
    void onFailure(Throwable failure);
  }

  private static final long STRIDE = 7919;
  private static final int STEPS = 100;
  private static final int PAGE_SIZE = 10;

  private final MetricsServiceGrpc.MetricsServiceStub metrics;
  private final String experiment;
  private final List<String> runs;
  private final Duration limit;

  /**
   * Prepares to call.
   *
   * @param experiment whose runs are listed
   * @param runs that are asked for in turn, in another order than this
   * @param limit how long a call waits for its answer
   */
  public MetricsCalls(Channel channel, String experiment, List<String> runs, Duration limit) {
    this.metrics = MetricsServiceGrpc.newStub(channel);
    this.experiment = experiment;
    this.runs = List.copyOf(runs);
    this.limit = limit;
  }

  /** Makes a call and does not wait for its answer. */
  public void call(int number, Outcome outcome) {
    MetricsServiceGrpc.MetricsServiceStub stub =
        metrics.withDeadlineAfter(limit.toMillis(), TimeUnit.MILLISECONDS);
    String run = runs.get((int) ((number * STRIDE) % runs.size()));
    switch (number % 10) {
      case 8 ->
          stub.listProgress(
              ListProgressRequest.newBuilder().setRun(run).setMaxPoints(STEPS).build(),
              new Answer<>(outcome));
      case 9 ->
          stub.listRuns(
              ListRunsRequest.newBuilder().setExperiment(experiment).setPageSize(PAGE_SIZE).build(),
              new Answer<>(outcome));
      default -> stub.getRun(GetRunRequest.newBuilder().setRun(run).build(), new Answer<>(outcome));
    }
  }

  private record Answer<T>(Outcome outcome) implements StreamObserver<T> {

    @Override
    public void onNext(T message) {
      outcome.onAnswer();
    }

    @Override
    public void onError(Throwable failure) {
      outcome.onFailure(failure);
    }

    @Override
    public void onCompleted() {
      // The message was the answer.
    }
  }
}
