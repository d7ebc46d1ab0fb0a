package io.fullrank.cli;

import java.util.EnumMap;
import java.util.Map;
import java.util.function.Function;
import picocli.CommandLine.Option;

/** The options of commands that ask the metrics service of a stack. */
final class MetricsOptions {

  @Option(
      names = "--server",
      paramLabel = "HOST",
      defaultValue = "localhost",
      description = "Host of the stack (default: ${DEFAULT-VALUE}).")
  private String server;

  @Option(
      names = "--metrics-port",
      paramLabel = "PORT",
      defaultValue = "9003",
      description = "gRPC port of its metrics service (default: ${DEFAULT-VALUE}).")
  private int port;

  /**
   * Asks the metrics service.
   *
   * @throws ExecutionFailedException if it does not answer
   */
  <T> T query(Function<ServiceClient, T> question) throws InterruptedException {
    Map<Endpoint, Integer> ports = new EnumMap<>(Endpoint.class);
    ports.put(Endpoint.METRICS_GRPC, port);
    try (ServiceClient client = new ServiceClient(server, Ports.defaultsExcept(ports))) {
      return question.apply(client);
    } catch (ServiceUnavailableException away) {
      throw new ExecutionFailedException(
          away.getMessage() + "; 'fullrank up' starts a stack", away);
    }
  }
}
