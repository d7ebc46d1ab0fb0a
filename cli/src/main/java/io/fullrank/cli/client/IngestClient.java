package io.fullrank.cli.client;

import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ServiceUnavailableException;
import io.fullrank.proto.v1.IngestServiceGrpc;
import io.fullrank.proto.v1.IngestServiceGrpc.IngestServiceStub;
import io.fullrank.proto.v1.RegisterRunRequest;
import io.fullrank.proto.v1.RegisterRunResponse;
import io.grpc.CallCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** The service that takes reports of runs, over gRPC. */
public final class IngestClient implements AutoCloseable {

  private static final long REGISTER_LIMIT_SECONDS = 30;
  private static final long CLOSE_LIMIT_SECONDS = 5;

  private final ServerAddress address;
  private final ManagedChannel channel;
  private final Optional<CallCredentials> caller;

  /** Prepares to reach the service; connects with the first call. */
  public IngestClient(ServerAddress address, ConnectionOptions connection) {
    this.address = address;
    this.caller = connection.callCredentials();
    this.channel = connection.channel(address).build();
  }

  /**
   * Registers a run, or finds that it is registered.
   *
   * @throws BadInputException if the service finds fault with it
   * @throws ServiceUnavailableException if the service cannot be reached now
   * @throws ExecutionFailedException if it refuses for another reason, such as another's run
   */
  public RegisterRunResponse register(RegisterRunRequest request) {
    IngestServiceGrpc.IngestServiceBlockingStub calls = IngestServiceGrpc.newBlockingStub(channel);
    return ServiceClient.translated(
        "trainer",
        address,
        () ->
            caller
                .map(calls::withCallCredentials)
                .orElse(calls)
                .withDeadlineAfter(REGISTER_LIMIT_SECONDS, TimeUnit.SECONDS)
                .registerRun(request));
  }

  /** Returns the calls that stream. */
  public IngestServiceStub streams() {
    IngestServiceStub calls = IngestServiceGrpc.newStub(channel);
    return caller.map(calls::withCallCredentials).orElse(calls);
  }

  /** Returns what a stream's failure says to people. */
  public RuntimeException explained(StatusRuntimeException failed) {
    return ServiceClient.translation("trainer", address, failed);
  }

  @Override
  public void close() throws InterruptedException {
    channel.shutdownNow().awaitTermination(CLOSE_LIMIT_SECONDS, TimeUnit.SECONDS);
  }
}
