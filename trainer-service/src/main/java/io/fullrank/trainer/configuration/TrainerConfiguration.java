package io.fullrank.trainer.configuration;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;

/** The keys that begin with {@code fullrank.trainer}; docs/configuration.md lists them. */
@ConfigMapping(prefix = "fullrank.trainer")
public interface TrainerConfiguration {

  // The metrics service keeps no request of more than twice as many bytes.
  int LARGEST_EXPERIMENT = 128 << 10;

  /** The instance's name, unique among trainers; random if absent. */
  Optional<String> name();

  /** Whether runs are trained here; without, the service only takes reports of external runs. */
  @WithDefault("true")
  boolean trains();

  /** What programs outside Fullrank may report. */
  Ingest ingest();

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
        maxExperimentBytes() >= 1 && maxExperimentBytes() <= LARGEST_EXPERIMENT,
        "max-experiment-bytes",
        maxExperimentBytes(),
        "must be 1 to " + LARGEST_EXPERIMENT);
    require(maxParameters() >= 1, "max-parameters", maxParameters(), "must be at least 1");
    ingest().requireUsable();
  }

  private static void require(boolean condition, String key, Object value, String what) {
    if (!condition) {
      throw new IllegalArgumentException(
          "fullrank.trainer.%s: '%s' %s".formatted(key, value, what));
    }
  }

  /** The keys that begin with {@code fullrank.trainer.ingest}. */
  interface Ingest {

    // What an array of Java holds, less room for what a snapshot carries besides its tensors.
    int LARGEST_SNAPSHOT = Integer.MAX_VALUE - (1 << 20);

    /**
     * Features, weights and gradients of one snapshot, in bytes: 20,000 rows of 20,000 float32 and
     * a little more.
     */
    @WithDefault("1677721600")
    long maxSnapshotBytes();

    /**
     * What the snapshots of all streams that are not yet with the broker take together, in bytes,
     * outside the Java heap; by default three quarters of the largest heap.
     */
    OptionalLong bufferBytes();

    /** How many streams may be open. */
    @WithDefault("256")
    int maxStreams();

    /** How often an external run has to report something, a heartbeat if nothing else. */
    @WithDefault("10s")
    Duration heartbeatInterval();

    /** How long a stream may be silent before it is ended; the client connects again. */
    @WithDefault("60s")
    Duration idleTimeout();

    private void requireUsable() {
      require(
          maxSnapshotBytes() >= 1 && maxSnapshotBytes() <= LARGEST_SNAPSHOT,
          "ingest.max-snapshot-bytes",
          maxSnapshotBytes(),
          "must be 1 to " + LARGEST_SNAPSHOT);
      require(
          bufferBytes().orElse(1) >= 1,
          "ingest.buffer-bytes",
          bufferBytes().orElse(1),
          "must be at least 1");
      require(maxStreams() >= 1, "ingest.max-streams", maxStreams(), "must be at least 1");
      require(
          heartbeatInterval().compareTo(Duration.ofSeconds(1)) >= 0,
          "ingest.heartbeat-interval",
          heartbeatInterval(),
          "must be at least 1s");
      require(
          idleTimeout().compareTo(heartbeatInterval()) > 0,
          "ingest.idle-timeout",
          idleTimeout(),
          "must be longer than fullrank.trainer.ingest.heartbeat-interval, " + heartbeatInterval());
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
