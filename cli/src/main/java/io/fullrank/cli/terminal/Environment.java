package io.fullrank.cli.terminal;

import io.fullrank.cli.installation.Installation;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.OptionalInt;

/**
 * What surrounds a command.
 *
 * @param out takes the results that were asked for
 * @param err takes messages about what went wrong
 * @param terminalRows the height of the terminal that {@code out} is; absent if it is a pipe or a
 *     file
 * @param home the root of the installation
 */
public record Environment(PrintStream out, PrintStream err, OptionalInt terminalRows, Path home) {

  /** Returns the environment that the launcher describes by system properties. */
  public static Environment ofProcess() {
    return new Environment(
        utf8(FileDescriptor.out),
        utf8(FileDescriptor.err),
        Integer.getInteger("fullrank.terminal.rows") == null
            ? OptionalInt.empty()
            : OptionalInt.of(Integer.getInteger("fullrank.terminal.rows")),
        Path.of(System.getProperty("fullrank.home", "")).toAbsolutePath());
  }

  public Installation installation() {
    return Installation.sourceTree(home);
  }

  /** Returns a display of the progress of runs. */
  public ProgressDisplay progressDisplay() {
    return terminalRows.isPresent()
        ? new TerminalProgress(out, terminalRows.getAsInt())
        : new PlainProgress(out, System::nanoTime);
  }

  /** Returns a display of the progress of downloads. */
  public DownloadProgress downloadProgress() {
    return new DownloadProgress(out, terminalRows.isPresent());
  }

  /** Returns what shows the progress of a certification, on the terminal that errors go to. */
  public CheckProgress checkProgress() {
    return new CheckProgress(err, terminalRows.isPresent(), System::nanoTime);
  }

  // Terminals and files use UTF-8, whatever the locale says.
  private static PrintStream utf8(FileDescriptor descriptor) {
    return new PrintStream(new FileOutputStream(descriptor), true, StandardCharsets.UTF_8);
  }
}
