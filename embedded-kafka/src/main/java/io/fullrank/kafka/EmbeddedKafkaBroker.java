package io.fullrank.kafka;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import kafka.tools.StorageTool;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Time;

/** A single-node Kafka broker (KRaft) in this process; {@link EmbeddedKafka} gives it its own. */
public final class EmbeddedKafkaBroker implements AutoCloseable {

  private final KafkaRaftServer server;

  private EmbeddedKafkaBroker(KafkaRaftServer server) {
    this.server = server;
  }

  /**
   * Starts a broker, formats its folder before when that is new, and returns when it answers
   * clients. Threads of a broker that could not be started may live on: the process should end.
   *
   * @throws IOException if the folder cannot be used, or the port is taken
   */
  public static EmbeddedKafkaBroker start(BrokerSettings settings) throws IOException {
    Files.createDirectories(settings.folder());
    Properties properties = withFreePorts(settings);
    Path file = settings.folder().resolve("server.properties");
    try (OutputStream out = Files.newOutputStream(file)) {
      properties.store(out, null);
    }
    if (!Files.exists(settings.log().resolve("meta.properties"))) {
      format(file);
    }
    try {
      KafkaRaftServer server =
          new KafkaRaftServer(KafkaConfig.fromProps(properties, false), Time.SYSTEM);
      server.startup();
      return new EmbeddedKafkaBroker(server);
    } catch (KafkaException failed) {
      throw new IOException(failed.getMessage(), failed);
    }
  }

  /** Waits until the broker has stopped. */
  public void awaitEnd() {
    server.awaitShutdown();
  }

  /** Stops the broker in order and waits for its end. */
  @Override
  public void close() {
    server.shutdown();
  }

  /**
   * Runs a broker on the loopback address until standard input ends.
   *
   * @param arguments the folder, the port for clients
   */
  public static void main(String[] arguments) {
    Thread parent = new Thread(EmbeddedKafkaBroker::exitWithParent, "parent-watch");
    parent.setDaemon(true);
    parent.start();
    try {
      EmbeddedKafkaBroker broker =
          start(
              BrokerSettings.onLoopback(
                  Path.of(arguments[0]).toAbsolutePath(), Integer.parseInt(arguments[1])));
      Runtime.getRuntime().addShutdownHook(new Thread(broker::close, "stop-broker"));
      broker.awaitEnd();
    } catch (IOException | RuntimeException failed) {
      failed.printStackTrace();
      System.exit(1);
    }
  }

  // Whoever started the broker holds the other end of its standard input; when that process is
  // gone, however it died, so is the broker.
  private static void exitWithParent() {
    try {
      while (System.in.read() >= 0) {
        // Nothing is ever sent.
      }
    } catch (IOException closed) {
      System.err.println("standard input failed: " + closed.getMessage());
    }
    System.exit(0);
  }

  private static Properties withFreePorts(BrokerSettings settings) throws IOException {
    InetAddress loopback = InetAddress.getLoopbackAddress();
    // Held open together, so that no port is handed out twice.
    try (ServerSocket internal = new ServerSocket(0, 1, loopback);
        ServerSocket controller = new ServerSocket(0, 1, loopback)) {
      return settings.properties(internal.getLocalPort(), controller.getLocalPort());
    }
  }

  private static void format(Path properties) throws IOException {
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    String[] arguments = {
      "format", "--standalone", "-t", Uuid.randomUuid().toString(), "-c", properties.toString()
    };
    int status =
        StorageTool.execute(arguments, new PrintStream(said, true, StandardCharsets.UTF_8));
    if (status != 0) {
      throw new IOException(
          "%s: the storage could not be formatted (status %d: %s)"
              .formatted(
                  properties.getParent(), status, said.toString(StandardCharsets.UTF_8).strip()));
    }
  }
}
