package io.fullrank.broker;

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
import org.apache.kafka.common.utils.AppInfoParser;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.bootstrap.BootstrapDirectory;
import org.apache.kafka.metadata.bootstrap.BootstrapMetadata;
import org.apache.kafka.server.common.MetadataVersion;

/** A single-node Kafka broker (KRaft) in this process. */
public final class Broker implements AutoCloseable {

  private final KafkaRaftServer server;
  // Kafka's own lock comes after it has read, and repaired, the log of its metadata.
  private final FileChannel lock;

  private Broker(KafkaRaftServer server, FileChannel lock) {
    this.server = server;
    this.lock = lock;
  }

  /**
   * Starts a broker, in a folder that is formatted first if it is new, and returns when it answers
   * clients. Threads of a broker that could not be started may live on: the process should end.
   *
   * @throws IOException if the folder cannot be used, another broker uses it, a newer Kafka wrote
   *     it, or the port is taken
   */
  public static Broker start(BrokerSettings settings) throws IOException {
    Files.createDirectories(settings.folder());
    FileChannel lock = lock(settings.folder());
    Properties properties = withFreePorts(settings);
    Path file = settings.folder().resolve("server.properties");
    try (OutputStream out = Files.newOutputStream(file)) {
      properties.store(out, null);
    }
    if (Files.exists(settings.log().resolve("meta.properties"))) {
      requireReadable(settings);
    } else {
      format(file);
    }
    try {
      KafkaRaftServer server =
          new KafkaRaftServer(KafkaConfig.fromProps(properties, false), Time.SYSTEM);
      server.startup();
      return new Broker(server, lock);
    } catch (KafkaException failed) {
      throw new IOException(failed.getMessage(), failed);
    }
  }

  /** Makes the broker stop in order when this process is told to end. */
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

  // Kafka itself notices at the first record that it does not know, and ends the process.
  private static void requireReadable(BrokerSettings settings) throws IOException {
    BootstrapMetadata written = formatted(settings.log());
    if (written.featureLevel(MetadataVersion.FEATURE_NAME)
        > MetadataVersion.latestProduction().featureLevel()) {
      throw new IOException(
          ("%s: a newer Kafka wrote this folder, and Kafka %s cannot read it; name another folder,"
                  + " or delete this one and with it the runs that it holds")
              .formatted(settings.folder(), AppInfoParser.getVersion()));
    }
  }

  private static BootstrapMetadata formatted(Path log) throws IOException {
    try {
      return new BootstrapDirectory(log.toString()).read();
    } catch (IOException failed) {
      throw failed;
    } catch (Exception unreadable) {
      throw new IOException("%s: %s".formatted(log, unreadable.getMessage()), unreadable);
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
