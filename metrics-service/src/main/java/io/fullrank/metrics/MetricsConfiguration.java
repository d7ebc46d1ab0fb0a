package io.fullrank.metrics;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** What Prometheus is shown: the keys that begin with {@code fullrank.metrics}. */
@ConfigMapping(prefix = "fullrank.metrics")
public interface MetricsConfiguration {

  /** Returns how many running runs at most have series of their own. */
  @WithDefault("200")
  int maxActiveRuns();
}
