package io.fullrank.cli;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The rules of {@code k8s/monitoring}, by promtool. */
class AlertRulesTest {

  private static final Path MONITORING = Path.of("..", "k8s", "monitoring");

  @Test
  void rulesAndConfigurationAreValid() throws Exception {
    PrometheusTools.promtool(
        "", "check", "config", MONITORING.resolve("prometheus.yaml").toString());
  }

  @Test
  void alertsFireWhereTheyHaveToAndNowhereElse() throws Exception {
    PrometheusTools.promtool(
        "", "test", "rules", MONITORING.resolve("rules").resolve("fullrank_test.yaml").toString());
  }
}
