package io.fullrank.checker.configuration;

import io.fullrank.certificate.Backend;
import io.fullrank.certificate.BackendChoice;
import io.fullrank.certificate.backend.BackendUnavailableException;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** The checker itself: the keys that begin with {@code fullrank.checker}. */
@ConfigMapping(prefix = "fullrank.checker")
public interface CheckerConfiguration {

  /**
   * This checker's name in Kafka and in verdicts: unique among running checkers, the same again
   * after a restart. By default host name and gRPC port.
   */
  Optional<String> name();

  /** The consumer group that shares the work. */
  @WithDefault("fullrank-checker")
  String group();

  /** Which snapshots are checked: {@code latest} or {@code every}. */
  @WithDefault("latest")
  CheckPolicy policy();

  /** Serialised snapshots held in memory, in bytes. By default half of the Java heap. */
  OptionalLong memoryBytes();

  /** The longest serialised snapshot that is accepted, in bytes. By default all that are held. */
  OptionalInt maxSnapshotBytes();

  /** What the matrices that gRPC clients stream may take together, in bytes as float64. */
  @WithDefault("1073741824")
  long maxMatrixBytes();

  /**
   * How long a gRPC client may let the server wait for the next piece of its matrix, and, besides
   * the time that its bytes take at the least pace, for all pieces together.
   */
  @WithDefault("PT60S")
  Duration matrixIdleTimeout();

  /**
   * What each check may keep to carry certificates over to the next snapshots, such as certified
   * features, in bytes.
   */
  @WithDefault("1073741824")
  long carryOverBytes();

  /**
   * How much of a bound on the smallest singular value has to be left for it to be carried over,
   * between 0 and 1; below, features are certified afresh.
   */
  @WithDefault("0.5")
  double carryOverFraction();

  /** Which features' singular values are looked at: {@code witness} or {@code never}. */
  @WithDefault("witness")
  SpectrumPolicy spectrum();

  /**
   * What computes certificates: {@code cuda}, {@code openblas}, or {@code auto}, which is CUDA
   * where a usable device is there.
   */
  @WithDefault("auto")
  Backend backend();

  /**
   * A folder with jars of checks that third parties wrote. By default there are none; see <a
   * href="checks.md">checks</a>.
   */
  Optional<Path> plugins();

  /** Native threads of a decomposition. */
  @WithDefault("2")
  int threads();

  /**
   * Checks what types cannot say.
   *
   * @throws IllegalArgumentException naming the key whose value cannot work
   */
  default void requireUsable() {
    require(!group().isBlank(), "group", group(), "must not be blank");
    long held = heldBytes(this);
    long most = Runtime.getRuntime().maxMemory() / 3 * 2;
    require(
        held >= 1 && held <= most,
        "memory-bytes",
        held,
        "must be at least 1 and at most two thirds of the Java heap, %d".formatted(most));
    int longest = longestBytes(this);
    require(
        longest >= 1 && longest <= held,
        "max-snapshot-bytes",
        longest,
        "must be at least 1 and at most fullrank.checker.memory-bytes, %d".formatted(held));
    require(maxMatrixBytes() >= 1, "max-matrix-bytes", maxMatrixBytes(), "must be at least 1");
    require(
        matrixIdleTimeout().compareTo(Duration.ZERO) > 0,
        "matrix-idle-timeout",
        matrixIdleTimeout(),
        "must be positive");
    require(
        carryOverBytes() >= 0,
        "carry-over-bytes",
        carryOverBytes(),
        "must be at least 0, which carries nothing over");
    require(
        carryOverFraction() >= 0 && carryOverFraction() <= 1,
        "carry-over-fraction",
        carryOverFraction(),
        "must be in [0, 1]");
    require(threads() >= 1, "threads", threads(), "must be at least 1");
  }

  /**
   * Makes what computes certificates ready.
   *
   * @throws IllegalArgumentException naming the key if it cannot be used here
   */
  static BackendChoice chooseBackend(CheckerConfiguration checker) {
    try {
      return checker.backend().choose(checker.threads());
    } catch (BackendUnavailableException unavailable) {
      throw new IllegalArgumentException(
          "fullrank.checker.backend: '%s' cannot be used, %s"
              .formatted(checker.backend(), unavailable.getMessage()),
          unavailable);
    }
  }

  /** Returns the bytes of serialised snapshots that a checker so configured holds at most. */
  static long heldBytes(CheckerConfiguration checker) {
    return checker.memoryBytes().orElse(Runtime.getRuntime().maxMemory() / 2);
  }

  /** Returns the bytes of the longest serialised snapshot that a checker so configured accepts. */
  static int longestBytes(CheckerConfiguration checker) {
    return checker.maxSnapshotBytes().orElse((int) Math.min(heldBytes(checker), Integer.MAX_VALUE));
  }

  private static void require(boolean condition, String key, Object value, String what) {
    if (!condition) {
      throw new IllegalArgumentException(
          "fullrank.checker.%s: '%s' %s".formatted(key, value, what));
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
