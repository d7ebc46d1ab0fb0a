package io.fullrank.cli.command;

import io.fullrank.cli.client.ServerAddress;
import io.fullrank.cli.failure.BadInputException;
import io.fullrank.cli.failure.ExecutionFailedException;
import io.fullrank.cli.failure.ExitCode;
import io.fullrank.cli.terminal.Environment;
import io.fullrank.kafka.EmbeddedKafkaBroker;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code fullrank kafka}. */
@Command(
    name = "kafka",
    description = {
      "Runs a single-node Kafka broker until Ctrl-C or SIGTERM, for development.",
      "It keeps one copy of its data and lets every client in: data that is worth keeping belongs"
          + " on a cluster of its own."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  fullrank kafka --data ~/fullrank/kafka",
      "  fullrank kafka --data /var/lib/kafka --host 0.0.0.0 --advertised broker.example.org:9092",
      "",
      "Exit status: 1 if it could not start, 2 for unusable input, 143 after SIGTERM."
    })
public final class KafkaCommand implements Callable<Integer> {

  private final Environment environment;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      required = true,
      description =
          "Folder of its data, made if it does not exist; data of earlier starts is kept.")
  private Path data;

  @Option(
      names = "--host",
      paramLabel = "HOST",
      defaultValue = "127.0.0.1",
      description =
          "Address to listen on; 0.0.0.0 for all of this machine (default: ${DEFAULT-VALUE}).")
  private String host;

  @Option(
      names = "--port",
      paramLabel = "PORT",
      defaultValue = "9092",
      description = "Port to listen on (default: ${DEFAULT-VALUE}).")
  private int port;

  @Option(
      names = "--advertised",
      paramLabel = "HOST:PORT",
      converter = ServerAddress.Converter.class,
      description = "Where clients reach it (default: --host and --port).")
  private ServerAddress advertised;

  public KafkaCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() {
    ServerAddress clients = advertised == null ? addressOfListener() : advertised;
    // The user asked for a broker here, so its warnings are shown.
    Logger.getLogger("").setLevel(Level.WARNING);
    try {
      EmbeddedKafkaBroker.run(
          new PrintWriter(environment.out(), true, StandardCharsets.UTF_8),
          data.toAbsolutePath().normalize(),
          host,
          port,
          clients.toString());
    } catch (IOException failed) {
      throw new ExecutionFailedException(
          "the Kafka broker could not start: " + failed.getMessage(), failed);
    }
    return ExitCode.OK;
  }

  private ServerAddress addressOfListener() {
    try {
      if (InetAddress.getByName(host).isAnyLocalAddress()) {
        throw new BadInputException(
            "--host %s: clients cannot connect to that; say with --advertised HOST:PORT where they"
                    .formatted(host)
                + " reach the broker");
      }
    } catch (UnknownHostException unknown) {
      throw new BadInputException("--host %s: no such host".formatted(host), unknown);
    }
    if (port < 1 || port > 65535) {
      throw new BadInputException("--port %d: a port is a number from 1 to 65535".formatted(port));
    }
    boolean bare = host.indexOf(':') >= 0 && !host.startsWith("[");
    return new ServerAddress(bare ? "[" + host + "]" : host, port);
  }
}
