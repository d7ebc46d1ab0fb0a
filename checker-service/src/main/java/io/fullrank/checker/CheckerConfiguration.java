package io.fullrank.checker;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** The keys that begin with {@code fullrank.checker}; docs/configuration.md lists them. */
@ConfigMapping(prefix = "fullrank.checker")
interface CheckerConfiguration {

  /** The consumer group that shares the work. */
  @WithDefault("fullrank-checker")
  String group();

  /**
   * This checker's name in Kafka and in verdicts: unique among running checkers, the same again
   * after a restart. By default host name and gRPC port.
   */
  Optional<String> instance();

  /** Which snapshots are checked: {@code latest} or {@code every}. */
  @WithDefault("latest")
  CheckPolicy policy();

  /** Serialised snapshots held in memory, in bytes. */
  @WithDefault("536870912")
  long memoryBytes();

  /** The longest serialised snapshot that is accepted, in bytes. */
  @WithDefault("268435456")
  long maxSnapshotBytes();

  /** What the matrices that gRPC clients stream may take together, in bytes as f64. */
  @WithDefault("1073741824")
  long maxMatrixBytes();

  /** Native threads of a decomposition. */
  @WithDefault("2")
  int threads();

  /** The keys that begin with {@code fullrank.kafka}. */
  @ConfigMapping(prefix = "fullrank.kafka")
  interface Kafka {

    /** {@code host:port}, comma-separated. */
    @WithDefault("localhost:9092")
    String bootstrapServers();

    /** Further properties of every Kafka client, such as those for security. */
    Map<String, String> properties();
  }

  /** The keys that begin with {@code fullrank.data}. */
  @ConfigMapping(prefix = "fullrank.data")
  interface Data {

    /** Holds one folder per data set; generated data sets need none. */
    @WithDefault("data")
    Path directory();
  }
}
