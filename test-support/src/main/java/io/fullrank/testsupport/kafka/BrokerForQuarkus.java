package io.fullrank.testsupport.kafka;

import io.fullrank.testsupport.FreePort;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

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
