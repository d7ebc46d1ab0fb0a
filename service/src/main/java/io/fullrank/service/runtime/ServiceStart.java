package io.fullrank.service.runtime;

import io.fullrank.service.configuration.ConfigurationKeys;
import io.fullrank.service.configuration.ServiceConfiguration;
import io.fullrank.service.security.Authorization;
import io.fullrank.service.security.HandshakeLog;
import io.fullrank.service.security.KafkaConfiguration;
import io.fullrank.service.security.TransportSecurity;
import io.quarkus.runtime.Quarkus;
import io.smallrye.config.ConfigValidationException;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.function.Consumer;
import org.eclipse.microprofile.config.ConfigProvider;
import org.eclipse.microprofile.config.spi.ConfigSource;

/**
 * Starts a service if its configuration can work. If it cannot, there is one line on standard error
 * that names the key, and the exit status is 2; nothing has been started then.
 */
public final class ServiceStart {

  private static final int BAD_CONFIGURATION = 2;

  private ServiceStart() {}

  /**
   * Starts a service.
   *
   * @param name the service's name, for people
   * @param mappings the service's own keys
   * @param check looks at the values of the service's own keys; throws an IllegalArgumentException
   *     that names the key if one cannot work
   * @param arguments none are used
   */
  public static void run(
      String name, List<Class<?>> mappings, Consumer<SmallRyeConfig> check, String... arguments) {
    try {
      requireUsable(ConfigProvider.getConfig().getConfigSources(), mappings, check);
    } catch (IllegalArgumentException | NoSuchElementException unusable) {
      refuse(name, unusable.getMessage());
    } catch (ConfigValidationException unusable) {
      refuse(name, unusable.getProblem(0).getMessage());
    }
    HandshakeLog.enable();
    Quarkus.run(arguments);
  }

  /**
   * Checks everything that can be known before the start.
   *
   * @throws IllegalArgumentException naming the key that is wrong
   * @throws ConfigValidationException naming the key whose value is missing or malformed
   */
  static void requireUsable(
      Iterable<ConfigSource> given, List<Class<?>> mappings, Consumer<SmallRyeConfig> check) {
    List<ConfigSource> sources = new ArrayList<>();
    given.forEach(sources::add);
    List<Class<?>> all = new ArrayList<>(mappings);
    all.addAll(List.of(ServiceConfiguration.class, KafkaConfiguration.class));
    new ConfigurationKeys(all).requireKnown(sources);
    SmallRyeConfigBuilder builder =
        new SmallRyeConfigBuilder()
            .addDefaultInterceptors()
            // Quarkus' own, such as that of durations like 5m.
            .addDiscoveredConverters()
            .withSources(sources)
            .withValidateUnknown(false);
    all.forEach(builder::withMapping);
    SmallRyeConfig configuration = builder.build();
    ServiceConfiguration service = configuration.getConfigMapping(ServiceConfiguration.class);
    requireUsable(service);
    configuration.getConfigMapping(KafkaConfiguration.class).connection();
    check.accept(configuration);
  }

  private static void requireUsable(ServiceConfiguration service) {
    InetAddress host = address(service.host());
    require(
        service.grpc().maxMessageBytes() >= 1024,
        "fullrank.grpc.max-message-bytes: '%d' must be at least 1024"
            .formatted(service.grpc().maxMessageBytes()));
    require(
        !service.reloadInterval().isNegative() && !service.reloadInterval().isZero(),
        "fullrank.reload-interval: '%s' must be positive".formatted(service.reloadInterval()));
    Optional<TransportSecurity> transport = TransportSecurity.of(service.tls());
    Optional<Authorization> authorization = Authorization.of(service, transport);
    require(
        host.isLoopbackAddress()
            || service.allowInsecure()
            || (transport.isPresent() && authorization.isPresent()),
        ("fullrank.host: %s can be reached from other machines, but %s configured; set"
                + " fullrank.tls.certificate-file, fullrank.tls.key-file and"
                + " fullrank.authorization.token-keys (see docs/security.md), or"
                + " fullrank.allow-insecure=true to do without")
            .formatted(
                service.host(),
                transport.isPresent()
                    ? "no authorisation is"
                    : authorization.isPresent()
                        ? "no TLS is"
                        : "neither TLS nor authorisation is"));
    requireFree(host, "fullrank.grpc.port", service.grpc().port());
    requireFree(host, "fullrank.http.port", service.http().port());
  }

  private static InetAddress address(String host) {
    try {
      return InetAddress.getByName(host);
    } catch (UnknownHostException unknown) {
      throw new IllegalArgumentException(
          "fullrank.host: %s is not the address of a machine".formatted(host), unknown);
    }
  }

  // Quarkus would start without its gRPC server if the port were taken.
  private static void requireFree(InetAddress host, String key, int port) {
    require(
        port >= 0 && port <= 65535,
        "%s: expected a port, 1 to 65535, but it is '%d'".formatted(key, port));
    try (ServerSocket socket = new ServerSocket()) {
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(host, port));
    } catch (IOException taken) {
      throw new IllegalArgumentException(
          "%s: cannot listen on %s:%d, %s"
              .formatted(key, host.getHostAddress(), port, taken.getMessage()),
          taken);
    }
  }

  private static void require(boolean holds, String problem) {
    if (!holds) {
      throw new IllegalArgumentException(problem);
    }
  }

  private static void refuse(String name, String why) {
    System.err.println(name + ": " + why.replaceAll("\\s*\\R\\s*", " "));
    System.exit(BAD_CONFIGURATION);
  }
}
