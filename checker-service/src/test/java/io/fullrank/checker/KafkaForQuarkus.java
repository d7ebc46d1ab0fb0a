package io.fullrank.checker;

import io.fullrank.kafka.EmbeddedKafka;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** A real broker for the tests of the whole service, and ports that no one else has. */
public final class KafkaForQuarkus implements QuarkusTestResourceLifecycleManager {

  private Path folder;
  private int port;
  private EmbeddedKafka kafka;

  @Override
  public Map<String, String> start() {
    try {
      folder = Files.createTempDirectory(Path.of("target"), "kafka");
      port = freePort();
      restart();
      return Map.of(
          "fullrank.kafka.bootstrap-servers", kafka.bootstrapServers(),
          "fullrank.checker.max-matrix-bytes", "33554432",
          "fullrank.checker.matrix-idle-timeout", "PT4S",
          "quarkus.grpc.server.test-port", Integer.toString(freePort()),
          "quarkus.http.test-port", Integer.toString(freePort()));
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    }
  }

  @Override
  public void inject(TestInjector injector) {
    injector.injectIntoFields(this, new TestInjector.MatchesType(KafkaForQuarkus.class));
  }

  /** Kills the broker, as a failing machine would. */
  void kill() throws InterruptedException {
    kafka.kill();
  }

  /** Starts the broker with the data and the address that it had. */
  void restart() throws IOException, InterruptedException {
    kafka = EmbeddedKafka.start(folder, port);
  }

  @Override
  public void stop() {
    try {
      if (kafka != null) {
        kafka.close();
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
