package io.fullrank.cli;

import io.fullrank.cli.installation.Endpoint;
import io.fullrank.cli.installation.Ports;
import io.fullrank.proto.v1.CompareGeneralizationRequest;
import io.fullrank.proto.v1.CompareGeneralizationResponse;
import io.fullrank.proto.v1.ListRunsRequest;
import io.fullrank.proto.v1.ListRunsResponse;
import io.fullrank.proto.v1.MetricsServiceGrpc;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.SubmitExperimentRequest;
import io.fullrank.proto.v1.SubmitExperimentResponse;
import io.fullrank.proto.v1.TrainerServiceGrpc;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;

/**
 * A trainer and a metrics service over real gRPC that answer what a test tells them, for answers
 * that a real stack cannot be brought to give.
 */
public final class ScriptedServices implements AutoCloseable {

  private static final String SUFFIX =
      SampleRuns.EXPERIMENT.substring(SampleRuns.SPEC.getName().length());

  private final Server trainer;
  private final Server metrics;
  private final Deque<Object> listings = new ArrayDeque<>();
  private final List<String> submitted = new ArrayList<>();
  private Status submission = Status.OK;

  public ScriptedServices() throws IOException {
    trainer =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .addService(new Trainer())
            .build()
            .start();
    metrics =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .addService(new Metrics())
            .build()
            .start();
  }

  /** Makes the trainer refuse. */
  public synchronized void refuseSubmissions(Status status) {
    submission = status;
  }

  /** Appends an answer to ListRuns; the last one is repeated. */
  public synchronized void thenRuns(Run... runs) {
    listings.add(List.of(runs));
  }

  /** Appends a failure of ListRuns. */
  public synchronized void thenFailure(Status status) {
    listings.add(status);
  }

  /** Returns the names of the experiments that were submitted, in this order. */
  public synchronized List<String> submitted() {
    return List.copyOf(submitted);
  }

  public Ports ports() {
    return Ports.anyFreeExcept(
        Map.of(Endpoint.TRAINER_GRPC, trainer.getPort(), Endpoint.METRICS_GRPC, metrics.getPort()));
  }

  @Override
  public void close() throws InterruptedException {
    trainer.shutdownNow().awaitTermination();
    metrics.shutdownNow().awaitTermination();
  }

  private synchronized Object nextListing() {
    return listings.size() > 1 ? listings.remove() : listings.element();
  }

  private synchronized Status submission() {
    return submission;
  }

  private synchronized void submitted(String name) {
    submitted.add(name);
  }

  /** Returns the sample's run as one of another experiment. */
  private static Run of(String experiment, Run run) {
    Run.Builder other = run.toBuilder();
    other
        .getRequestBuilder()
        .setExperiment(experiment)
        .setRun(run.getRequest().getRun().replace(SampleRuns.EXPERIMENT, experiment));
    return other.build();
  }

  private final class Trainer extends TrainerServiceGrpc.TrainerServiceImplBase {

    @Override
    public void submitExperiment(
        SubmitExperimentRequest request, StreamObserver<SubmitExperimentResponse> response) {
      if (!submission().isOk()) {
        response.onError(submission().asRuntimeException());
        return;
      }
      submitted(request.getSpec().getName());
      String experiment = request.getSpec().getName() + SUFFIX;
      response.onNext(
          SubmitExperimentResponse.newBuilder()
              .setExperiment(experiment)
              .addRuns(experiment + ".base.1")
              .addRuns(experiment + ".two-phase.1")
              .addWarnings("the condition cannot hold")
              .build());
      response.onCompleted();
    }
  }

  private final class Metrics extends MetricsServiceGrpc.MetricsServiceImplBase {

    @Override
    public void listRuns(ListRunsRequest request, StreamObserver<ListRunsResponse> response) {
      Object answer = nextListing();
      if (answer instanceof Status failure) {
        response.onError(failure.asRuntimeException());
        return;
      }
      String experiment =
          request.getExperiment().isEmpty() ? SampleRuns.EXPERIMENT : request.getExperiment();
      List<?> runs = (List<?>) answer;
      response.onNext(
          ListRunsResponse.newBuilder()
              .addAllRuns(
                  runs.stream().map(Run.class::cast).map(run -> of(experiment, run)).toList())
              .build());
      response.onCompleted();
    }

    @Override
    public void compareGeneralization(
        CompareGeneralizationRequest request,
        StreamObserver<CompareGeneralizationResponse> response) {
      if (!request.getExperiment().endsWith(SUFFIX)) {
        response.onError(
            Status.NOT_FOUND
                .withDescription("no experiment '%s'".formatted(request.getExperiment()))
                .asRuntimeException());
        return;
      }
      response.onNext(
          CompareGeneralizationResponse.newBuilder()
              .setComparison(
                  SampleRuns.comparison().toBuilder().setExperiment(request.getExperiment()))
              .build());
      response.onCompleted();
    }
  }
}
