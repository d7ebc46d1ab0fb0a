package io.fullrank.trainer;

import io.fullrank.kafka.EmbeddedKafka;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** The broker of the tests that run the whole service, and free ports for it. */
public final class BrokerResource implements QuarkusTestResourceLifecycleManager {

  private Path folder;
  private int port;
  private EmbeddedKafka kafka;

  @Override
  public Map<String, String> start() {
    try {
      folder = Files.createTempDirectory("fullrank-trainer-test");
      port = freePort();
      restart();
      return Map.of(
          "fullrank.kafka.bootstrap-servers", kafka.bootstrapServers(),
          "fullrank.data.directory", Files.createDirectory(folder.resolve("data")).toString(),
          "quarkus.grpc.server.test-port", Integer.toString(freePort()),
          "quarkus.http.test-port", "0");
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(stopped);
    }
  }

  // The port that Quarkus picks for 0 cannot be asked for.
  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  @Override
  public void inject(TestInjector injector) {
    injector.injectIntoFields(this, new TestInjector.MatchesType(BrokerResource.class));
  }

  /** Kills the broker, as a failing machine would. */
  public void kill() throws InterruptedException {
    kafka.kill();
  }

  /** Starts the broker with the data and the address that it had. */
  public void restart() throws IOException, InterruptedException {
    kafka = EmbeddedKafka.start(folder.resolve("kafka"), port);
  }

  @Override
  public void stop() {
    try {
      if (kafka != null) {
        kafka.close();
      }
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
  }
}
