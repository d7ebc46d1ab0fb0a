package io.fullrank.messaging;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.common.config.SaslConfigs;
import org.apache.kafka.common.config.SslConfigs;
import org.apache.kafka.common.security.plain.PlainLoginModule;
import org.apache.kafka.common.security.scram.ScramLoginModule;

/**
 * How a connection to Kafka is secured. Secrets are in files only, read whenever a client is made:
 * none is held here.
 *
 * @param protocol Kafka's name for it, such as {@code SASL_SSL}
 * @param caFile PEM certificates that sign the brokers'; without one, those that Java trusts
 * @param certificateFile PEM chain of the client's own certificate
 * @param keyFile its private key, PEM, PKCS#8
 * @param saslMechanism such as {@code SCRAM-SHA-512}
 * @param username for SASL
 * @param passwordFile holds the password alone; a line break at its end does not count
 */
public record KafkaSecurity(
    String protocol,
    Optional<Path> caFile,
    Optional<Path> certificateFile,
    Optional<Path> keyFile,
    String saslMechanism,
    Optional<String> username,
    Optional<Path> passwordFile) {

  private static final List<String> PROTOCOLS =
      List.of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL");

  private static final List<String> MECHANISMS = List.of("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN");

  /**
   * Checks that what is given goes together.
   *
   * @throws IllegalArgumentException naming the configuration key that is wrong or missing
   */
  public KafkaSecurity {
    requireOneOf("security-protocol", protocol, PROTOCOLS);
    requireOneOf("sasl-mechanism", saslMechanism, MECHANISMS);
    boolean tls = protocol.endsWith("SSL");
    boolean sasl = protocol.startsWith("SASL");
    require(
        tls || (caFile.isEmpty() && certificateFile.isEmpty() && keyFile.isEmpty()),
        "security-protocol",
        "is %s, but certificates are given: set SSL or SASL_SSL".formatted(protocol));
    require(
        sasl || (username.isEmpty() && passwordFile.isEmpty()),
        "security-protocol",
        "is %s, but a user or a password is given: set SASL_SSL or SASL_PLAINTEXT"
            .formatted(protocol));
    require(
        !sasl || username.isPresent(), "username", "is missing, %s needs it".formatted(protocol));
    require(
        !sasl || passwordFile.isPresent(),
        "password-file",
        "is missing, %s needs it".formatted(protocol));
    require(
        certificateFile.isPresent() == keyFile.isPresent(),
        certificateFile.isPresent() ? "key-file" : "certificate-file",
        "is missing: certificate-file and key-file belong together");
  }

  /**
   * Returns the properties of a client, secrets included.
   *
   * @throws IllegalArgumentException naming the key and the file that cannot be read
   */
  Map<String, String> properties() {
    Map<String, String> properties = new HashMap<>();
    properties.put(CommonClientConfigs.SECURITY_PROTOCOL_CONFIG, protocol);
    caFile.ifPresent(
        file -> {
          properties.put(SslConfigs.SSL_TRUSTSTORE_TYPE_CONFIG, "PEM");
          properties.put(SslConfigs.SSL_TRUSTSTORE_CERTIFICATES_CONFIG, text("ca-file", file));
        });
    certificateFile.ifPresent(
        file -> {
          properties.put(SslConfigs.SSL_KEYSTORE_TYPE_CONFIG, "PEM");
          properties.put(
              SslConfigs.SSL_KEYSTORE_CERTIFICATE_CHAIN_CONFIG, text("certificate-file", file));
          properties.put(
              SslConfigs.SSL_KEYSTORE_KEY_CONFIG, text("key-file", keyFile.orElseThrow()));
        });
    passwordFile.ifPresent(
        file -> {
          properties.put(SaslConfigs.SASL_MECHANISM, saslMechanism);
          properties.put(
              SaslConfigs.SASL_JAAS_CONFIG,
              "%s required username=%s password=%s;"
                  .formatted(
                      saslMechanism.equals("PLAIN")
                          ? PlainLoginModule.class.getName()
                          : ScramLoginModule.class.getName(),
                      quoted(username.orElseThrow()),
                      quoted(text("password-file", file).replaceFirst("\\R$", ""))));
        });
    return properties;
  }

  private static String text(String key, Path file) {
    try {
      return Files.readString(file, StandardCharsets.UTF_8);
    } catch (IOException unreadable) {
      throw new IllegalArgumentException(
          "fullrank.kafka.%s: %s cannot be read (%s)"
              .formatted(key, file, unreadable.getClass().getSimpleName()),
          unreadable);
    }
  }

  private static String quoted(String value) {
    return '"' + value.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }

  private static void requireOneOf(String key, String value, List<String> known) {
    require(
        known.contains(value),
        key,
        "'%s' is none of %s".formatted(value, String.join(", ", known)));
  }

  private static void require(boolean holds, String key, String problem) {
    if (!holds) {
      throw new IllegalArgumentException("fullrank.kafka.%s: %s".formatted(key, problem));
    }
  }
}
