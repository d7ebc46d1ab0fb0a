package io.fullrank.messaging;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.CommonClientConfigs;
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
 * @param properties further properties of every client; they win over those for security
 * @param security how the connection is secured, if it is
 */
public record KafkaConnection(
    String bootstrapServers, Map<String, String> properties, Optional<KafkaSecurity> security) {

  /** The most bytes that a producer sends at once; the largest topics' records fit. */
  public static final int MAX_REQUEST_BYTES = 4 << 20;

  /**
   * Checks addresses and security; connects to nothing yet.
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
    Map<String, Object> consumer = clientProperties(bootstrapServers, properties, security);
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
    return new KafkaConnection(bootstrapServers, Map.of(), Optional.empty());
  }

  /**
   * Returns what every client is made with: addresses, security with its secrets as they are in
   * their files now, and the further properties.
   *
   * @throws IllegalArgumentException naming the key and the file that cannot be read
   */
  public Map<String, Object> clientProperties() {
    return clientProperties(bootstrapServers, properties, security);
  }

  /** Names the brokers and the user or the certificate, for logs; properties may hold secrets. */
  @Override
  public String toString() {
    return security
        .flatMap(
            secured ->
                secured
                    .username()
                    .map(user -> bootstrapServers + " as user " + user)
                    .or(
                        () ->
                            secured
                                .certificateFile()
                                .map(file -> bootstrapServers + " with certificate " + file)))
        .orElse(bootstrapServers);
  }

  /** Returns a new administration client. */
  public Admin admin(String clientId) {
    Map<String, Object> configuration = clientProperties();
    configuration.put("client.id", clientId);
    return Admin.create(configuration);
  }

  /**
   * Returns a new producer. Unless said otherwise it is idempotent, waits for all replicas, has one
   * request on its way at a time and compresses with lz4.
   *
   * @param overrides properties that win over all others
   */
  public KafkaProducer<String, byte[]> producer(String clientId, Map<String, Object> overrides) {
    Map<String, Object> configuration = clientProperties();
    configuration.put(ProducerConfig.CLIENT_ID_CONFIG, clientId);
    configuration.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
    configuration.put(ProducerConfig.ACKS_CONFIG, "all");
    // Brokers take any sequence as a producer's first in a partition (KAFKA-15591). Of several
    // requests on their way, the first may be refused since a new partition is not there yet, and
    // the second be taken: the first is then out of order for ever, and flushing never ends.
    configuration.put(ProducerConfig.MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION, 1);
    // Weights hardly compress: zstd saves 7% of their bytes and costs producer, broker and consumer
    // twenty times as much time as lz4.
    configuration.putIfAbsent(ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
    configuration.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, MAX_REQUEST_BYTES);
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
    Map<String, Object> configuration = clientProperties();
    configuration.put(ConsumerConfig.CLIENT_ID_CONFIG, clientId);
    configuration.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    configuration.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    configuration.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    configuration.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
    configuration.putAll(overrides);
    return new KafkaConsumer<>(
        configuration, new StringDeserializer(), new ByteArrayDeserializer());
  }

  private static Map<String, Object> clientProperties(
      String bootstrapServers, Map<String, String> properties, Optional<KafkaSecurity> security) {
    Map<String, Object> all = new HashMap<>();
    security.ifPresent(secured -> all.putAll(secured.properties()));
    all.putAll(properties);
    all.put(CommonClientConfigs.BOOTSTRAP_SERVERS_CONFIG, bootstrapServers);
    return all;
  }
}
