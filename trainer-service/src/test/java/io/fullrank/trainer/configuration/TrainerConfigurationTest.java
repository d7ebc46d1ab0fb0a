package io.fullrank.trainer.configuration;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TrainerConfigurationTest {

  @Test
  void acceptsNoExperimentsThatTheMetricsServiceWouldSetAside() {
    assertThatCode(() -> requireUsable("131072")).doesNotThrowAnyException();
    assertThatThrownBy(() -> requireUsable("131073"))
        .hasMessage("fullrank.trainer.max-experiment-bytes: '131073' must be 1 to 131072");
    assertThatThrownBy(() -> requireUsable("0"))
        .hasMessage("fullrank.trainer.max-experiment-bytes: '0' must be 1 to 131072");
  }

  private static void requireUsable(String maxExperimentBytes) {
    new SmallRyeConfigBuilder()
        .addDiscoveredConverters()
        .withMapping(TrainerConfiguration.class)
        .withSources(
            new PropertiesConfigSource(
                Map.of("fullrank.trainer.max-experiment-bytes", maxExperimentBytes), "test", 100))
        .build()
        .getConfigMapping(TrainerConfiguration.class)
        .requireUsable();
  }
}
