package io.fullrank.trainer;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/** The keys that begin with {@code fullrank.trainer}; docs/configuration.md lists them. */
@ConfigMapping(prefix = "fullrank.trainer")
interface TrainerConfiguration {

  /** The instance's name, unique among trainers; random if absent. */
  Optional<String> name();

  /** The consumer group that shares the runs. */
  @WithDefault("fullrank-trainer")
  String group();

  /** Bytes of snapshots that may wait for the broker before further ones are dropped. */
  @WithDefault("268435456")
  long queueBytes();

  /** Where checkpoints lie; without one, none are taken. */
  Optional<Path> checkpointDirectory();

  /** How much time is between two checkpoints of a run at least. */
  @WithDefault("5m")
  Duration checkpointInterval();

  /** How long a run that is given up may take to stop and write its checkpoint. */
  @WithDefault("20s")
  Duration stopTimeout();

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

    /** Holds one folder per data set. */
    @WithDefault("data")
    Path directory();
  }
}
