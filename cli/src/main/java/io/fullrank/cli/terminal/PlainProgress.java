package io.fullrank.cli.terminal;

import io.fullrank.proto.v1.Phase;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunState;
import java.io.PrintStream;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.LongSupplier;

/**
 * Lines in a pipe or a file: one whenever a run's state or phase changes, and now and then in
 * between.
 */
public final class PlainProgress implements ProgressDisplay {

  private static final Duration INTERVAL = Duration.ofSeconds(10);

  private final PrintStream out;
  private final LongSupplier nanoTime;
  private final Map<String, Printed> printed = new HashMap<>();

  private record Printed(RunState state, Phase phase, String line, long at) {}

  /**
   * Prepares to print.
   *
   * @param nanoTime the clock, as {@link System#nanoTime()}
   */
  public PlainProgress(PrintStream out, LongSupplier nanoTime) {
    this.out = out;
    this.nanoTime = nanoTime;
  }

  @Override
  public void show(List<Run> runs) {
    Function<Run, String> experiment = RunLine.experiment(runs);
    for (Run run : runs) {
      Printed now =
          new Printed(
              run.getState(),
              run.getProgress().getPhase(),
              experiment.apply(run) + RunLine.plain(run),
              nanoTime.getAsLong());
      Printed before = printed.get(run.getRequest().getRun());
      if (isWorthALine(before, now)) {
        out.println(now.line());
        printed.put(run.getRequest().getRun(), now);
      }
    }
    out.flush();
  }

  @Override
  public void close() {
    out.flush();
  }

  private static boolean isWorthALine(Printed before, Printed now) {
    if (before == null) {
      return now.state() != RunState.RUN_STATE_PENDING;
    }
    return before.state() != now.state()
        || (now.state() == RunState.RUN_STATE_RUNNING && before.phase() != now.phase())
        || (now.state() == RunState.RUN_STATE_RUNNING
            && now.at() - before.at() > INTERVAL.toNanos()
            && !before.line().equals(now.line()));
  }
}
