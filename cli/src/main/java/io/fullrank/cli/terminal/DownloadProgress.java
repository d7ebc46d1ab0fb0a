package io.fullrank.cli.terminal;

import java.io.PrintStream;
import java.util.Locale;
import java.util.OptionalLong;

/**
 * Shows how a download gets on, or the sending of a file: a bar on a terminal, else only what is
 * done.
 */
public final class DownloadProgress {

  private static final int BAR_CELLS = 20;
  private static final double MEGABYTE = 1e6;
  private static final String CLEAR_LINE = "\r\u001b[K";

  private final PrintStream out;
  private final boolean terminal;
  private String shown = "";

  public DownloadProgress(PrintStream out, boolean terminal) {
    this.out = out;
    this.terminal = terminal;
  }

  /** Shows how many of a file's bytes have arrived, or have been sent. */
  public void show(String name, long bytes, OptionalLong total) {
    if (!terminal) {
      return;
    }
    String line =
        total.isPresent()
            ? "  %s  %s  %s of %s MB"
                .formatted(
                    name,
                    bar(bytes, total.getAsLong()),
                    megabytes(bytes),
                    megabytes(total.getAsLong()))
            : "  %s  %s MB".formatted(name, megabytes(bytes));
    if (!line.equals(shown)) {
      shown = line;
      out.print(CLEAR_LINE + line);
      out.flush();
    }
  }

  /** Says that a file was sent, and what became of it. */
  public void sent(String name, String what) {
    end(name, what);
  }

  /** Says that a file has arrived and has the published digest. */
  public void done(String name) {
    end(name, "downloaded, SHA-256 as published");
  }

  /** Says that a file was there before. */
  public void isThere(String name) {
    end(name, "already there, SHA-256 as published");
  }

  /** Says that a file came out of an archive. */
  public void unpacked(String name) {
    end(name, "unpacked, SHA-256 as published");
  }

  private void end(String name, String what) {
    out.printf("%s  %s  %s%n", shown.isEmpty() ? "" : CLEAR_LINE, name, what);
    shown = "";
  }

  private static String bar(long bytes, long total) {
    int full = total == 0 ? BAR_CELLS : (int) (BAR_CELLS * Math.min(bytes, total) / total);
    return "█".repeat(full) + "░".repeat(BAR_CELLS - full);
  }

  private static String megabytes(long bytes) {
    return String.format(Locale.ROOT, "%.1f", bytes / MEGABYTE);
  }
}
