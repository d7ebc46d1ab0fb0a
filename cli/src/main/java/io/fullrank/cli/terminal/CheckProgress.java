package io.fullrank.cli.terminal;

import io.fullrank.certificate.result.Progress;
import java.io.PrintStream;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * Shows how far a certification has come: a bar with rate and time left, on a terminal, for stages
 * that take longer than a second. Elsewhere it shows nothing.
 */
public final class CheckProgress implements Progress {

  private static final int BAR_CELLS = 20;
  private static final long UPDATE_NANOS = 200_000_000;
  private static final long SHORT_NANOS = 1_000_000_000;
  private static final String CLEAR_LINE = "\r\u001b[K";

  private final PrintStream out;
  private final boolean terminal;
  private final LongSupplier clock;
  private String stage = "";
  private long start;
  private double doneAtStart;
  private long shownAt;
  private boolean shown;

  /**
   * Shows progress.
   *
   * @param clock gives nanoseconds since some moment
   */
  public CheckProgress(PrintStream out, boolean terminal, LongSupplier clock) {
    this.out = out;
    this.terminal = terminal;
    this.clock = clock;
  }

  @Override
  public synchronized void report(String name, double done, double all) {
    if (!terminal) {
      return;
    }
    long now = clock.getAsLong();
    if (!name.equals(stage) || done < doneAtStart) {
      stage = name;
      start = now;
      doneAtStart = done;
      shownAt = now;
      return;
    }
    if (now - start < SHORT_NANOS || now - shownAt < UPDATE_NANOS) {
      return;
    }
    shownAt = now;
    shown = true;
    double rate = (done - doneAtStart) / ((now - start) * 1e-9);
    double part = Math.min(1, done / all);
    int full = (int) (BAR_CELLS * part);
    out.printf(
        Locale.ROOT,
        "%s%s  %s%s  %.0f %%  %s  %s left",
        CLEAR_LINE,
        stage,
        "█".repeat(full),
        "░".repeat(BAR_CELLS - full),
        100 * part,
        rate(rate),
        rate > 0 ? time((all - done) / rate) : "?");
    out.flush();
  }

  /** Eliminations count products, each with an addition; the other stages count rows. */
  private String rate(double perSecond) {
    return stage.equals("elimination")
        ? String.format(Locale.ROOT, "%.0f GFLOP/s", 2e-9 * perSecond)
        : String.format(Locale.ROOT, "%.0f rows/s", perSecond);
  }

  private static String time(double seconds) {
    long whole = Math.round(seconds);
    return whole < 60
        ? whole + " s"
        : whole < 3600
            ? "%d min %d s".formatted(whole / 60, whole % 60)
            : "%d h %d min".formatted(whole / 3600, whole / 60 % 60);
  }

  /** Removes the bar. */
  public synchronized void end() {
    if (shown) {
      out.print(CLEAR_LINE);
      out.flush();
    }
  }
}
