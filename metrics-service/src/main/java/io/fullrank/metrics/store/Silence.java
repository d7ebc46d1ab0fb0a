package io.fullrank.metrics.store;

import com.google.protobuf.Timestamp;
import io.fullrank.metrics.v1.StoredRun;
import io.fullrank.proto.v1.RunState;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * When a running run that is trained outside Fullrank counts as stalled: once three of its
 * heartbeat intervals have passed without an event. A run that has promised no interval yet is
 * given {@link #ASSUMED_INTERVAL}.
 */
final class Silence {

  /** The interval of a run that has not sent a heartbeat yet. */
  static final Duration ASSUMED_INTERVAL = Duration.ofSeconds(10);

  private static final int INTERVALS = 3;

  private Silence() {}

  /** Returns when a run is stalled if nothing comes before; empty if it cannot be. */
  static Optional<Instant> limit(StoredRun run) {
    if (!RunHistory.isKnown(run)
        || !RunHistory.isExternal(run.getRequest())
        || RunHistory.state(run) != RunState.RUN_STATE_RUNNING
        || !run.hasLastEventAt()) {
      return Optional.empty();
    }
    Timestamp last = run.getLastEventAt();
    return Optional.of(
        Instant.ofEpochSecond(last.getSeconds(), last.getNanos())
            .plus(interval(run).multipliedBy(INTERVALS)));
  }

  /** Returns whether a run is stalled. */
  static boolean isStalled(StoredRun run, Instant now) {
    return limit(run).filter(limit -> !limit.isAfter(now)).isPresent();
  }

  private static Duration interval(StoredRun run) {
    Duration promised =
        Duration.ofSeconds(
            run.getHeartbeatInterval().getSeconds(), run.getHeartbeatInterval().getNanos());
    return promised.isZero() ? ASSUMED_INTERVAL : promised;
  }
}
