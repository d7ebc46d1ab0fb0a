package io.fullrank.checker.configuration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fullrank.checker.CheckerProducers;
import io.fullrank.messaging.KafkaConnection;
import io.fullrank.service.security.KafkaConfiguration;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CheckerConfigurationTest {

  @Test
  void hasADefaultForEverything() {
    CheckLoopSettings settings = settings(Map.of());

    assertThat(settings.name()).startsWith("fullrank-checker-").endsWith("-9002");
    assertThat(settings.group()).isEqualTo("fullrank-checker");
    assertThat(settings.policy()).isEqualTo(CheckPolicy.LATEST);
    long heap = Runtime.getRuntime().maxMemory();
    assertThat(settings.memoryBytes()).isEqualTo(heap / 2);
    assertThat(settings.maxSnapshotBytes()).isEqualTo(Math.min(heap / 2, Integer.MAX_VALUE));
    assertThat(kafka(Map.of()).bootstrapServers()).isEqualTo("localhost:9092");
    assertThat(kafka(Map.of()).properties()).isEmpty();
    assertThat(kafka(Map.of()).security()).isEmpty();
  }

  @Test
  void acceptsSnapshotsAsLongAsTheMemoryForThem() {
    Map<String, String> little = Map.of("fullrank.checker.memory-bytes", "1000000");

    assertThat(settings(little).memoryBytes()).isEqualTo(1_000_000);
    assertThat(settings(little).maxSnapshotBytes()).isEqualTo(1_000_000);
  }

  @Test
  void passesKafkaPropertiesOn() {
    assertThat(
            kafka(Map.of("fullrank.kafka.properties.\"reconnect.backoff.ms\"", "100")).properties())
        .containsEntry("reconnect.backoff.ms", "100");
  }

  @ParameterizedTest
  @CsvSource({
    "fullrank.checker.policy, newest",
    "fullrank.checker.memory-bytes, 0",
    "fullrank.checker.memory-bytes, 1000000000000000",
    "fullrank.checker.memory-bytes, much",
    "fullrank.checker.max-snapshot-bytes, 0",
    "fullrank.checker.max-snapshot-bytes, 2147483648",
    "fullrank.checker.threads, 0",
    "fullrank.checker.backend, abacus",
    "fullrank.checker.matrix-idle-timeout, PT0S",
    "fullrank.checker.matrix-idle-timeout, soon",
    "fullrank.checker.carry-over-bytes, -1",
    "fullrank.checker.carry-over-fraction, 1.1",
    "fullrank.checker.carry-over-fraction, NaN",
    "fullrank.checker.group, ' '",
    "fullrank.checker.polizy, every",
    "fullrank.kafka.bootstrap-servers, localhost",
    "fullrank.kafka.bootstrap-servers, 'a:1,,b:2'",
  })
  void refusesABadValueAndNamesItsKey(String key, String value) {
    assertThatThrownBy(
            () -> {
              settings(Map.of(key, value));
              kafka(Map.of(key, value));
            })
        .hasMessageContaining(key);
  }

  @Test
  void refusesABadKafkaPropertyAndNamesIt() {
    assertThatThrownBy(
            () -> kafka(Map.of("fullrank.kafka.properties.\"security.protocol\"", "PLAIN_TEXT")))
        .hasMessageContaining("fullrank.kafka.properties")
        .hasMessageContaining("security.protocol");
  }

  private static CheckLoopSettings settings(Map<String, String> properties) {
    CheckerConfiguration checker = config(properties).getConfigMapping(CheckerConfiguration.class);
    checker.requireUsable();
    CheckerProducers producers = new CheckerProducers();
    assertThat(producers.algebra(checker)).isNotNull();
    return producers.settings(checker, 9002);
  }

  private static KafkaConnection kafka(Map<String, String> properties) {
    return config(properties).getConfigMapping(KafkaConfiguration.class).connection();
  }

  private static SmallRyeConfig config(Map<String, String> properties) {
    return new SmallRyeConfigBuilder()
        .withMapping(CheckerConfiguration.class)
        .withMapping(KafkaConfiguration.class)
        .withSources(new PropertiesConfigSource(properties, "test", 100))
        .build();
  }
}
