package io.fullrank.service.security;

import io.fullrank.messaging.KafkaConnection;
import io.fullrank.messaging.KafkaSecurity;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** How to reach Kafka: the keys that begin with {@code fullrank.kafka}. */
@ConfigMapping(prefix = "fullrank.kafka")
public interface KafkaConfiguration {

  /** Returns the brokers to begin with, {@code host:port}, comma-separated. */
  @WithDefault("localhost:9092")
  String bootstrapServers();

  /** Returns how connections are secured, in Kafka's words. */
  @WithDefault("PLAINTEXT")
  String securityProtocol();

  /** Returns the file of the certificates that sign the brokers', PEM. */
  Optional<Path> caFile();

  /** Returns the file of the client's own certificate chain, PEM. */
  Optional<Path> certificateFile();

  /** Returns the file of its private key, PEM, PKCS#8. */
  Optional<Path> keyFile();

  /** Returns how the password is proven. */
  @WithDefault("SCRAM-SHA-512")
  String saslMechanism();

  /** Returns the user. */
  Optional<String> username();

  /** Returns the file of the user's password. */
  Optional<Path> passwordFile();

  /** Returns further properties of every Kafka client, which win over the keys above. */
  Map<String, String> properties();

  /**
   * Returns the connection; nothing is connected yet.
   *
   * @throws IllegalArgumentException naming the key whose value cannot be used
   */
  default KafkaConnection connection() {
    KafkaSecurity security =
        new KafkaSecurity(
            securityProtocol(),
            caFile(),
            certificateFile(),
            keyFile(),
            saslMechanism(),
            username(),
            passwordFile());
    caFile().ifPresent(file -> PemFile.certificates("fullrank.kafka.ca-file", file));
    if (certificateFile().isPresent()) {
      PemFile.identity(
          "fullrank.kafka.certificate-file",
          certificateFile().get(),
          "fullrank.kafka.key-file",
          keyFile().orElseThrow());
    }
    // Without security of its own, all is left to the further properties.
    return new KafkaConnection(
        bootstrapServers(),
        properties(),
        securityProtocol().equals("PLAINTEXT") ? Optional.empty() : Optional.of(security));
  }
}
