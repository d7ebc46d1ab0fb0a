package io.fullrank.messaging;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * How to reach Kafka. Keys are the run's name, values are bytes: each reader parses them itself, so
 * that what does not parse can be set aside as a dead letter instead of stopping the reader.
 *
 * @param bootstrapServers {@code host:port}, comma-separated
 * @param properties further properties of every client, such as those for security
 */
public record KafkaConnection(String bootstrapServers, Map<String, String> properties) {

  /**
   * Checks both; nothing is connected yet.
   *
   * @throws IllegalArgumentException naming the configuration key whose value Kafka's clients would
   *     refuse
   */
  public KafkaConnection {
    properties = Map.copyOf(properties);
    for (String server : bootstrapServers.split(",", -1)) {
      if (!server.strip().matches("\\S+:\\d{1,5}")) {
        throw new IllegalArgumentException(
            "fullrank.kafka.bootstrap-servers: '%s' is not host:port, comma-separated"
                .formatted(bootstrapServers));
      }
    }
    Map<String, Object> consumer = new HashMap<>(properties);
    consumer.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrapServers);
    consumer.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class);
    consumer.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
    try {
      new ConsumerConfig(consumer);
    } catch (ConfigException refused) {
      throw new IllegalArgumentException(
          "fullrank.kafka.properties: " + refused.getMessage(), refused);
    }
  }

  /** Returns a connection without further properties. */
  public static KafkaConnection to(String bootstrapServers) {
    return new KafkaConnection(bootstrapServers, Map.of());
  }

  /** Returns a new administration client. */
  public Admin admin(String clientId) {
    Map<String, Object> configuration = common();
    configuration.put("client.id", clientId);
    return Admin.create(configuration);
  }

  /**
   * Returns a new producer. Unless said otherwise it is idempotent, waits for all replicas and
   * compresses with lz4.
   *
   * @param overrides properties that win over all others
   */
  public KafkaProducer<String, byte[]> producer(String clientId, Map<String, Object> overrides) {
    Map<String, Object> configuration = common();
    configuration.put(ProducerConfig.CLIENT_ID_CONFIG, clientId);
    configuration.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
    configuration.put(ProducerConfig.ACKS_CONFIG, "all");
    // Weights hardly compress: zstd saves 7% of their bytes and costs producer, broker and consumer
    // twenty times as much time as lz4.
    configuration.putIfAbsent(ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
    configuration.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, 4 << 20);
    configuration.putAll(overrides);
    return new KafkaProducer<>(configuration, new StringSerializer(), new ByteArraySerializer());
  }

  /**
   * Returns a new consumer that reads committed records only, from the beginning where it has no
   * position, and commits nothing by itself.
   *
   * @param overrides properties that win over all others, the group among them
   */
  public KafkaConsumer<String, byte[]> consumer(String clientId, Map<String, Object> overrides) {
    Map<String, Object> configuration = common();
    configuration.put(ConsumerConfig.CLIENT_ID_CONFIG, clientId);
    configuration.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    configuration.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    configuration.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    configuration.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
    configuration.putAll(overrides);
    return new KafkaConsumer<>(
        configuration, new StringDeserializer(), new ByteArrayDeserializer());
  }

  private Map<String, Object> common() {
    Map<String, Object> configuration = new HashMap<>(properties);
    configuration.put("bootstrap.servers", bootstrapServers);
    return configuration;
  }
}
