package io.fullrank.metrics.store;

import io.fullrank.proto.v1.RunState;
import java.util.EnumMap;
import java.util.Map;

/**
 * Figures of all runs together.
 *
 * @param runs how many runs are in which state; states that no run is in are left out
 * @param unaccounted snapshots of ended runs that were neither checked nor skipped nor dropped
 * @param held ended runs that kept the bound on their loss
 * @param violated ended runs that broke it
 */
public record RunTotals(Map<RunState, Long> runs, long unaccounted, long held, long violated) {

  /** The figures of no runs. */
  static final RunTotals NONE = new RunTotals(Map.of(), 0, 0, 0);

  /** Returns how many runs are in a state. */
  public long runs(RunState state) {
    return runs.getOrDefault(state, 0L);
  }

  /** Returns the figures of these runs and of others. */
  RunTotals plus(RunTotals others) {
    Map<RunState, Long> together = new EnumMap<>(RunState.class);
    together.putAll(runs);
    others.runs.forEach((state, count) -> together.merge(state, count, Long::sum));
    return new RunTotals(
        together, unaccounted + others.unaccounted, held + others.held, violated + others.violated);
  }
}
