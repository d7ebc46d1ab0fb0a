package io.fullrank.metrics;

import io.fullrank.metrics.configuration.MetricsConfiguration;
import io.fullrank.service.configuration.ServiceConfiguration;
import io.fullrank.service.runtime.ServiceStart;
import io.quarkus.runtime.annotations.QuarkusMain;
import io.smallrye.config.SmallRyeConfig;
import java.util.List;

/** Starts the service if its configuration can work: exit status 2 and one line if not. */
@QuarkusMain
public final class MetricsMain {

  private MetricsMain() {}

  /**
   * Starts the service.
   *
   * @param arguments none are used
   */
  public static void main(String... arguments) {
    ServiceStart.run(
        "fullrank-metrics",
        List.of(MetricsConfiguration.class),
        MetricsMain::requireUsable,
        arguments);
  }

  private static void requireUsable(SmallRyeConfig configuration) {
    ServiceConfiguration service = configuration.getConfigMapping(ServiceConfiguration.class);
    configuration
        .getConfigMapping(MetricsConfiguration.class)
        .requireUsable(service.host(), service.grpc().port());
  }
}
