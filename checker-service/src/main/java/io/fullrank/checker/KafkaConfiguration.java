package io.fullrank.checker;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.util.Map;

/** How to reach Kafka: the keys that begin with {@code fullrank.kafka}. */
@ConfigMapping(prefix = "fullrank.kafka")
interface KafkaConfiguration {

  /** {@code host:port}, comma-separated. */
  @WithDefault("localhost:9092")
  String bootstrapServers();

  /** Further properties of every Kafka client, such as those for security. */
  Map<String, String> properties();
}
