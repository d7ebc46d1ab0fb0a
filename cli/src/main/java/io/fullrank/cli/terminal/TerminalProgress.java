package io.fullrank.cli.terminal;

import io.fullrank.cli.message.Runs;
import io.fullrank.proto.v1.Run;
import io.fullrank.proto.v1.RunState;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Bars on a terminal, drawn again in place. */
final class TerminalProgress implements ProgressDisplay {

  // Lines are cut at the terminal's edge instead of wrapped, so that each stays one line.
  private static final String WRAP_OFF = "\u001b[?7l";
  private static final String WRAP_ON = "\u001b[?7h";
  private static final String TO_FIRST_LINE = "\u001b[%dA\r";
  private static final String CLEAR_LINE = "\u001b[K";
  private static final String CLEAR_BELOW = "\u001b[J";

  private final PrintStream out;
  private final int rows;
  private int drawn;

  /**
   * Prepares to draw.
   *
   * @param rows the terminal's height
   */
  TerminalProgress(PrintStream out, int rows) {
    this.out = out;
    this.rows = rows;
  }

  @Override
  public void show(List<Run> runs) {
    draw(lines(runs, Math.max(2, rows - 2)));
  }

  @Override
  public void close() {
    drawn = 0;
  }

  // If there are more runs than lines, running ones are shown first, and the rest is counted.
  private static List<String> lines(List<Run> runs, int limit) {
    List<Run> shown = runs;
    if (runs.size() > limit) {
      List<Run> running = new ArrayList<>(runs);
      running.removeIf(run -> run.getState() != RunState.RUN_STATE_RUNNING);
      shown = running.subList(0, Math.min(running.size(), limit - 1));
    }
    Function<Run, String> experiment = RunLine.experiment(runs);
    List<String> lines =
        new ArrayList<>(
            shown.stream().map(run -> experiment.apply(run) + RunLine.withBar(run)).toList());
    if (shown.size() < runs.size()) {
      long ended = runs.stream().filter(Runs::hasEnded).count();
      lines.add(
          "… %d runs in all: %d ended, %d waiting"
              .formatted(
                  runs.size(),
                  ended,
                  runs.stream()
                      .filter(run -> run.getState() == RunState.RUN_STATE_PENDING)
                      .count()));
    }
    return lines;
  }

  private void draw(List<String> lines) {
    StringBuilder frame = new StringBuilder(WRAP_OFF);
    if (drawn > 0) {
      frame.append(TO_FIRST_LINE.formatted(drawn));
    }
    for (String line : lines) {
      frame.append(line).append(CLEAR_LINE).append('\n');
    }
    frame.append(CLEAR_BELOW).append(WRAP_ON);
    drawn = lines.size();
    out.print(frame);
    out.flush();
  }
}
