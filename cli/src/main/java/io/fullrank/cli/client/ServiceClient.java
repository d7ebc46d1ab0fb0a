package io.fullrank.cli.client;

import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ServiceUnavailableException;
import io.fullrank.cli.installation.Endpoint;
import io.fullrank.cli.installation.Ports;
import io.fullrank.proto.v1.CompareGeneralizationRequest;
import io.fullrank.proto.v1.Comparison;
import io.fullrank.proto.v1.ExperimentSpec;
import io.fullrank.proto.v1.ListRunsRequest;
import io.fullrank.proto.v1.ListRunsResponse;
import io.fullrank.proto.v1.MetricsServiceGrpc;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.SubmitExperimentRequest;
import io.fullrank.proto.v1.SubmitExperimentResponse;
import io.fullrank.proto.v1.TrainerServiceGrpc;
import io.grpc.CallCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** The trainer and the metrics service of one stack, over gRPC. */
public final class ServiceClient implements AutoCloseable {

  private static final int PAGE_SIZE = 200;
  // A page of runs of the largest experiments is far smaller.
  private static final int MESSAGE_LIMIT_BYTES = 64 << 20;
  private static final long QUERY_LIMIT_SECONDS = 20;
  // The trainer reads the data set before it answers.
  private static final long SUBMIT_LIMIT_SECONDS = 300;
  private static final long CLOSE_LIMIT_SECONDS = 5;

  private final ServerAddress trainerAddress;
  private final ServerAddress metricsAddress;
  private final ManagedChannel trainer;
  private final ManagedChannel metrics;
  private final TrainerServiceGrpc.TrainerServiceBlockingStub trainerCalls;
  private final MetricsServiceGrpc.MetricsServiceBlockingStub metricsCalls;

  /** Prepares to reach a stack that this command has started; connects with the first call. */
  public ServiceClient(String host, Ports ports) {
    this(host, ports, new ConnectionOptions());
  }

  /** Prepares to reach a stack on one host; connects with the first call. */
  public ServiceClient(String host, Ports ports, ConnectionOptions connection) {
    this(
        new ServerAddress(host, ports.of(Endpoint.TRAINER_GRPC)),
        new ServerAddress(host, ports.of(Endpoint.METRICS_GRPC)),
        connection);
  }

  /** Prepares to reach services; connects with the first call. */
  public ServiceClient(ServerAddress trainer, ServerAddress metrics, ConnectionOptions connection) {
    Optional<CallCredentials> caller = connection.callCredentials();
    this.trainerAddress = trainer;
    this.metricsAddress = metrics;
    this.trainer = connection.channel(trainer).build();
    this.metrics = connection.channel(metrics).maxInboundMessageSize(MESSAGE_LIMIT_BYTES).build();
    TrainerServiceGrpc.TrainerServiceBlockingStub trainerCalls =
        TrainerServiceGrpc.newBlockingStub(this.trainer);
    MetricsServiceGrpc.MetricsServiceBlockingStub metricsCalls =
        MetricsServiceGrpc.newBlockingStub(this.metrics);
    this.trainerCalls = caller.map(trainerCalls::withCallCredentials).orElse(trainerCalls);
    this.metricsCalls = caller.map(metricsCalls::withCallCredentials).orElse(metricsCalls);
  }

  /**
   * Hands an experiment to the trainer.
   *
   * @throws BadInputException if the trainer finds fault with it, or lacks its data
   * @throws ServiceUnavailableException if it cannot take it now
   * @throws ExecutionFailedException if it refuses for another reason
   */
  public SubmitExperimentResponse submit(ExperimentSpec spec) {
    return translated(
        "trainer",
        trainerAddress,
        () ->
            trainerCalls
                .withDeadlineAfter(SUBMIT_LIMIT_SECONDS, TimeUnit.SECONDS)
                .submitExperiment(SubmitExperimentRequest.newBuilder().setSpec(spec).build()));
  }

  /**
   * Returns all runs, in the order of their submission.
   *
   * @param experiment the identity of an experiment, or empty for the runs of all
   * @throws ServiceUnavailableException if the metrics service cannot be reached now
   */
  public List<Run> listRuns(String experiment) {
    List<Run> runs = new ArrayList<>();
    String page = "";
    do {
      ListRunsRequest request =
          ListRunsRequest.newBuilder()
              .setExperiment(experiment)
              .setPageSize(PAGE_SIZE)
              .setPageToken(page)
              .build();
      ListRunsResponse response =
          translated(
              "metrics",
              metricsAddress,
              () ->
                  metricsCalls
                      .withDeadlineAfter(QUERY_LIMIT_SECONDS, TimeUnit.SECONDS)
                      .listRuns(request));
      runs.addAll(response.getRunsList());
      page = response.getNextPageToken();
    } while (!page.isEmpty());
    return runs;
  }

  /**
   * Returns base and two-phase runs of an experiment side by side.
   *
   * @throws BadInputException if there is no such experiment
   * @throws ServiceUnavailableException if the metrics service cannot be reached now
   */
  public Comparison compare(String experiment) {
    return translated(
        "metrics",
        metricsAddress,
        () ->
            metricsCalls
                .withDeadlineAfter(QUERY_LIMIT_SECONDS, TimeUnit.SECONDS)
                .compareGeneralization(
                    CompareGeneralizationRequest.newBuilder().setExperiment(experiment).build())
                .getComparison());
  }

  @Override
  public void close() throws InterruptedException {
    trainer.shutdownNow();
    metrics.shutdownNow();
    trainer.awaitTermination(CLOSE_LIMIT_SECONDS, TimeUnit.SECONDS);
    metrics.awaitTermination(CLOSE_LIMIT_SECONDS, TimeUnit.SECONDS);
  }

  static <T> T translated(String service, ServerAddress address, Supplier<T> call) {
    try {
      return call.get();
    } catch (StatusRuntimeException failed) {
      throw translation(service, address, failed);
    }
  }

  /** Returns what a failed call says to people. */
  static RuntimeException translation(
      String service, ServerAddress address, StatusRuntimeException failed) {
    Status status = failed.getStatus();
    String description =
        status.getDescription() == null ? status.getCode().toString() : status.getDescription();
    return switch (status.getCode()) {
      case INVALID_ARGUMENT, FAILED_PRECONDITION, NOT_FOUND, OUT_OF_RANGE ->
          new BadInputException(description, failed);
      case UNAVAILABLE, DEADLINE_EXCEEDED ->
          new ServiceUnavailableException(
              "the %s service at %s does not answer (%s)"
                  .formatted(service, address, rootMessage(failed, description)),
              failed);
      default ->
          new ExecutionFailedException(
              "the %s service at %s refused: %s".formatted(service, address, description), failed);
    };
  }

  // gRPC says "io exception" where its cause says "Connection refused".
  private static String rootMessage(Throwable failed, String description) {
    Throwable root = failed;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root == failed || root.getMessage() == null ? description : root.getMessage();
  }
}
