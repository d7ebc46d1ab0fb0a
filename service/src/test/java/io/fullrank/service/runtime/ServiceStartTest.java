package io.fullrank.service.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.service.security.KafkaConfiguration;
import io.smallrye.config.EnvConfigSource;
import io.smallrye.config.PropertiesConfigSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.eclipse.microprofile.config.spi.ConfigSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ServiceStartTest {

  @TempDir Path folder;

  @Test
  void acceptsTheDefaults() {
    assertThatCode(() -> check(Map.of())).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "fullrank.grpc.prot | 9001 | fullrank.grpc.prot: there is no such key, did you mean"
            + " fullrank.grpc.port?",
        "fullrank.trainr.name | a | fullrank.trainr.name: there is no such key",
        "fullrank.grpc.port | many | fullrank.grpc.port",
        "fullrank.grpc.port | 65536 | fullrank.grpc.port: expected a port",
        "fullrank.grpc.max-message-bytes | 10 | fullrank.grpc.max-message-bytes: '10'",
        "fullrank.reload-interval | PT0S | fullrank.reload-interval",
        "fullrank.host | no.such.host.invalid | fullrank.host: no.such.host.invalid is not",
        "fullrank.host | 0.0.0.0 | fullrank.host: 0.0.0.0 can be reached from other machines, but"
            + " neither TLS nor authorisation is configured",
        "fullrank.tls.certificate-file | absent | fullrank.tls.key-file: is missing",
        "fullrank.tls.key-file | absent | fullrank.tls.certificate-file: is missing",
        "fullrank.tls.ca-file | absent | fullrank.tls.certificate-file: is missing",
        "fullrank.authorization.token-issuer | a | fullrank.authorization.token-keys: is missing",
        "fullrank.authorization.token-keys | absent | fullrank.authorization.token-issuer: is"
            + " missing",
        "fullrank.authorization.token-keys-ca-file | absent | fullrank.authorization.token-keys: is"
            + " missing",
        "fullrank.authorization.certificate-roles-file | absent |"
            + " fullrank.authorization.certificate-roles-file: needs fullrank.tls.ca-file",
        "fullrank.kafka.security-protocol | TLS | fullrank.kafka.security-protocol: 'TLS' is none"
            + " of",
        "fullrank.kafka.security-protocol | SASL_SSL | fullrank.kafka.username: is missing",
        "fullrank.kafka.username | sam | fullrank.kafka.security-protocol: is PLAINTEXT",
        "fullrank.kafka.ca-file | absent | fullrank.kafka.security-protocol: is PLAINTEXT",
        "fullrank.kafka.bootstrap-servers | here | fullrank.kafka.bootstrap-servers",
      })
  void refusesWhatCannotWorkAndNamesTheKey(String key, String value, String message) {
    assertThatThrownBy(() -> check(Map.of(key, value))).hasMessageContaining(message);
  }

  @Test
  void takesAnotherHostIfToldSo() {
    assertThatCode(
            () -> check(Map.of("fullrank.host", "0.0.0.0", "fullrank.allow-insecure", "true")))
        .doesNotThrowAnyException();
  }

  @Test
  void namesTheFileThatCannotBeUsed() throws Exception {
    Path absent = folder.resolve("absent");
    Path text = Files.writeString(folder.resolve("text"), "the-content-of-the-file");
    Map<String, String> kafka =
        Map.of(
            "fullrank.kafka.security-protocol",
            "SASL_SSL",
            "fullrank.kafka.username",
            "sam",
            "fullrank.kafka.password-file",
            text.toString());
    assertThatCode(() -> check(kafka)).doesNotThrowAnyException();
    assertThatThrownBy(() -> check(with(kafka, "fullrank.kafka.password-file", absent)))
        .hasMessageContaining("fullrank.kafka.password-file: " + absent + " cannot be read");
    assertThatThrownBy(() -> check(with(kafka, "fullrank.kafka.ca-file", text)))
        .hasMessageContaining("fullrank.kafka.ca-file: " + text)
        .hasMessageNotContaining("the-content-of-the-file");
    Map<String, String> tokens =
        Map.of(
            "fullrank.authorization.token-keys",
            absent.toString(),
            "fullrank.authorization.token-issuer",
            "issuer",
            "fullrank.authorization.token-audience",
            "audience");
    assertThatThrownBy(() -> check(tokens))
        .hasMessageContaining("fullrank.authorization.token-keys: " + absent + " does not exist");
    assertThatThrownBy(() -> check(with(tokens, "fullrank.authorization.token-keys", text)))
        .hasMessageContaining("fullrank.authorization.token-keys: " + text + " holds neither")
        .hasMessageNotContaining("the-content-of-the-file");
    assertThatThrownBy(() -> check(with(tokens, "fullrank.authorization.token-keys-ca-file", text)))
        .hasMessageContaining("fullrank.authorization.token-keys-ca-file: is given, but");
    Map<String, String> published = new HashMap<>(tokens);
    published.put("fullrank.authorization.token-keys", "https://issuer.example.org/keys");
    assertThatCode(() -> check(published)).doesNotThrowAnyException();
    assertThatThrownBy(
            () -> check(with(published, "fullrank.authorization.token-keys-ca-file", text)))
        .hasMessageContaining("fullrank.authorization.token-keys-ca-file: " + text)
        .hasMessageNotContaining("the-content-of-the-file");
    Map<String, String> tls =
        Map.of(
            "fullrank.tls.certificate-file", text.toString(),
            "fullrank.tls.key-file", text.toString());
    assertThatThrownBy(() -> check(tls))
        .hasMessageContaining("fullrank.tls.certificate-file: " + text)
        .hasMessageNotContaining("the-content-of-the-file");
  }

  @Test
  void authorisationAloneIsNotEnoughForAnotherHost() throws Exception {
    KeyPair keys = KeyPairGenerator.getInstance("EC").generateKeyPair();
    Path file =
        Files.writeString(
            folder.resolve("token.pub"),
            "-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n"
                .formatted(Base64.getMimeEncoder().encodeToString(keys.getPublic().getEncoded())));
    Map<String, String> tokens =
        Map.of(
            "fullrank.authorization.token-keys",
            file.toString(),
            "fullrank.authorization.token-issuer",
            "issuer",
            "fullrank.authorization.token-audience",
            "audience");
    assertThatCode(() -> check(tokens)).doesNotThrowAnyException();
    assertThatThrownBy(() -> check(with(tokens, "fullrank.host", Path.of("0.0.0.0"))))
        .hasMessageContaining("but no TLS is configured");
  }

  @Test
  void looksAtVariablesToo() {
    assertThatCode(() -> checkVariables(Map.of("FULLRANK_GRPC_PORT", "0")))
        .doesNotThrowAnyException();
    assertThatThrownBy(() -> checkVariables(Map.of("FULLRANK_GRPC_PROT", "1")))
        .hasMessage("FULLRANK_GRPC_PROT: there is no such key, did you mean FULLRANK_GRPC_PORT?");
    assertThatCode(
            () ->
                checkVariables(
                    Map.of(
                        // Keys of another service, and further properties of Kafka.
                        "FULLRANK_CHECKER_THREADS", "2",
                        "FULLRANK_DATA_DIRECTORY", "/data",
                        "FULLRANK_KAFKA_PROPERTIES_FETCH_MIN_BYTES", "1",
                        // Variables that Kubernetes sets for Services.
                        "FULLRANK_TRAINER_PORT", "tcp://10.0.0.1:9001",
                        "FULLRANK_TRAINER_PORT_9001_TCP_ADDR", "10.0.0.1",
                        "FULLRANK_KAFKA_SERVICE_HOST", "10.0.0.2",
                        "FULLRANK_KAFKA_SERVICE_PORT_KAFKA", "9092")))
        .doesNotThrowAnyException();
  }

  @Test
  void furtherKafkaPropertiesCanBeVariables() {
    ServiceStart.requireUsable(
        List.of(
            defaults(),
            new EnvConfigSource(
                Map.of("FULLRANK_KAFKA_PROPERTIES__SESSION_TIMEOUT_MS_", "20000"), 300)),
        List.of(),
        configuration ->
            assertThat(configuration.getConfigMapping(KafkaConfiguration.class).properties())
                .containsExactly(Map.entry("session.timeout.ms", "20000")));
  }

  private static Map<String, String> with(Map<String, String> values, String key, Path file) {
    Map<String, String> all = new HashMap<>(values);
    all.put(key, file.toString());
    return all;
  }

  private static void check(Map<String, String> values) throws IOException {
    check(List.of(defaults(), new PropertiesConfigSource(values, "test", 200)));
  }

  private static void checkVariables(Map<String, String> variables) throws IOException {
    check(List.of(defaults(), new EnvConfigSource(variables, 300)));
  }

  private static void check(List<ConfigSource> sources) {
    ServiceStart.requireUsable(sources, List.of(), configuration -> {});
  }

  private static ConfigSource defaults() {
    return new PropertiesConfigSource(
        Map.of("fullrank.host", "127.0.0.1", "fullrank.grpc.port", "0", "fullrank.http.port", "0"),
        "defaults",
        100);
  }
}
