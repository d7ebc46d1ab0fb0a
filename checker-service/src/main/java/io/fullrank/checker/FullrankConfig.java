package io.fullrank.checker;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** The configuration below {@code fullrank.}, as far as the checker looks at it. */
@ConfigMapping(prefix = "fullrank")
interface FullrankConfig {

  /** How to reach Kafka. */
  Kafka kafka();

  /** Where the data is. */
  Data data();

  /** The checker itself. */
  Checker checker();

  /** {@code fullrank.kafka.*}. */
  interface Kafka {

    /** {@code host:port}, comma-separated. */
    @WithDefault("localhost:9092")
    String bootstrapServers();

    /** Further properties of every Kafka client, such as those for security. */
    Map<String, String> properties();
  }

  /** {@code fullrank.data.*}. */
  interface Data {

    /**
     * Holds one folder per data set; generated data sets need none. The launcher sets it from
     * {@code --data}.
     */
    @WithDefault("data")
    Path directory();
  }

  /** {@code fullrank.checker.*}. */
  interface Checker {

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
  }
}
