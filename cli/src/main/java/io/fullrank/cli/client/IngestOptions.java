package io.fullrank.cli.client;

import io.fullrank.cli.installation.Endpoint;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of commands that report runs to the trainer service, or to one that only ingests. */
public final class IngestOptions {

  @Option(
      names = "--server",
      paramLabel = "HOST",
      converter = ServerAddress.HostConverter.class,
      defaultValue = "localhost",
      description = "Host of the trainer service (default: ${DEFAULT-VALUE}).")
  private String server;

  @Option(
      names = "--trainer-port",
      paramLabel = "PORT",
      converter = ServerAddress.PortConverter.class,
      description = "Its gRPC port (default: 9001).")
  private int port = Endpoint.TRAINER_GRPC.defaultPort();

  @Mixin private ConnectionOptions connection;

  /** Prepares to reach the service; connects with the first call. */
  public IngestClient connect() {
    return new IngestClient(new ServerAddress(server, port), connection);
  }
}
