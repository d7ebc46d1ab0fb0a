package io.fullrank.metrics;

import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.annotations.QuarkusMain;
import io.smallrye.config.ConfigValidationException;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.kafka.streams.state.HostInfo;
import org.eclipse.microprofile.config.Config;
import org.eclipse.microprofile.config.ConfigProvider;
import org.eclipse.microprofile.config.spi.ConfigSource;

/** Starts the service if it can listen where it is told to: exit status 2 and one line if not. */
@QuarkusMain
public final class MetricsMain {

  private static final int BAD_CONFIGURATION = 2;

  private MetricsMain() {}

  /**
   * Starts the service.
   *
   * @param arguments none are used
   */
  public static void main(String... arguments) {
    try {
      List<ConfigSource> sources = new ArrayList<>();
      ConfigProvider.getConfig().getConfigSources().forEach(sources::add);
      SmallRyeConfig configuration =
          new SmallRyeConfigBuilder()
              .addDefaultInterceptors()
              .withSources(sources)
              .withMapping(KafkaConfiguration.class)
              .withMapping(MetricsConfiguration.class)
              .build();
      String host = configuration.getValue("fullrank.host", String.class);
      requireFree(host, "fullrank.grpc.port", configuration);
      requireFree(host, "fullrank.http.port", configuration);
      configuration.getConfigMapping(KafkaConfiguration.class).connection();
      HostInfo unused =
          configuration
              .getConfigMapping(MetricsConfiguration.class)
              .address(host, configuration.getValue("fullrank.grpc.port", int.class));
    } catch (IllegalArgumentException | NoSuchElementException unusable) {
      refuse(unusable.getMessage());
    } catch (ConfigValidationException unusable) {
      refuse(unusable.getProblem(0).getMessage());
    }
    Quarkus.run(arguments);
  }

  private static void refuse(String why) {
    System.err.println("fullrank-metrics: " + why);
    System.exit(BAD_CONFIGURATION);
  }

  // Quarkus would go on without its gRPC server.
  private static void requireFree(String host, String key, Config configuration) {
    String value = configuration.getValue(key, String.class);
    if (!value.matches("\\d{1,5}") || Integer.parseInt(value) > 65535) {
      throw new IllegalArgumentException(
          "%s: expected a port, 1 to 65535, but it is '%s'".formatted(key, value));
    }
    InetSocketAddress address = new InetSocketAddress(host, Integer.parseInt(value));
    if (address.isUnresolved()) {
      throw new IllegalArgumentException(
          "fullrank.host: %s is not the address of a machine".formatted(host));
    }
    try (ServerSocket socket = new ServerSocket()) {
      socket.setReuseAddress(true);
      socket.bind(address);
    } catch (IOException taken) {
      throw new IllegalArgumentException(
          "%s: cannot listen on %s:%s, %s".formatted(key, host, value, taken.getMessage()), taken);
    }
  }
}
