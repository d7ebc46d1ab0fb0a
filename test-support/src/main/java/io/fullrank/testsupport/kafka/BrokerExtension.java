package io.fullrank.testsupport.kafka;

import io.fullrank.kafka.EmbeddedKafka;
import io.fullrank.testsupport.FreePort;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Gives tests a real broker as a parameter: one for all classes of a room. Each test has runs and
 * groups of its own, and no test may kill the broker; for that there is {@link MortalBroker}.
 */
public final class BrokerExtension implements ParameterResolver {

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == EmbeddedKafka.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return context
        .getRoot()
        .getStore(Namespace.create(BrokerExtension.class))
        .computeIfAbsent("broker", key -> start(), EmbeddedKafka.class);
  }

  private static EmbeddedKafka start() {
    try {
      return EmbeddedKafka.start(
          Files.createTempDirectory(Path.of("target"), "kafka"), FreePort.any());
    } catch (IOException failed) {
      throw new UncheckedIOException(failed);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    }
  }
}
