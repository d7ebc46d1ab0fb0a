package io.fullrank.testsupport.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fullrank.testsupport.FreePort;
import io.fullrank.testsupport.Waiting;
import io.fullrank.testsupport.client.HttpEndpoint;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * A real broker for tests that run a whole service in this process, and ports that no other test
 * has. Tests get it by a field of this type. Its arguments become the service's configuration.
 */
public final class BrokerForQuarkus implements QuarkusTestResourceLifecycleManager {

  private Map<String, String> arguments = Map.of();
  private MortalBroker broker;

  @Override
  public void init(Map<String, String> given) {
    arguments = given;
  }

  @Override
  public Map<String, String> start() {
    try {
      broker = MortalBroker.start(Files.createTempDirectory(Path.of("target"), "kafka"));
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    }
    Map<String, String> configuration = new HashMap<>(arguments);
    configuration.put("fullrank.kafka.bootstrap-servers", broker.bootstrapServers());
    // The ports that Quarkus picks for 0 cannot be asked for.
    configuration.put("quarkus.grpc.server.test-port", Integer.toString(FreePort.any()));
    configuration.put("quarkus.http.test-port", Integer.toString(FreePort.any()));
    return configuration;
  }

  @Override
  public void inject(TestInjector injector) {
    injector.injectIntoFields(this, new TestInjector.MatchesType(BrokerForQuarkus.class));
  }

  /** Kills the broker, as a failing machine would. */
  public void kill() throws InterruptedException {
    broker.kill();
  }

  /** Starts the broker again, if it has been killed, with the data and the address that it had. */
  public void startAgain() throws IOException, InterruptedException {
    broker.startAgain();
  }

  /**
   * Asserts that a service is ready while this broker answers, lives on but is not ready while the
   * broker is gone, and is ready again afterwards, as it says over HTTP and over gRPC.
   *
   * @param grpcHealth asks the service's gRPC health service for its status
   */
  public void assertReadyOnlyWhileItAnswers(HttpEndpoint http, Supplier<?> grpcHealth)
      throws IOException, InterruptedException {
    awaitHealth(http, 200, grpcHealth, "SERVING");
    assertThat(http.status("/q/health/started")).isEqualTo(200);

    kill();
    try {
      awaitHealth(http, 503, grpcHealth, "NOT_SERVING");
      assertThat(http.get("/q/health/ready").body()).contains("Kafka answers");
      assertThat(http.status("/q/health/live")).isEqualTo(200);
    } finally {
      startAgain();
    }

    awaitHealth(http, 200, grpcHealth, "SERVING");
  }

  private static void awaitHealth(
      HttpEndpoint http, int readiness, Supplier<?> grpcHealth, String serving) {
    await()
        .atMost(Waiting.LIMIT)
        .untilAsserted(
            () -> {
              assertThat(http.status("/q/health/ready")).isEqualTo(readiness);
              assertThat(grpcHealth.get()).hasToString(serving);
            });
  }

  @Override
  public void stop() {
    try {
      if (broker != null) {
        broker.close();
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    }
  }
}
