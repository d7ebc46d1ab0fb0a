package io.fullrank.metrics.configuration;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.apache.kafka.streams.state.HostInfo;

/** How the service keeps and shows runs: the keys that begin with {@code fullrank.metrics}. */
@ConfigMapping(prefix = "fullrank.metrics")
public interface MetricsConfiguration {

  /** Returns how many running runs at most have series of their own. */
  @WithDefault("200")
  int maxActiveRuns();

  /** Returns how many watches one caller may have open. */
  @WithDefault("1000")
  int maxWatches();

  /**
   * Returns the name under which instances share the work, and that their changelogs begin with.
   */
  @WithDefault("fullrank-metrics")
  String group();

  /** Returns the folder of the state stores. */
  @WithDefault("${java.io.tmpdir}/fullrank-metrics-${fullrank.grpc.port}")
  Path stateDirectory();

  /** Returns how many further instances keep a copy of each state store. */
  @WithDefault("0")
  int standbyReplicas();

  /** Returns how many threads fold records. */
  @WithDefault("1")
  int threads();

  /** Returns how much memory outside the heap the state stores may take together, in bytes. */
  @WithDefault("67108864")
  long storeMemoryBytes();

  /** Returns the address at which other instances reach this one's gRPC, {@code host:port}. */
  Optional<String> advertisedAddress();

  /** Returns how long after its end an experiment is deleted; for ever kept without it. */
  Optional<Duration> retention();

  /**
   * Checks what types cannot say, and makes the folder of the state stores.
   *
   * @param host where the service listens
   * @param port the port of its gRPC server
   * @throws IllegalArgumentException naming the key whose value cannot work
   */
  default void requireUsable(String host, int port) {
    require(maxActiveRuns() >= 0, "max-active-runs", maxActiveRuns(), "must not be negative");
    require(maxWatches() >= 1, "max-watches", maxWatches(), "must be at least 1");
    require(!group().isBlank(), "group", group(), "must not be blank");
    require(standbyReplicas() >= 0, "standby-replicas", standbyReplicas(), "must not be negative");
    require(threads() >= 1, "threads", threads(), "must be at least 1");
    require(
        storeMemoryBytes() >= 1, "store-memory-bytes", storeMemoryBytes(), "must be at least 1");
    retention()
        .ifPresent(age -> require(!age.isNegative(), "retention", age, "must not be negative"));
    HostInfo unused = address(host, port);
    try {
      StateFolder.makeOwn(stateDirectory());
    } catch (IOException unusable) {
      throw new IllegalArgumentException(
          "fullrank.metrics.state-directory: '%s' cannot be used: %s"
              .formatted(stateDirectory(), unusable.getMessage()),
          unusable);
    }
  }

  private static void require(boolean condition, String key, Object value, String what) {
    if (!condition) {
      throw new IllegalArgumentException(
          "fullrank.metrics.%s: '%s' %s".formatted(key, value, what));
    }
  }

  /**
   * Returns where other instances reach this one.
   *
   * @param host where it listens
   * @param port the port of its gRPC server
   * @throws IllegalArgumentException naming the key whose value is no address
   */
  default HostInfo address(String host, int port) {
    if (advertisedAddress().isPresent()) {
      String given = advertisedAddress().get();
      if (!given.matches("\\S+:\\d{1,5}")) {
        throw new IllegalArgumentException(
            "fullrank.metrics.advertised-address: '%s' is not host:port".formatted(given));
      }
      return HostInfo.buildFromEndpoint(given);
    }
    try {
      InetAddress listening = InetAddress.getByName(host);
      return new HostInfo(
          listening.isAnyLocalAddress() ? InetAddress.getLocalHost().getHostAddress() : host, port);
    } catch (UnknownHostException unknown) {
      throw new IllegalArgumentException(
          "fullrank.metrics.advertised-address: is not given, and this machine's address is not "
              + "known",
          unknown);
    }
  }
}
