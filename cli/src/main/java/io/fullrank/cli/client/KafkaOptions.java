package io.fullrank.cli.client;

import io.fullrank.cli.failure.BadInputException;
import io.fullrank.messaging.KafkaConnection;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.stream.Collectors;
import picocli.CommandLine.Option;

/** How a stack's broker is reached. */
public final class KafkaOptions {

  @Option(
      names = "--kafka",
      paramLabel = "HOST:PORT",
      converter = ServerAddress.Converter.class,
      defaultValue = "localhost:9092",
      description = "The stack's broker (default: ${DEFAULT-VALUE}).")
  private ServerAddress kafka;

  @Option(
      names = "--kafka-properties",
      paramLabel = "FILE",
      description = "Properties of Kafka's clients, for a broker that is secured.")
  private Optional<Path> kafkaProperties = Optional.empty();

  /**
   * Connects to nothing yet.
   *
   * @throws BadInputException if the options cannot be used
   */
  public KafkaConnection connection() {
    Properties properties = new Properties();
    if (kafkaProperties.isPresent()) {
      try (Reader reader = Files.newBufferedReader(kafkaProperties.get())) {
        properties.load(reader);
      } catch (IOException | IllegalArgumentException unreadable) {
        throw new BadInputException(
            "--kafka-properties %s: cannot be read (%s)"
                .formatted(kafkaProperties.get(), unreadable),
            unreadable);
      }
    }
    Map<String, String> all =
        properties.stringPropertyNames().stream()
            .collect(Collectors.toMap(name -> name, properties::getProperty));
    try {
      return new KafkaConnection(kafka.toString(), all, Optional.empty());
    } catch (IllegalArgumentException refused) {
      throw new BadInputException("--kafka: " + refused.getMessage(), refused);
    }
  }
}
