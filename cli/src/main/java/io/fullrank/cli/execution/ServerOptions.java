package io.fullrank.cli.execution;

import io.fullrank.cli.client.ConnectionOptions;
import io.fullrank.cli.client.ServerAddress;
import io.fullrank.cli.client.ServiceClient;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.stack.StackOptions;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of commands that can use a stack that is there instead of starting one. */
public final class ServerOptions {

  @Option(
      names = "--server",
      paramLabel = "HOST",
      converter = ServerAddress.HostConverter.class,
      description =
          "Use the stack on this host (started by 'fullrank up', for instance) instead of starting"
              + " one; --trainer-port and --metrics-port say where it listens.")
  private String server;

  @Option(
      names = "--trainer",
      paramLabel = "HOST:PORT",
      converter = ServerAddress.Converter.class,
      description =
          "Use the trainer at this address instead of starting a stack; with --metrics, where"
              + " services have hosts of their own.")
  private ServerAddress trainer;

  @Option(
      names = "--metrics",
      paramLabel = "HOST:PORT",
      converter = ServerAddress.Converter.class,
      description = "Use the metrics service at this address; with --trainer.")
  private ServerAddress metrics;

  @Mixin private ConnectionOptions connection;

  /** Returns whether the command line names a stack that is there. */
  public boolean isGiven() {
    return server != null || trainer != null || metrics != null;
  }

  /**
   * Prepares to reach the stack that these options name.
   *
   * @param others the options of a stack that is started, of which only ports are meant for this
   *     one
   * @return a client, or nothing if a stack is to be started
   * @throws BadInputException if the options contradict each other
   */
  public Optional<ServiceClient> connect(StackOptions others) {
    if (!isGiven()) {
      if (connection.areGiven()) {
        throw new BadInputException(
            "--tls, --ca, --certificate, --key and --token-file are for a stack that is there; name it"
                + " with --server, or with --trainer and --metrics");
      }
      return Optional.empty();
    }
    if (others.data().isPresent() || others.work().isPresent()) {
      throw new BadInputException(
          "--data and --work are for a stack that is started here; the one %s has its own"
              .formatted(server == null ? "that is named" : "on " + server));
    }
    if (server != null) {
      if (trainer != null || metrics != null) {
        throw new BadInputException(
            "--server names a whole stack, --trainer and --metrics its services; give one or the"
                + " others");
      }
      return Optional.of(new ServiceClient(server, others.ports().toConnectTo(), connection));
    }
    if (trainer == null || metrics == null) {
      throw new BadInputException(
          "%s is missing: services are named one by one with --trainer and --metrics together"
              .formatted(trainer == null ? "--trainer" : "--metrics"));
    }
    return Optional.of(new ServiceClient(trainer, metrics, connection));
  }
}
