package io.fullrank.kafka;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
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
  // Kafka's own lock comes after it has read, and repaired, the log of its metadata.
  private final FileChannel lock;

  private EmbeddedKafkaBroker(KafkaRaftServer server, FileChannel lock) {
    this.server = server;
    this.lock = lock;
  }

  /**
   * Starts a broker, formats its folder before when that is new, and returns when it answers
   * clients. Threads of a broker that could not be started may live on: the process should end.
   *
   * @throws IOException if the folder cannot be used, another broker uses it, or the port is taken
   */
  public static EmbeddedKafkaBroker start(BrokerSettings settings) throws IOException {
    Files.createDirectories(settings.folder());
    FileChannel lock = lock(settings.folder());
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
      return new EmbeddedKafkaBroker(server, lock);
    } catch (KafkaException failed) {
      throw new IOException(failed.getMessage(), failed);
    }
  }

  /** Has the broker stopped in order when this process is told to end. */
  public void stopWithProcess() {
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdown, "stop-broker"));
  }

  /** Waits until the broker has stopped. */
  public void awaitEnd() {
    server.awaitShutdown();
  }

  /** Stops the broker in order and waits for its end. */
  @Override
  public void close() throws IOException {
    server.shutdown();
    server.awaitShutdown();
    lock.close();
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
      broker.stopWithProcess();
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

  private static FileChannel lock(Path folder) throws IOException {
    Path file = folder.resolve("broker.lock");
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    if (channel.tryLock() == null) {
      channel.close();
      throw new IOException(folder + ": another broker uses this folder");
    }
    return channel;
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
