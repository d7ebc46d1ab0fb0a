package io.fullrank.cli.client;

import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ServiceUnavailableException;
import io.fullrank.cli.installation.Endpoint;
import io.fullrank.cli.installation.Ports;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.Function;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of commands that ask the metrics service of a stack. */
public final class MetricsOptions {

  private static final String LOCALHOST = "localhost";

  @Option(
      names = "--server",
      paramLabel = "HOST",
      converter = ServerAddress.HostConverter.class,
      description = "Host of the stack (default: " + LOCALHOST + ").")
  private String server;

  @Option(
      names = "--metrics-port",
      paramLabel = "PORT",
      description = "gRPC port of its metrics service (default: 9003).")
  private Integer port;

  @Mixin private ConnectionOptions connection;

  /** Returns whether the command line says anything about a stack. */
  public boolean nameAStack() {
    return server != null || port != null || connection.areGiven();
  }

  /**
   * Asks the metrics service.
   *
   * @throws ExecutionFailedException if it does not answer
   */
  public <T> T query(Function<ServiceClient, T> question) throws InterruptedException {
    Map<Endpoint, Integer> ports = new EnumMap<>(Endpoint.class);
    if (port != null) {
      ports.put(Endpoint.METRICS_GRPC, port);
    }
    try (ServiceClient client =
        new ServiceClient(
            server == null ? LOCALHOST : server, Ports.defaultsExcept(ports), connection)) {
      return question.apply(client);
    } catch (ServiceUnavailableException away) {
      throw new ExecutionFailedException(
          away.getMessage() + "; 'fullrank up' starts a stack", away);
    }
  }
}
