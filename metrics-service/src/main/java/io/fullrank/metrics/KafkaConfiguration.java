package io.fullrank.metrics;

import io.fullrank.messaging.KafkaConnection;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.util.Map;

/** How to reach Kafka: the keys that begin with {@code fullrank.kafka}. */
@ConfigMapping(prefix = "fullrank.kafka")
public interface KafkaConfiguration {

  /** Returns the brokers to begin with, {@code host:port}, comma-separated. */
  @WithDefault("localhost:9092")
  String bootstrapServers();

  /** Returns further properties of every Kafka client, such as those for security. */
  Map<String, String> properties();

  /**
   * Returns the connection; nothing is connected yet.
   *
   * @throws IllegalArgumentException naming the key whose value Kafka's clients would refuse
   */
  default KafkaConnection connection() {
    return new KafkaConnection(bootstrapServers(), properties());
  }
}
