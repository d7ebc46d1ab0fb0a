package io.fullrank.metrics;

import io.fullrank.messaging.KafkaConnection;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithConverter;
import io.smallrye.config.WithDefault;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.eclipse.microprofile.config.spi.Converter;

/** How to reach Kafka: the keys that begin with {@code fullrank.kafka}. */
@ConfigMapping(prefix = "fullrank.kafka")
public interface KafkaConfiguration {

  /** Returns the brokers to begin with, {@code host:port}, comma-separated. */
  @WithDefault("localhost:9092")
  @WithConverter(BootstrapServers.class)
  String bootstrapServers();

  /** Returns further properties of every Kafka client, such as those for security. */
  Map<String, String> properties();

  /**
   * Returns the connection; nothing is connected yet.
   *
   * @throws IllegalArgumentException if Kafka's clients refuse a property
   */
  default KafkaConnection connection() {
    Map<String, Object> consumer = new HashMap<>(properties());
    consumer.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    consumer.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    consumer.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrapServers());
    try {
      new ConsumerConfig(consumer);
    } catch (ConfigException refused) {
      throw new IllegalArgumentException(
          "fullrank.kafka.properties: " + refused.getMessage(), refused);
    }
    return new KafkaConnection(bootstrapServers(), properties());
  }

  /** Accepts {@code host:port}, comma-separated. */
  final class BootstrapServers implements Converter<String> {

    private static final long serialVersionUID = 1L;

    @Override
    public String convert(String value) {
      for (String server : value.split(",", -1)) {
        if (!server.strip().matches("\\S+:\\d{1,5}")) {
          throw new IllegalArgumentException("expected host:port, comma-separated");
        }
      }
      return value;
    }
  }
}
