package io.fullrank.trainer.configuration;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** The keys that begin with {@code fullrank.trainer}; docs/configuration.md lists them. */
@ConfigMapping(prefix = "fullrank.trainer")
public interface TrainerConfiguration {

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

  /** How many runs an experiment may have. */
  @WithDefault("2000")
  int maxRuns();

  /** How long an experiment may be as a message, in bytes; every run carries it. */
  @WithDefault("65536")
  int maxExperimentBytes();

  /** How many parameters a network may have. */
  @WithDefault("268435456")
  int maxParameters();

  /**
   * Checks what types cannot say.
   *
   * @throws IllegalArgumentException naming the key whose value cannot work
   */
  default void requireUsable() {
    require(!group().isBlank(), "group", group(), "must not be blank");
    require(queueBytes() >= 1, "queue-bytes", queueBytes(), "must be at least 1");
    require(
        !checkpointInterval().isNegative(),
        "checkpoint-interval",
        checkpointInterval(),
        "must not be negative");
    require(!stopTimeout().isNegative(), "stop-timeout", stopTimeout(), "must not be negative");
    require(maxRuns() >= 1, "max-runs", maxRuns(), "must be at least 1");
    require(
        maxExperimentBytes() >= 1,
        "max-experiment-bytes",
        maxExperimentBytes(),
        "must be at least 1");
    require(maxParameters() >= 1, "max-parameters", maxParameters(), "must be at least 1");
  }

  private static void require(boolean condition, String key, Object value, String what) {
    if (!condition) {
      throw new IllegalArgumentException(
          "fullrank.trainer.%s: '%s' %s".formatted(key, value, what));
    }
  }

  /** The keys that begin with {@code fullrank.data}. */
  @ConfigMapping(prefix = "fullrank.data")
  interface Data {

    /** Holds one folder per data set. */
    @WithDefault("data")
    Path directory();
  }
}
