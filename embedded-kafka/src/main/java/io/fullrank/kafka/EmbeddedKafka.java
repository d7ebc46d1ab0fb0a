package io.fullrank.kafka;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;

/**
 * A real single-node Kafka broker (KRaft) in a process of its own: for a laptop and for tests. It
 * ends with {@link #close()}, and with the process that started it.
 */
public final class EmbeddedKafka implements AutoCloseable {

  private static final Duration START_LIMIT = Duration.ofSeconds(120);
  private static final Duration STOP_LIMIT = Duration.ofSeconds(10);

  private final Process process;
  private final int port;

  private EmbeddedKafka(Process process, int port) {
    this.process = process;
    this.port = port;
  }

  /**
   * Starts the broker that is shipped and waits until it answers.
   *
   * @param folder its data, and its output in {@code kafka.log}; a folder used before is taken up
   *     again
   * @param port the port on the loopback address, or 0 for a free one
   * @throws IOException if the broker does not come up; the message names its log
   */
  public static EmbeddedKafka start(Path folder, int port)
      throws IOException, InterruptedException {
    return start(folder, port, EmbeddedKafkaBroker.classPath());
  }

  /**
   * Starts a broker of any Kafka version that the classes of {@code kafka-broker} run with, as
   * {@link #start(Path, int)} does.
   *
   * @param classPath has these classes and all libraries of that version's server
   */
  public static EmbeddedKafka start(Path folder, int port, String classPath)
      throws IOException, InterruptedException {
    Files.createDirectories(folder);
    Path log = folder.resolve("kafka.log");
    int clients = port == 0 ? freePort() : port;
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path"),
                EmbeddedKafkaBroker.class.getName(),
                folder.toAbsolutePath().toString(),
                Integer.toString(clients),
                classPath)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
            .start();
    EmbeddedKafka kafka = new EmbeddedKafka(process, clients);
    try {
      kafka.awaitReady(log);
    } catch (IOException | InterruptedException failed) {
      kafka.close();
      throw failed;
    }
    return kafka;
  }

  /** Returns the address that clients connect to, {@code host:port}. */
  public String bootstrapServers() {
    return "127.0.0.1:" + port;
  }

  /** Returns whether the broker's process lives. */
  public boolean isAlive() {
    return process.isAlive();
  }

  /** Kills the broker without a chance to clean up, as a failing machine would. */
  public void kill() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }

  /** Stops the broker and waits for its end. */
  @Override
  public void close() throws InterruptedException {
    process.destroy();
    if (!process.waitFor(STOP_LIMIT.toSeconds(), TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
    }
  }

  private void awaitReady(Path log) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + START_LIMIT.toNanos();
    while (!answers()) {
      if (process.waitFor(100, TimeUnit.MILLISECONDS)) {
        throw new IOException(
            "the Kafka broker ended with status %d at start, see %s: %s"
                .formatted(process.exitValue(), log, lastLine(log)));
      }
      if (System.nanoTime() > deadline) {
        throw new IOException(
            "the Kafka broker was not ready after %d s, see %s"
                .formatted(START_LIMIT.toSeconds(), log));
      }
    }
  }

  // A port that is open is not enough: the broker must have joined its own cluster.
  private boolean answers() throws InterruptedException {
    try (java.net.Socket socket = new java.net.Socket()) {
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 200);
    } catch (IOException notYet) {
      return false;
    }
    try (Admin admin =
        Admin.create(
            Map.of(
                AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrapServers(),
                AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, 2000,
                AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, 2000))) {
      return !admin.describeCluster().nodes().get().isEmpty();
    } catch (ExecutionException notYet) {
      return false;
    }
  }

  private static String lastLine(Path log) throws IOException {
    return new String(Files.readAllBytes(log), StandardCharsets.UTF_8)
        .lines()
        .reduce("", (earlier, line) -> line);
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
