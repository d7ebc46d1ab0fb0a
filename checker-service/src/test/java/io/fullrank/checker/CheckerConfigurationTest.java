package io.fullrank.checker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CheckerConfigurationTest {

  @Test
  void hasADefaultForEverything() {
    FullrankConfig config = config(Map.of());

    assertThat(config.kafka().bootstrapServers()).isEqualTo("localhost:9092");
    assertThat(config.kafka().properties()).isEmpty();
    assertThat(config.checker().policy()).isEqualTo(CheckPolicy.LATEST);
    assertThat(config.checker().group()).isEqualTo("fullrank-checker");
    assertThat(config.checker().instance()).isEmpty();
  }

  @Test
  void passesKafkaPropertiesOn() {
    FullrankConfig config =
        config(Map.of("fullrank.kafka.properties.\"security.protocol\"", "SSL"));

    assertThat(config.kafka().properties()).containsEntry("security.protocol", "SSL");
  }

  @ParameterizedTest
  @CsvSource({
    "fullrank.checker.policy, newest",
    "fullrank.checker.memory-bytes, 1",
    "fullrank.checker.memory-bytes, much",
    "fullrank.checker.max-snapshot-bytes, 0",
    "fullrank.checker.threads, 0",
    "fullrank.checker.group, ' '",
    "fullrank.kafka.bootstrap-servers, localhost",
  })
  void refusesABadValueAndNamesItsKey(String key, String value) {
    assertThatThrownBy(() -> start(config(Map.of(key, value))))
        .hasMessageContaining(key);
  }

  @Test
  void refusesABadKafkaPropertyAndNamesIt() {
    assertThatThrownBy(
            () ->
                start(
                    config(
                        Map.of("fullrank.kafka.properties.\"security.protocol\"", "PLAIN_TEXT"))))
        .hasMessageContaining("fullrank.kafka.properties")
        .hasMessageContaining("security.protocol");
  }

  private static void start(FullrankConfig config) throws InterruptedException {
    CheckerBeans beans = new CheckerBeans();
    beans
        .loop(
            config,
            beans.certification(config),
            beans.oneAtATime(),
            new SimpleMeterRegistry(),
            "test",
            9002)
        .close();
  }

  private static FullrankConfig config(Map<String, String> properties) {
    return new SmallRyeConfigBuilder()
        .withMapping(FullrankConfig.class)
        .withSources(new PropertiesConfigSource(properties, "test", 100))
        .build()
        .getConfigMapping(FullrankConfig.class);
  }
}
